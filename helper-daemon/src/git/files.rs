//! Opening what may be anything: files of a repository, bounded, and never waited for.

use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

/// Device and inode.
pub(super) type Key = (u64, u64);

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    key: Key,
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    fn of(stat: &FileStat) -> Self {
        Self {
            key: key(stat),
            size: stat.st_size,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    /// When the inode was last changed, in nanoseconds since the epoch.
    pub(super) fn changed(&self) -> i128 {
        i128::from(self.changed.0) * 1_000_000_000 + i128::from(self.changed.1)
    }
}

/// What a name is, followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    File(Identity),
    Directory(Key),
}

fn key(stat: &FileStat) -> Key {
    (stat.st_dev, stat.st_ino)
}

fn is(stat: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == kind
}

/// A regular file or a directory.
pub(super) fn find(at: impl AsFd, path: &[u8]) -> Option<Found> {
    let stat = fstatat(at, path, AtFlags::empty()).ok()?;
    if is(&stat, SFlag::S_IFDIR) {
        Some(Found::Directory(key(&stat)))
    } else {
        is(&stat, SFlag::S_IFREG).then(|| Found::File(Identity::of(&stat)))
    }
}

/// Whether there is something of this name, a symlink that leads nowhere being something.
pub(super) fn exists(at: impl AsFd, path: &[u8]) -> bool {
    fstatat(at, path, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok()
}

/// The device and inode of something open.
pub(super) fn key_of(fd: impl AsFd) -> Option<Key> {
    fstat(fd).ok().as_ref().map(key)
}

/// The size of an open regular file.
pub(super) fn size_of(file: &File) -> Option<u64> {
    let stat = fstat(file).ok()?;
    if is(&stat, SFlag::S_IFREG) { u64::try_from(stat.st_size).ok() } else { None }
}

/// A place, as a directory.
pub(super) fn open_dir(at: impl AsFd, path: &[u8]) -> Option<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    openat(at, path, flags, Mode::empty()).ok()
}

/// A regular file, for reading. A fifo is not waited for, a terminal not taken.
pub(super) fn open_file(at: impl AsFd, path: &[u8]) -> Option<(File, Identity)> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let file = File::from(openat(at, path, flags, Mode::empty()).ok()?);
    let stat = fstat(&file).ok()?;
    is(&stat, SFlag::S_IFREG).then(|| (file, Identity::of(&stat)))
}

/// A whole file of at most `limit` bytes, whatever it says that it has.
pub(super) fn read(at: impl AsFd, path: &[u8], limit: u64) -> Option<(Vec<u8>, Identity)> {
    let (file, identity) = open_file(at, path)?;
    if identity.size as u64 > limit {
        return None;
    }
    let mut bytes = Vec::new();
    let count = file.take(limit + 1).read_to_end(&mut bytes).ok()?;
    (count as u64 <= limit).then_some((bytes, identity))
}

/// The path that a file of one line names (`.git`, `commondir`).
pub(super) fn read_path(at: impl AsFd, path: &[u8], prefix: &[u8]) -> Option<Vec<u8>> {
    let (bytes, _) = read(at, path, 2 * 4096)?;
    let line = bytes.strip_prefix(prefix)?;
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'))?;
    Some(line[..=end].to_vec())
}
