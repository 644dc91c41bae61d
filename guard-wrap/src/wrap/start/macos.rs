//! What macOS has for a process that stands in for another: little.

use super::SessionError;
use crate::cli::EngineChoice;
use endpoint_sec::unix::held::Held;
use helper_daemon::embedded::Judge;
use helper_daemon::policy::Policy;
use helper_daemon::protocol::Wanted;
use nix::errno::Errno;
use nix::unistd::Pid;
use std::os::fd::OwnedFd;

/// launchd adopts it: should the helper die, the agent is ended.
pub(super) fn adopt_whom_the_helper_leaves() -> Result<(), Errno> {
    Ok(())
}

/// A program with the hardened runtime can't be traced, and no other keeps a process of its own user out.
pub(super) fn hide() -> Result<(), Errno> {
    Ok(())
}

/// The agent, which waits for this process's word: its number is its own until then.
pub(super) fn held(agent: Pid, _: Vec<OwnedFd>) -> Result<Held, SessionError> {
    Ok(Held::open(agent)?)
}

/// What this system's engine refuses that others let through.
pub(super) fn limits(_: &str) -> &'static [&'static str] {
    &helper_daemon::engine::endpoint_security::LIMITS
}

/// Why an engine can't be asked for.
#[derive(Debug, thiserror::Error)]
pub(in crate::wrap) enum NotPrepared {
    #[error("the engine {0} is there on Linux only. Do without --engine")]
    OnlyLinux(EngineChoice),
}

/// What must be so before a session is asked for.
pub(super) fn prepare_for(
    engine: EngineChoice,
    _: &Judge,
    _: &Policy,
) -> Result<Option<Wanted>, NotPrepared> {
    if engine == EngineChoice::Auto { Ok(None) } else { Err(NotPrepared::OnlyLinux(engine)) }
}
