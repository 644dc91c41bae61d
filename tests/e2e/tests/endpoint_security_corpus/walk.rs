//! Finding what a path means, as a kernel does before it asks anybody.

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// A name in its directory.
pub(super) struct Entry {
    pub(super) dir: OwnedFd,
    /// As it was written, with slashes at its end.
    pub(super) name: OsString,
}

pub(super) const DIRECTORY: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

impl Entry {
    /// The directory of a path is looked up, its last name is not.
    pub(super) fn find(base: impl AsFd, path: &[u8]) -> Result<Self, Errno> {
        // A zero byte ends a path.
        if matches!(path, [] | [0, ..]) {
            return Err(Errno::ENOENT);
        }
        let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
        let start = path[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let parent = if start == 0 { b".".as_slice() } else { &path[..start] };
        let name = if end == 0 { b"/".as_slice() } else { &path[start..] };
        let dir = openat(base, OsStr::from_bytes(parent), DIRECTORY, Mode::empty())?;
        Ok(Self { dir, name: OsStr::from_bytes(name).to_owned() })
    }

    /// The same, and symlinks at the end are followed.
    pub(super) fn follow(base: impl AsFd, path: &[u8]) -> Result<Self, Errno> {
        let mut entry = Self::find(base, path)?;
        for _ in 0..40 {
            match entry.stat() {
                Ok(stat) if kind(&stat) == SFlag::S_IFLNK => {
                    let target = readlinkat(&entry.dir, entry.bare_name())?;
                    entry = Self::find(&entry.dir, target.as_bytes())?;
                }
                _ => return Ok(entry),
            }
        }
        Err(Errno::ELOOP)
    }

    /// The name without slashes.
    pub(super) fn bare_name(&self) -> &OsStr {
        let bytes = self.name.as_bytes();
        let end = bytes.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
        OsStr::from_bytes(&bytes[..end])
    }

    /// What is there.
    pub(super) fn stat(&self) -> Result<FileStat, Errno> {
        fstatat(&self.dir, self.bare_name(), AtFlags::AT_SYMLINK_NOFOLLOW)
    }

    /// `.` and `..`, and what has a slash at its end and is no directory: the kernel refuses those by itself.
    pub(super) fn is_odd(&self) -> bool {
        let special = ["", ".", ".."].iter().any(|special| self.bare_name() == *special);
        let slash = self.name.len() > self.bare_name().len();
        special || (slash && self.stat().is_ok_and(|stat| kind(&stat) != SFlag::S_IFDIR))
    }

    pub(super) fn device(&self) -> u64 {
        fstat(&self.dir).map_or(0, |stat| stat.st_dev)
    }

    /// Where it is. `None`: too long to be told.
    pub(super) fn path(&self) -> Option<PathBuf> {
        place(&self.dir).map(|dir| dir.join(self.bare_name()))
    }
}

/// Where a directory is.
pub(super) fn place(dir: impl AsFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd())).ok()
}

pub(super) fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

/// A path out of a word.
pub(super) fn os(word: &[u8]) -> OsString {
    OsString::from_vec(word.to_vec())
}
