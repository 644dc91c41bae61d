//! On Linux an embedded helper needs nothing; the system's withstands more.

use super::SystemError;
use crate::embedded::Judge;
use endpoint_sec::linux::peer::Peer;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// A socket that closes on exec.
pub(super) fn socket() -> Result<OwnedFd, Errno> {
    nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
}

/// Whose process listens at the other end.
pub(super) fn user(socket: BorrowedFd<'_>) -> Result<u32, Errno> {
    Peer::of(socket).map(|peer| peer.uid)
}

/// By whom a new session is judged.
pub(super) fn judge(asked: Option<&Path>) -> Result<Judge, SystemError> {
    super::judge(asked)
}
