//! On Linux one call does it all.

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use std::os::fd::{BorrowedFd, OwnedFd};

/// With what is received: descriptors close on exec from the first moment.
pub(super) const RECEIVING: MsgFlags = MsgFlags::MSG_CMSG_CLOEXEC;

/// With what is sent: no signal when the other side has closed.
pub(super) fn sending(_: BorrowedFd<'_>, _: MsgFlags) -> Result<MsgFlags, Errno> {
    Ok(MsgFlags::MSG_NOSIGNAL)
}

/// Nothing is left to do to what came.
pub(super) fn received(_: &[OwnedFd]) -> Result<(), Errno> {
    Ok(())
}
