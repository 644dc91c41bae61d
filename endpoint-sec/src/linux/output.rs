//! Where a caller writes its errors, for those who have something to say to it: if that is a pipe, a file or a
//! local socket, which something reads, and no terminal, which somebody looks at.
//!
//! Nothing here waits: a reader that does not read, or a file system that does not answer, holds up nobody.

use crate::linux::caller::{Caller, Unread};
use crate::linux::handle::stat_fd;
use nix::errno::Errno;
use nix::fcntl::{OFlag, SpliceFFlags, splice};
use nix::sys::socket::{AddressFamily, MsgFlags, SockType, getsockname, getsockopt, send, sockopt};
use nix::sys::socket::{SockaddrLike, SockaddrStorage};
use nix::sys::stat::SFlag;
use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, FsType, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC,
    XFS_SUPER_MAGIC, fstatfs,
};
use nix::unistd::{pipe2, write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// File systems that answer by themselves.
const LOCAL: [FsType; 6] = [
    BTRFS_SUPER_MAGIC,
    EXT4_SUPER_MAGIC,
    F2FS_SUPER_MAGIC,
    OVERLAYFS_SUPER_MAGIC,
    TMPFS_MAGIC,
    XFS_SUPER_MAGIC,
];

/// What a pipe takes as a whole or not at all: see pipe(7).
pub const MOST: usize = 4096;

/// A caller's standard error.
#[derive(Debug)]
pub struct ErrorOutput {
    kind: SFlag,
    identity: (u64, u64),
}

impl ErrorOutput {
    /// The caller's, if something reads it that is no terminal.
    pub fn of(caller: &Caller) -> Option<Self> {
        let place = caller.file(2).ok()?;
        let stat = place.stat().ok()?;
        let kind = SFlag::from_bits_truncate(stat.mode & SFlag::S_IFMT.bits());
        let is_read = match kind {
            SFlag::S_IFIFO | SFlag::S_IFSOCK => true,
            SFlag::S_IFREG => fstatfs(&place).is_ok_and(|fs| LOCAL.contains(&fs.filesystem_type())),
            _ => false,
        };
        is_read.then_some(Self { kind, identity: (stat.dev, stat.ino) })
    }

    /// Which one it is: device and inode number.
    pub fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Writes at most [`MOST`] bytes there, in the place of the caller, whose standard error it must be.
    ///
    /// # Errors
    /// `EAGAIN` where there is no room for all of it now; `EPIPE` where nobody reads any more; what
    /// pidfd_getfd(2), send(2), splice(2) and write(2) say.
    pub fn say(&self, caller: &Caller, text: &[u8]) -> Result<(), Errno> {
        let text = &text[..text.len().min(MOST)];
        match self.kind {
            SFlag::S_IFIFO => {
                // The caller's own may wait, and may not be opened anew by whoever is not its maker. Splicing waits
                // for nobody.
                let (from, to) = pipe2(OFlag::O_CLOEXEC)?;
                let length = write(to, text)?;
                splice(from, None, self.copy(caller)?, None, length, SpliceFFlags::SPLICE_F_NONBLOCK)?;
            }
            SFlag::S_IFSOCK => {
                let socket = self.copy(caller)?;
                let family = getsockname::<SockaddrStorage>(socket.as_raw_fd())?.family();
                let kind = getsockopt(&socket, sockopt::SockType)?;
                if family != Some(AddressFamily::Unix) || kind != SockType::Stream {
                    return Err(Errno::EPROTOTYPE);
                }
                send(socket.as_raw_fd(), text, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)?;
            }
            _ => {
                // The caller's own, with its place in the file: what it writes next comes after.
                write(self.copy(caller)?, text)?;
            }
        }
        Ok(())
    }

    fn copy(&self, caller: &Caller) -> Result<OwnedFd, Errno> {
        let copy = caller.copy_descriptor(2).map_err(|unread| match unread {
            Unread::Bare(errno) | Unread::Refused(errno) => errno,
            Unread::Gone => Errno::ESRCH,
        })?;
        let copy = copy.ok_or(Errno::EBADF)?;
        // Another thread may have put something else there meanwhile.
        let stat = stat_fd(copy.as_fd())?;
        if (stat.dev, stat.ino) == self.identity { Ok(copy) } else { Err(Errno::EBADF) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::process::{Child, Command, Stdio};

    /// A child whose standard error is this.
    fn child(stderr: impl Into<Stdio>) -> Child {
        Command::new("sleep").arg("60").stderr(stderr).spawn().expect("sleep runs")
    }

    /// Says it to a child, and ends the child.
    fn say(mut child: Child, text: &[u8]) -> Option<Result<(), Errno>> {
        let caller = Caller::new(child.id() as i32);
        let said = ErrorOutput::of(&caller).map(|output| output.say(&caller, text));
        child.kill().expect("it ends");
        child.wait().expect("its status");
        said
    }

    #[test]
    fn a_pipe_a_socket_and_a_file_get_it() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        assert_eq!(say(child(writer), b"to a pipe"), Some(Ok(())));
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "to a pipe");

        let (mut reader, writer) = UnixStream::pair().unwrap();
        assert_eq!(say(child(OwnedFd::from(writer)), b"to a socket"), Some(Ok(())));
        text.clear();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "to a socket");

        let path = tempfile::NamedTempFile::new().unwrap();
        let mut file = File::create(path.path()).unwrap();
        file.write_all(b"before, ").unwrap();
        assert_eq!(say(child(file.try_clone().unwrap()), b"between, "), Some(Ok(())));
        file.write_all(b"after").unwrap();
        assert_eq!(std::fs::read_to_string(path.path()).unwrap(), "before, between, after");
    }

    #[test]
    fn a_device_gets_nothing() {
        assert_eq!(say(child(Stdio::null()), b"text"), None);
        let terminal = nix::pty::openpty(None, None).unwrap();
        assert_eq!(say(child(terminal.slave), b"text"), None);
    }

    #[test]
    fn a_full_pipe_and_one_that_nobody_reads_hold_up_nobody() {
        let (reader, writer) = std::io::pipe().unwrap();
        let full = child(writer.try_clone().unwrap());
        nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        while write(&writer, &[b'x'; MOST]).is_ok() {}
        assert_eq!(say(full, b"text"), Some(Err(Errno::EAGAIN)));
        drop((reader, writer));

        let (reader, writer) = std::io::pipe().unwrap();
        let mut unread = child(writer);
        drop(reader);
        let caller = Caller::new(unread.id() as i32);
        // A process that another test forks has the reader, too, until it executes or ends.
        let mut said = (0..1000).map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            ErrorOutput::of(&caller).unwrap().say(&caller, b"text")
        });
        assert!(said.any(|said| said == Err(Errno::EPIPE)));
        unread.kill().and_then(|()| unread.wait()).unwrap();
    }
}
