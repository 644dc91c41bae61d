//! What Linux has for a process that stands in for another.

use super::SessionError;
use endpoint_sec::unix::held::Held;
use helper_daemon::protocol::ChannelError;
use nix::errno::Errno;
use nix::unistd::Pid;
use std::os::fd::OwnedFd;

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

/// What this system's engines refuse that others let through.
pub(super) fn limits() -> &'static [&'static str] {
    &[]
}
