//! Passing descriptors over a Unix socket (`unix(7)`, `unix(4)`, `SCM_RIGHTS`).

#[cfg_attr(target_os = "linux", path = "handoff/linux.rs")]
#[cfg_attr(target_os = "macos", path = "handoff/macos.rs")]
mod system;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The most descriptors that one message carries here.
pub const MAX_DESCRIPTORS: usize = 8;

/// Sends `bytes` (not empty) and copies of `fds` in one message. Returns how many bytes went out; the
/// descriptors go with the first.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<usize, Errno> {
    send_with(socket, bytes, fds, MsgFlags::empty())
}

/// The same, of as much as there is room for now; `EAGAIN`: there is none.
pub fn send_now(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<usize, Errno> {
    send_with(socket, bytes, fds, MsgFlags::MSG_DONTWAIT)
}

fn send_with(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
    flags: MsgFlags,
) -> Result<usize, Errno> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    let flags = flags | system::sending(socket, flags)?;
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], control, flags, None) {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

/// Receives up to `into.len()` bytes and whatever descriptors came with them, close-on-exec. 0 bytes: the
/// other side has closed.
pub fn receive(socket: BorrowedFd<'_>, into: &mut [u8]) -> Result<(usize, Vec<OwnedFd>), Errno> {
    receive_with(socket, into, MsgFlags::empty())
}

/// The same, of what is there now; `EAGAIN`: nothing is.
pub fn receive_now(socket: BorrowedFd<'_>, into: &mut [u8]) -> Result<(usize, Vec<OwnedFd>), Errno> {
    receive_with(socket, into, MsgFlags::MSG_DONTWAIT)
}

fn receive_with(
    socket: BorrowedFd<'_>,
    into: &mut [u8],
    flags: MsgFlags,
) -> Result<(usize, Vec<OwnedFd>), Errno> {
    let mut control = cmsg_space!([RawFd; MAX_DESCRIPTORS]);
    let mut parts = [IoSliceMut::new(into)];
    let flags = flags | system::RECEIVING;
    let message = loop {
        match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let mut fds = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = control {
            // SAFETY:
            // - the kernel has just installed these descriptors for this message; nothing else owns them.
            fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    system::received(&fds)?;
    Ok((message.bytes, fds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsFd;

    #[test]
    fn a_file_arrives_open() {
        let (here, there) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"content").unwrap();
        file.rewind().unwrap();
        send(here.as_fd(), b"x", &[file.as_fd()]).unwrap();
        let mut bytes = [0; 4];
        let (count, mut fds) = receive(there.as_fd(), &mut bytes).unwrap();
        assert_eq!((count, fds.len()), (1, 1));
        let mut text = String::new();
        std::fs::File::from(fds.remove(0)).read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
    }
}
