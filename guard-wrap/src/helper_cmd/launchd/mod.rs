//! A helper as a daemon of launchd: its bundle, its plist, how it is started and stopped.
//!
//! The bundle is copied as it was signed, file by file: a changed byte would end its signature.

pub(super) mod status;

use super::HelperError;
use super::install::{HELPER, live_sessions, read, same_version};
use super::layout::{Layout, Part};
use super::manifest::Manifest;
use super::show::Change;
use super::step::{Step, is_program};
use crate::cli::HelperInstallArgs;
use helper_daemon::place::LAUNCHD;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Its name to launchd.
const TARGET: &str = "system/es-guard.helper";
/// What launchd is told.
const PLIST_FILE: &str = "/Library/LaunchDaemons/es-guard.helper.plist";
/// The prefix that the plist names.
const INSTALLED: &str = "/Library/es-guard";
const BUNDLE: &str = "es-guard-helper.app";
/// The rights of the folder that remembers: the bundle is in it, and has to be seen.
pub(super) const STATE_MODE: u32 = 0o755;
/// Files of the helper's own in that folder: it remembers nothing.
pub(super) const FILES: [&str; 0] = [];
/// What is done where it does not run the machine.
pub(super) const WITHOUT: &str =
    "launchd does not run this machine. Write its files for an image with --root";
/// What sessions lose that lose it.
pub(super) const LOSE: &str = "run on unguarded: macOS lets through what nobody judges";
/// What is said once it is removed.
pub(super) const REMOVED: &str = "the helper is removed. Take its entry out of System Settings, Privacy & Security, Full Disk Access, too. Before macOS 27 es-guard wrap now starts nothing";
const GIVE_ACCESS: &str = "now give it Full Disk Access, or it guards nothing: System Settings, Privacy & Security, Full Disk Access, +, Command-Shift-G";

const BOOTSTRAP: Step = Step::Run(&["launchctl", "bootstrap", "system", PLIST_FILE]);
const RESTART: Step = Step::Run(&["launchctl", "kickstart", "-k", TARGET]);

/// Whether launchd runs this machine.
pub(super) fn is_there() -> bool {
    is_program("launchctl")
}

/// No account is needed: it is one process, root's.
pub(super) fn account_is_made_by() -> Option<&'static [&'static str]> {
    None
}

/// All that is to be there.
pub(super) fn wanted(args: &HelperInstallArgs, layout: &Layout) -> Result<Vec<(PathBuf, Part)>, HelperError> {
    let from = bundle(args.from.as_deref())?;
    if layout.is_live() {
        verify(&from)?;
        same_version(&from.join("Contents/MacOS").join(HELPER))?;
    }
    let mut wanted = Vec::new();
    copies(&from, &layout.prefix().join(BUNDLE), &mut wanted)?;
    wanted.push((PLIST_FILE.into(), Part::Text(plist(layout.prefix()))));
    Ok(wanted)
}

/// What launchd is told of a helper below this folder.
fn plist(prefix: &Path) -> String {
    LAUNCHD.replace(&format!("{INSTALLED}/"), &format!("{}/", prefix.display()))
}

/// The bundle, as `helper-daemon/macos/bundle` made it.
fn bundle(from: Option<&Path>) -> Result<PathBuf, HelperError> {
    let me = std::env::current_exe().unwrap_or_default();
    let beside = me.parent().unwrap_or(Path::new("/"));
    // Where this program is in a bundle of its own, the other lies beside that.
    let places = match from {
        Some(folder) => vec![folder.join(BUNDLE)],
        None => vec![
            beside.join(BUNDLE),
            beside.join("../../..").join(BUNDLE),
            beside.join("../../dist").join(BUNDLE),
        ],
    };
    let found = places.iter().find(|place| place.join("Contents/MacOS").join(HELPER).is_file());
    found.cloned().ok_or_else(|| {
        let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        HelperError::NoBundle(places.join(" or "))
    })
}

