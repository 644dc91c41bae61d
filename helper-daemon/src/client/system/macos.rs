//! On macOS 27 an embedded helper needs nothing but the entitlement; before, only root's may judge.

use super::{NONE, SystemError};
use crate::embedded::Judge;
use crate::place::SOCKET;
use endpoint_sec::macos::Framework;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{AddressFamily, SockFlag, SockType};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A socket that closes on exec.
pub(super) fn socket() -> Result<OwnedFd, Errno> {
    let socket = nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None)?;
    fcntl(socket.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(socket)
}

/// Whose process listens at the other end.
pub(super) fn user(socket: BorrowedFd<'_>) -> Result<u32, Errno> {
    let framework = Framework::load().map_err(|_| Errno::ENOSYS)?;
    framework.peer(socket).map(|peer| peer.effective_user())
}

/// By whom a new session is judged: by an embedded helper where macOS has clients for the caller's descendants, unless
/// the system's is asked for; else by the system's.
pub(super) fn judge(asked: Option<&Path>) -> Result<Judge, SystemError> {
    let framework = Framework::load().map_err(|error| SystemError::NoEngine(error.to_string()))?;
    if framework.has_descendants_clients() && asked.is_none_or(|path| path == Path::new(NONE)) {
        return Ok(Judge::Here(None));
    }
    match super::judge(asked)? {
        Judge::System(channel) => Ok(Judge::System(channel)),
        Judge::Here(_) => Err(SystemError::NoEngine(format!(
            "before macOS 27 only a helper of root's may guard, and none listens at {SOCKET}. Install it (sudo es-guard helper install; docs/macos.md has what it needs), or use macOS 27. Nothing was run"
        ))),
    }
}
