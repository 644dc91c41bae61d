//! What Linux has for a process that stands in for another.

use super::SessionError;
use crate::cli::EngineChoice;
use endpoint_sec::unix::held::Held;
use helper_daemon::embedded::Judge;
use helper_daemon::engine::bpf_lsm;
use helper_daemon::policy::{GIT_DIR, Policy};
use helper_daemon::protocol::{ChannelError, Wanted};
use nix::errno::Errno;
use nix::unistd::Pid;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Should the helper die, the agent becomes this process's child, and its end is still seen.
pub(super) fn adopt_whom_the_helper_leaves() -> Result<(), Errno> {
    nix::sys::prctl::set_child_subreaper(true)
}

/// From here on no process of the same user can trace or read this one; the agent is not forked from it.
pub(super) fn hide() -> Result<(), Errno> {
    nix::sys::prctl::set_dumpable(false)
}

/// The agent, which the helper hands over.
pub(super) fn held(_: Pid, fds: Vec<OwnedFd>) -> Result<Held, SessionError> {
    let held = fds.into_iter().next().ok_or(ChannelError::Closed)?;
    Ok(Held::from_fd(held))
}

/// What this engine refuses that others let through.
pub(super) fn limits(engine: &str) -> &'static [&'static str] {
    if engine == bpf_lsm::NAME { &bpf_lsm::LIMITS } else { &[] }
}

/// Why an engine can't be asked for.
#[derive(Debug, thiserror::Error)]
pub(in crate::wrap) enum NotPrepared {
    #[error(
        "the engine {0} is the system's helper's alone, as loading it needs root, and no such helper is used. Install it (sudo es-guard helper install), or take another engine: --engine seccomp"
    )]
    NeedsTheSystemsHelper(EngineChoice),
    #[error("make the folder {path}, so that what is to be kept in it is guarded: {source}")]
    Folder { path: PathBuf, source: std::io::Error },
}

/// What must be so before a session is asked for, and what a helper is then asked for.
pub(super) fn prepare_for(
    engine: EngineChoice,
    judge: &Judge,
    policy: &Policy,
) -> Result<Option<Wanted>, NotPrepared> {
    match (engine, judge) {
        (EngineChoice::Seccomp, _) | (EngineChoice::Auto, Judge::Here(_)) => Ok(None),
        (EngineChoice::BpfLsm, Judge::Here(_)) => Err(NotPrepared::NeedsTheSystemsHelper(engine)),
        // Where the kernel can't guard for want of a folder, seccomp does.
        (EngineChoice::Auto, Judge::System(_)) => Ok(make_folders(policy).is_ok().then_some(Wanted::Auto)),
        (EngineChoice::BpfLsm, Judge::System(_)) => {
            make_folders(policy)?;
            let has_git = || policy.visible_zones().any(|zone| has_git(&zone.path));
            let can_alone = bpf_lsm::supports(policy).is_ok() && !has_git();
            Ok(Some(if can_alone { Wanted::BpfLsm } else { Wanted::BpfLsmAndSeccomp }))
        }
    }
}

/// What is to be guarded before it is there is guarded by its name in its directory.
fn make_folders(policy: &Policy) -> Result<(), NotPrepared> {
    for zone in policy.zones.iter().filter(|zone| zone.internal) {
        let above = zone.path.parent().unwrap_or(&zone.path);
        let failed = |source| NotPrepared::Folder { path: above.to_owned(), source };
        std::fs::create_dir_all(above).map_err(failed)?;
    }
    Ok(())
}

/// Whether a zone lies in a git work tree, is one, or has one in it at once.
fn has_git(zone: &Path) -> bool {
    let is_git = |folder: &Path| folder.join(GIT_DIR).symlink_metadata().is_ok();
    let mut below = std::fs::read_dir(zone).into_iter().flatten().flatten();
    zone.ancestors().any(is_git) || below.any(|entry| is_git(&entry.path()))
}
