//! Going down into a tree and up again by handles alone, whatever others do to it meanwhile.
//!
//! Only the directory it is in is held open, however deep that lies: a tree may be deeper than descriptors are
//! many and paths are long. Going up is by `..`, and comes back to the very directory it went down from or not
//! at all.

use endpoint_sec::linux::handle::{Handle, Stat};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Why a tree can't be gone through. Paths are relative to the directory it began in.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The kernel refuses.
    #[error("{doing} {}: {errno}", path.display())]
    Refused {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What it said.
        errno: Errno,
    },
    /// What is there belongs to something else.
    #[error("go into {}: another file system is mounted there. Unmount it first", path.display())]
    Mount {
        /// The mount point.
        path: PathBuf,
    },
    /// It can't be told what it is a part of any more.
    #[error("come back from {}: it was moved away meanwhile. Try again", path.display())]
    Elsewhere {
        /// Where it was.
        path: PathBuf,
    },
}

impl TreeError {
    /// What the kernel said, or what it says of such a thing.
    pub fn errno(&self) -> Errno {
        match self {
            TreeError::Refused { errno, .. } => *errno,
            TreeError::Mount { .. } => Errno::EXDEV,
            TreeError::Elsewhere { .. } => Errno::ESTALE,
        }
    }
}

/// What looking at a name is called in errors.
pub(super) const LOOK: &str = "look at";

/// A place in a tree.
#[derive(Debug)]
pub(super) struct Descent {
    beginning: Handle,
    here: Handle,
    /// The mount that it stays in.
    mount: u64,
    /// The directories above, from where it began: device and inode number, and the name it went down by.
    above: Vec<((u64, u64), CString)>,
}

impl Descent {
    /// Begins in a directory.
    pub(super) fn begin(dir: BorrowedFd<'_>) -> Result<Self, TreeError> {
        let begun = dir.try_clone_to_owned().map_err(|_| Errno::EMFILE).map(Handle::from_fd);
        let refused = |errno| TreeError::Refused { doing: "open", path: PathBuf::from("."), errno };
        let here = begun.map_err(refused)?;
        let mount = here.stat().map_err(refused)?.mount;
        let beginning = here.duplicate().map_err(refused)?;
        Ok(Self { beginning, here, mount, above: Vec::new() })
    }

    /// The directory it began in.
    pub(super) fn beginning(&self) -> Result<Handle, Errno> {
        self.beginning.duplicate()
    }

    /// The directory it is in.
    pub(super) fn here(&self) -> BorrowedFd<'_> {
        self.here.as_fd()
    }

    /// The path of a name in the directory it is in.
    pub(super) fn path(&self, name: &CStr) -> PathBuf {
        let down = self.above.iter().map(|(_, name)| name.as_c_str());
        down.chain([name]).map(|name| OsStr::from_bytes(name.to_bytes())).collect()
    }

    /// The names it went down by.
    pub(super) fn names(&self) -> impl Iterator<Item = &CString> {
        self.above.iter().map(|(_, name)| name)
    }

    /// An error with a name in the directory it is in.
    pub(super) fn refused(
        &self,
        doing: &'static str,
        name: &CStr,
    ) -> impl FnOnce(Errno) -> TreeError + use<> {
        let path = self.path(name);
        move |errno| TreeError::Refused { doing, path, errno }
    }

    /// What is at a name, a symlink not being followed.
    pub(super) fn look(&self, name: &CStr) -> Result<(Handle, Stat), TreeError> {
        let opened = Handle::open_at(self.here(), name, OFlag::O_NOFOLLOW);
        let found = opened.and_then(|there| there.stat().map(|stat| (there, stat)));
        let (there, stat) = found.map_err(self.refused(LOOK, name))?;
        if stat.mount != self.mount {
            return Err(TreeError::Mount { path: self.path(name) });
        }
        Ok((there, stat))
    }

    /// Goes down to a directory that was found at a name.
    pub(super) fn down(&mut self, name: &CStr, there: Handle) -> Result<(), TreeError> {
        let above = self.here.stat().map_err(self.refused("look at the directory of", name))?;
        self.above.push(((above.dev, above.ino), name.to_owned()));
        self.here = there;
        Ok(())
    }

    /// Goes up again, and tells by which name it had come down.
    pub(super) fn up(&mut self) -> Result<CString, TreeError> {
        let Some((expected, name)) = self.above.pop() else { return Ok(CString::default()) };
        let opened = Handle::open_at(self.here(), c"..", OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY);
        let found = opened.and_then(|there| there.stat().map(|stat| (there, stat)));
        let (there, stat) = found.map_err(self.refused("come back from", &name))?;
        if (stat.dev, stat.ino) != expected {
            return Err(TreeError::Elsewhere { path: self.path(&name) });
        }
        self.here = there;
        Ok(name)
    }

    /// The names in the directory it is in.
    pub(super) fn list(&self) -> Result<Vec<CString>, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let open = |flags| Dir::openat(self.here(), c".", flags, Mode::empty());
        // Only its owner may read it without a trace.
        let mut dir = open(flags | OFlag::O_NOATIME).or_else(|_| open(flags))?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        Ok(names)
    }
}

/// The path by which a handle is reached as what it is, a symlink not being followed: what has no descriptor of
/// its own is named so. See `/proc/pid/fd` in proc(5).
pub(super) fn named(handle: &Handle) -> PathBuf {
    format!("/proc/self/fd/{}", handle.as_raw_fd()).into()
}
