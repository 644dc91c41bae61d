//! macOS has none of the flags for it, and what it has is the socket's or the descriptor's.
//!
//! Between the receipt of a descriptor and its mark a child could inherit it: es-guard starts its children by
//! `posix_spawn`, which is told to pass nothing on ([`spawn`](crate::macos::spawn)).

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::socket::MsgFlags;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Nothing goes with it.
pub(super) const RECEIVING: MsgFlags = MsgFlags::empty();

/// No signal when the other side has closed; and where it is not to wait, the socket itself does not: `sosend` of the
/// kernel looks at that, and not at `MSG_DONTWAIT`.
pub(super) fn sending(socket: BorrowedFd<'_>, flags: MsgFlags) -> Result<MsgFlags, Errno> {
    let on: libc::c_int = 1;
    // SAFETY:
    // - `on` is readable for as many bytes as are told.
    Errno::result(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NOSIGPIPE,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    })
    // The other side has closed: the sending itself says so.
    .or_else(|errno| if errno == Errno::EINVAL { Ok(0) } else { Err(errno) })?;
    if flags.contains(MsgFlags::MSG_DONTWAIT) {
        let now = OFlag::from_bits_retain(fcntl(socket, FcntlArg::F_GETFL)?);
        if !now.contains(OFlag::O_NONBLOCK) {
            fcntl(socket, FcntlArg::F_SETFL(now | OFlag::O_NONBLOCK))?;
        }
    }
    Ok(MsgFlags::empty())
}

/// They close on exec.
pub(super) fn received(fds: &[OwnedFd]) -> Result<(), Errno> {
    for fd in fds {
        fcntl(fd.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    Ok(())
}
