//! The process that made a trapped call: its memory, its view of the file system, who it is.

mod ids;
mod memory;
mod program;

pub use ids::{Credentials, OF_FILES, own_credentials};
pub use program::Program;

use crate::linux::handle::{Handle, ProcLink, stat_fd};
use crate::linux::process::copy_descriptor;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// How much of a file in `/proc` is read at once.
const AT_ONCE: usize = 4096;

/// A thread that waits in a trapped call.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    tid: i32,
}

/// Why something could not be read from a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The kernel itself would have failed the call with this error.
    #[error("{0}")]
    Bare(Errno),
    /// The caller may not be read: it made itself undumpable, or runs an execute-only program.
    #[error("read the caller: {0}")]
    Refused(Errno),
    /// The caller is gone.
    #[error("the caller is gone")]
    Gone,
}

impl Caller {
    /// The thread of this id. The caller must still be waiting: see
    /// [`still_valid`](crate::linux::listener::Listener::still_valid).
    pub fn new(tid: i32) -> Self {
        Self { tid }
    }

    /// Thread id.
    pub fn tid(&self) -> i32 {
        self.tid
    }

    /// The caller's root directory.
    pub fn root(&self) -> Result<Handle, Unread> {
        self.open(ProcLink::of(self.tid, "root"), OFlag::O_DIRECTORY)
    }

    /// The caller's working directory.
    pub fn cwd(&self) -> Result<Handle, Unread> {
        self.open(ProcLink::of(self.tid, "cwd"), OFlag::O_DIRECTORY)
    }

    /// The directory behind one of the caller's descriptors: `EBADF` and `ENOTDIR` as the kernel gives them.
    pub fn directory(&self, fd: i32) -> Result<Handle, Unread> {
        if fd == libc::AT_FDCWD { self.cwd() } else { self.descriptor(fd, OFlag::O_DIRECTORY) }
    }

    /// What one of the caller's descriptors refers to.
    pub fn file(&self, fd: i32) -> Result<Handle, Unread> {
        self.descriptor(fd, OFlag::empty())
    }

    fn descriptor(&self, fd: i32, flags: OFlag) -> Result<Handle, Unread> {
        if fd < 0 {
            return Err(Unread::Bare(Errno::EBADF));
        }
        match self.open(ProcLink::descriptor(self.tid, fd), flags) {
            // The descriptor's own entry is missing, unless the whole caller is.
            Err(Unread::Gone) if self.exists() => Err(Unread::Bare(Errno::EBADF)),
            other => other,
        }
    }

    fn exists(&self) -> bool {
        nix::unistd::access(ProcLink::of(self.tid, "status").as_c_str(), nix::unistd::AccessFlags::F_OK)
            .is_ok()
    }

    fn open(&self, link: ProcLink, flags: OFlag) -> Result<Handle, Unread> {
        let proc = nix::fcntl::AT_FDCWD;
        Handle::open_itself(proc, link.as_c_str(), flags).map_err(|e| match e {
            Errno::ENOENT | Errno::ESRCH => Unread::Gone,
            Errno::EACCES | Errno::EPERM => Unread::Refused(e),
            e => Unread::Bare(e),
        })
    }

    /// Inode of one of the caller's namespaces (`user`, `mnt`).
    pub fn namespace(&self, which: &str) -> Result<u64, Unread> {
        let link = self.open(ProcLink::of(self.tid, &format!("ns/{which}")), OFlag::empty())?;
        link.stat().map(|stat| stat.ino).map_err(Unread::Bare)
    }

    /// A handle of the caller's user namespace, for `setns(2)`.
    pub fn user_namespace(&self) -> Result<std::os::fd::OwnedFd, Unread> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        nix::fcntl::open(ProcLink::of(self.tid, "ns/user").as_c_str(), flags, nix::sys::stat::Mode::empty())
            .map_err(Unread::Refused)
    }

    /// A copy of one of the caller's descriptors, with its access. `None`: it is in a table of the thread's own, which
    /// nobody can reach before Linux 6.9.
    pub fn copy_descriptor(&self, fd: i32) -> Result<Option<std::os::fd::OwnedFd>, Unread> {
        let process = self.process_id()?;
        let theirs = self.file(fd)?.stat().map_err(Unread::Bare)?;
        let copy = match copy_descriptor(self.tid, process, fd) {
            Ok(copy) => copy,
            Err(Errno::EBADF) if process != self.tid => return Ok(None),
            Err(errno @ Errno::EBADF) => return Err(Unread::Bare(errno)),
            Err(Errno::ESRCH) => return Err(Unread::Gone),
            Err(errno) => return Err(Unread::Refused(errno)),
        };
        let copied = stat_fd(copy.as_fd()).map_err(Unread::Bare)?;
        Ok(((theirs.dev, theirs.ino) == (copied.dev, copied.ino)).then_some(copy))
    }

    /// The process behind one of the caller's descriptors; `None` where it is no process's, or has ended.
    pub fn process_behind(&self, fd: i32) -> Result<Option<i32>, Unread> {
        let info = match fs::read_to_string(format!("/proc/{}/fdinfo/{fd}", self.tid)) {
            Ok(info) => info,
            Err(_) if self.exists() => return Ok(None),
            Err(_) => return Err(Unread::Gone),
        };
        let pid =
            info.lines().find_map(|line| line.strip_prefix("Pid:")).and_then(|pid| pid.trim().parse().ok());
        Ok(pid.filter(|pid| *pid > 0))
    }

    /// The caller's executable, as a place.
    pub fn executable(&self) -> Result<Handle, Unread> {
        self.open(ProcLink::of(self.tid, "exe"), OFlag::empty())
    }

    /// The text of a file of the caller's in `/proc`.
    fn text(&self, name: &str) -> io::Result<Vec<u8>> {
        // Most are read in one go; whoever asks for the size of such a file first asks several times as often.
        let mut text = Vec::with_capacity(AT_ONCE);
        let mut file = fs::File::open(format!("/proc/{}/{name}", self.tid))?;
        loop {
            let before = text.len();
            file.by_ref().take(AT_ONCE as u64).read_to_end(&mut text)?;
            if text.len() - before < AT_ONCE {
                return Ok(text);
            }
        }
    }

    /// The text of the caller's mount table.
    pub(crate) fn mountinfo(&self) -> Result<Vec<u8>, Unread> {
        self.text("mountinfo").map_err(|_| Unread::Gone)
    }
}

/// Opens the object behind an `O_PATH` handle through `/proc/self/fd`, for calls that take a path.
pub fn proc_path(fd: BorrowedFd<'_>) -> PathBuf {
    use std::os::fd::AsRawFd;
    let link = ProcLink::own("fd", fd.as_fd().as_raw_fd());
    PathBuf::from(std::ffi::OsString::from_vec(link.as_c_str().to_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Caller {
        Caller::new(std::process::id() as i32)
    }

    #[test]
    fn descriptors_fail_as_in_the_kernel() {
        assert_eq!(me().directory(-7).unwrap_err(), Unread::Bare(Errno::EBADF));
        assert_eq!(me().directory(1_000_000).unwrap_err(), Unread::Bare(Errno::EBADF));
        let file = tempfile::tempfile().unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        assert_eq!(me().directory(fd).unwrap_err(), Unread::Bare(Errno::ENOTDIR));
    }
}