/// Whether its signature is whole.
fn verify(bundle: &Path) -> Result<(), HelperError> {
    let wrong = |why: String| HelperError::WrongHelper { path: bundle.to_owned(), why };
    let verified = Command::new("/usr/bin/codesign")
        .args(["--verify", "--strict"])
        .arg(bundle)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| wrong(format!("its signature can't be verified: {error}")))?;
    if verified.status.success() {
        Ok(())
    } else {
        Err(wrong(format!(
            "its signature is not whole: {}",
            String::from_utf8_lossy(&verified.stderr).trim()
        )))
    }
}

/// Every file of a folder, and where it goes.
fn copies(from: &Path, to: &Path, wanted: &mut Vec<(PathBuf, Part)>) -> Result<(), HelperError> {
    let failed = |source| HelperError::Read { path: from.to_owned(), source };
    let mut names =
        std::fs::read_dir(from).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    names.sort_by_key(std::fs::DirEntry::file_name);
    for found in names {
        let (from, to) = (found.path(), to.join(found.file_name()));
        let kind = found.file_type().map_err(failed)?;
        if kind.is_dir() {
            copies(&from, &to, wanted)?;
        } else if kind.is_symlink() {
            wanted.push((to, Part::Link(std::fs::read_link(&from).map_err(failed)?)));
        } else {
            let bytes = read(&from)?;
            let runs = found.metadata().map_err(failed)?.permissions().mode() & 0o111 != 0;
            let part = if runs { Part::Program { from, bytes } } else { Part::Copy { from, bytes } };
            wanted.push((to, part));
        }
    }
    Ok(())
}

/// Has launchd take up what was written, before the last record: only then is it complete.
pub(super) fn start(change: &mut Change) {
    let service = Service::look();
    let commands = commands(&change.steps, &service);
    if service.runs && !commands.is_empty() {
        change.live = live_sessions();
    }
    let last = change.steps.len().saturating_sub(1);
    change.steps.splice(last..last, commands);
    if change.steps.iter().any(|step| matches!(step, Step::Record(_))) {
        change.afterwards.push(GIVE_ACCESS.to_owned());
    }
}

fn commands(steps: &[Step], service: &Service) -> Vec<Step> {
    let told_anew =
        steps.iter().any(|step| matches!(step, Step::Put { path, .. } if path == Path::new(PLIST_FILE)));
    match (steps.is_empty(), service.is_known) {
        (true, true) if service.runs => Vec::new(),
        (_, false) => vec![BOOTSTRAP],
        (false, true) if told_anew => vec![Step::TryToRun(&["launchctl", "bootout", TARGET]), BOOTSTRAP],
        (_, true) => vec![RESTART],
    }
}

/// What takes it out of service.
pub(super) fn stop(_: usize) -> Vec<Step> {
    // It may not be there any more, where this was begun before.
    vec![Step::TryToRun(&["launchctl", "bootout", TARGET])]
}

/// What has the system forget it, once its files are gone: launchd has by then.
pub(super) fn forget(_: &Manifest) -> Vec<Step> {
    Vec::new()
}

/// What launchd knows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Service {
    is_known: bool,
    runs: bool,
    /// The status that it ended with last.
    ended: Option<String>,
}

impl Service {
    fn look() -> Self {
        let asked = Command::new("/bin/launchctl").args(["print", TARGET]).stdin(Stdio::null()).output();
        let told = asked.ok().filter(|output| output.status.success());
        told.map_or_else(Self::default, |output| Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Of `launchctl print`, whose lines are `key = value`. Those of the service itself come first.
    fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let mut values =
                text.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix(" = "));
            values.next().map(str::to_owned)
        };
        let ended = value("last exit code").filter(|code| code != "(never exited)" && code != "0");
        Self { is_known: true, runs: value("state").as_deref() == Some("running"), ended }
    }
}

#[cfg(test)]
mod tests;
