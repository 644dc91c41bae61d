//! A place in a file system, held open: `O_PATH` descriptors and what `statx(2)` says of them.

use crate::linux::act::owned;
use crate::linux::act_as::look;
use crate::linux::in_person::even_where_kept_out;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

/// An `O_PATH` descriptor: it names a place and gives no access to content.
#[derive(Debug)]
pub struct Handle(OwnedFd);

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the types of inode(7)")]
pub enum Kind {
    Regular,
    Directory,
    Symlink,
    Other,
}

/// What is known of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Device, as `stat(2)` tells it (on btrfs: of the subvolume).
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Type.
    pub kind: Kind,
    /// Number of names.
    pub nlink: u32,
    /// Permission and type bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Which device it is, as (major, minor), where it is one.
    pub rdev: (u32, u32),
    /// Birth time in nanoseconds since the epoch; 0 where the file system keeps none.
    pub born: i128,
    /// What tells it from a later file of its number and birth, if it was [asked for](Handle::identify); else 0.
    pub generation: u64,
    /// Time of the last change of the inode in nanoseconds since the epoch.
    pub changed: i128,
    /// Time of the last change of the content, likewise.
    pub modified: i128,
    /// Time of the last access, likewise.
    pub accessed: i128,
    /// Id of the mount it was reached through (5.8).
    pub mount: u64,
    /// Whether it is the root of that mount.
    pub mount_root: bool,
    /// Whether it may not be removed or renamed by anybody: immutable, or append-only (`chattr(1)`).
    pub kept: bool,
    /// Whether it is append-only: of a directory, names may be added to it only.
    pub append_only: bool,
}

impl Handle {
    /// Opens an absolute path as this process sees it, following symlinks.
    pub fn open(path: &Path) -> Result<Self, Errno> {
        nix::fcntl::open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map(Self)
    }

    /// Opens `name` below `dir`. `extra` are `O_NOFOLLOW`, `O_DIRECTORY` or nothing.
    pub fn open_at(dir: BorrowedFd<'_>, name: &CStr, extra: OFlag) -> Result<Self, Errno> {
        let flags = (OFlag::O_PATH | OFlag::O_CLOEXEC | extra).bits();
        // SAFETY:
        // - `name` is NUL-terminated.
        let open = || i64::from(unsafe { libc::openat(dir.as_raw_fd(), name.as_ptr(), flags) });
        look(dir, open).map(owned).map(Self)
    }

    /// The same as this process itself, whoever the thread looks as: for what procfs says of a caller.
    pub(crate) fn open_itself(dir: BorrowedFd<'_>, name: &CStr, extra: OFlag) -> Result<Self, Errno> {
        nix::fcntl::openat(dir, name, OFlag::O_PATH | OFlag::O_CLOEXEC | extra, Mode::empty()).map(Self)
    }

    /// Takes over an `O_PATH` descriptor.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// The same place again.
    pub fn duplicate(&self) -> Result<Self, Errno> {
        self.0.try_clone().map(Self).map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EMFILE)))
    }

    /// What is known of the place itself.
    pub fn stat(&self) -> Result<Stat, Errno> {
        stat_at(self.as_fd(), c"", libc::AT_EMPTY_PATH)
    }

    /// What is known of the entry `name` below it, a symlink not being followed.
    pub fn stat_entry(&self, name: &CStr) -> Result<Stat, Errno> {
        stat_at(self.as_fd(), name, libc::AT_SYMLINK_NOFOLLOW)
    }

    /// The absolute path of the place as text: seen from the root of the mount namespace that its mount is in.
    /// `ENAMETOOLONG` where it is longer than a page.
    pub fn text(&self) -> Result<Vec<u8>, Errno> {
        let link = ProcLink::own("fd", self.0.as_raw_fd());
        read_link(link.as_c_str())
    }

    /// The target of the symlink `name` below it.
    pub fn read_link(&self, name: &CStr) -> Result<Vec<u8>, Errno> {
        let mut buffer = [0u8; libc::PATH_MAX as usize];
        let to = &raw mut buffer;
        // SAFETY:
        // - `name` is NUL-terminated; the buffer is writable for the length that is passed, and outlives the call.
        let read = || unsafe {
            libc::readlinkat(self.as_raw_fd(), name.as_ptr(), to.cast(), libc::PATH_MAX as usize) as i64
        };
        let length = look(self.as_fd(), read)? as usize;
        Ok(buffer[..length].to_vec())
    }

    /// Whether the place is in a procfs.
    pub fn in_procfs(&self) -> Result<bool, Errno> {
        let found = nix::sys::statfs::fstatfs(&self.0)?;
        Ok(found.filesystem_type() == nix::sys::statfs::PROC_SUPER_MAGIC)
    }

    /// Whether the place is in an overlay.
    pub fn is_in_an_overlay(&self) -> bool {
        nix::sys::statfs::fstatfs(&self.0)
            .is_ok_and(|found| found.filesystem_type() == nix::sys::statfs::OVERLAYFS_SUPER_MAGIC)
    }

    /// Whether a process serves the file system.
    pub fn is_in_user_space(&self) -> bool {
        nix::sys::statfs::fstatfs(&self.0)
            .is_ok_and(|found| found.filesystem_type() == nix::sys::statfs::FUSE_SUPER_MAGIC)
    }

    /// Whether names may be looked up in the directory, by whoever this thread looks as.
    pub(crate) fn may_search(&self) -> Result<(), Errno> {
        let flags = libc::AT_EACCESS | libc::AT_EMPTY_PATH;
        // SAFETY:
        // - the path is NUL-terminated.
        let ask = || unsafe {
            libc::syscall(libc::SYS_faccessat2, self.as_raw_fd(), c"".as_ptr(), libc::X_OK, flags)
        };
        look(self.as_fd(), ask).map(drop)
    }

    /// Whether nothing may be changed there: the mount or its file system is read-only.
    pub fn is_read_only(&self) -> bool {
        nix::sys::statvfs::fstatvfs(&self.0)
            .is_ok_and(|found| found.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY))
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Handle {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// What is known of an open file of any kind.
pub fn stat_fd(fd: BorrowedFd<'_>) -> Result<Stat, Errno> {
    stat_at(fd, c"", libc::AT_EMPTY_PATH)
}

fn stat_at(dir: BorrowedFd<'_>, name: &CStr, flags: i32) -> Result<Stat, Errno> {
    let mask = libc::STATX_BASIC_STATS | libc::STATX_BTIME | libc::STATX_MNT_ID;
    let mut found = std::mem::MaybeUninit::<libc::statx>::zeroed();
    let to = found.as_mut_ptr();
    let ask = || {
        let flags = flags | libc::AT_NO_AUTOMOUNT;
        // SAFETY:
        // - `name` is NUL-terminated; `found` is writable, of the right type, and outlives the call.
        i64::from(unsafe { libc::statx(dir.as_raw_fd(), name.as_ptr(), flags, mask, to) })
    };
    // What is held open needs no leave.
    let asked = if name.is_empty() { even_where_kept_out(&[(dir, None)], ask) } else { look(dir, ask) };
    match asked {
        // Perhaps a mount begins there that keeps this process out.
        Err(Errno::EACCES) if !name.is_empty() => {
            let there = Handle::open_at(dir, name, OFlag::O_NOFOLLOW)?;
            return stat_at(there.as_fd(), c"", libc::AT_EMPTY_PATH);
        }
        looked => looked?,
    };
    // SAFETY:
    // - zeroed is a valid `statx`, and the kernel fills in a valid one.
    let found = unsafe { found.assume_init() };
    let nanos = |t: libc::statx_timestamp| i128::from(t.tv_sec) * 1_000_000_000 + i128::from(t.tv_nsec);
    let has = |bit: u32| found.stx_mask & bit != 0;
    let is = |attribute: i32| found.stx_attributes & attribute as u64 != 0;
    Ok(Stat {
        dev: device(found.stx_dev_major, found.stx_dev_minor),
        ino: found.stx_ino,
        kind: match u32::from(found.stx_mode) & libc::S_IFMT {
            libc::S_IFREG => Kind::Regular,
            libc::S_IFDIR => Kind::Directory,
            libc::S_IFLNK => Kind::Symlink,
            _ => Kind::Other,
        },
        nlink: found.stx_nlink,
        mode: u32::from(found.stx_mode),
        uid: found.stx_uid,
        gid: found.stx_gid,
        size: found.stx_size,
        rdev: (found.stx_rdev_major, found.stx_rdev_minor),
        born: if has(libc::STATX_BTIME) { nanos(found.stx_btime) } else { 0 },
        generation: 0,
        changed: nanos(found.stx_ctime),
        modified: nanos(found.stx_mtime),
        accessed: nanos(found.stx_atime),
        mount: if has(libc::STATX_MNT_ID) { found.stx_mnt_id } else { 0 },
        mount_root: is(libc::STATX_ATTR_MOUNT_ROOT),
        kept: is(libc::STATX_ATTR_IMMUTABLE) || is(libc::STATX_ATTR_APPEND),
        append_only: is(libc::STATX_ATTR_APPEND),
    })
}

/// One number for a device's two.
pub fn device(major: u32, minor: u32) -> u64 {
    u64::from(major) << 32 | u64::from(minor)
}

fn read_link(path: &CStr) -> Result<Vec<u8>, Errno> {
    let mut buffer = [0u8; libc::PATH_MAX as usize];
    // SAFETY:
    // - `path` is NUL-terminated; the buffer is writable for the length that is passed.
    let length = unsafe { libc::readlink(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    let length = Errno::result(length)? as usize;
    if length == buffer.len() { Err(Errno::ENAMETOOLONG) } else { Ok(buffer[..length].to_vec()) }
}

/// A path below `/proc`, formatted without allocating.
pub(crate) struct ProcLink([u8; 64]);

impl ProcLink {
    /// `/proc/self/WHAT/N`.
    pub(crate) fn own(what: &str, n: RawFd) -> Self {
        Self::format(format_args!("/proc/self/{what}/{n}\0"))
    }

    /// `/proc/TID/WHAT`.
    pub(crate) fn of(tid: i32, what: &str) -> Self {
        Self::format(format_args!("/proc/{tid}/{what}\0"))
    }

    /// `/proc/TID/fd/N`.
    pub(crate) fn descriptor(tid: i32, n: RawFd) -> Self {
        Self::format(format_args!("/proc/{tid}/fd/{n}\0"))
    }

    fn format(args: std::fmt::Arguments<'_>) -> Self {
        use std::io::Write;
        let mut buffer = [0u8; 64];
        // Two numbers of at most 11 digits and a short word: always fits.
        let written = (&mut buffer[..63]).write_fmt(args);
        debug_assert!(written.is_ok());
        Self(buffer)
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_handle_tells_its_own_text_and_type() {
        let dir = tempfile::tempdir().unwrap();
        let canonical = dir.path().canonicalize().unwrap();
        let handle = Handle::open(dir.path()).unwrap();
        assert_eq!(handle.text().unwrap(), canonical.as_os_str().as_bytes());
        let stat = handle.stat().unwrap();
        assert_eq!(stat.kind, Kind::Directory);
        assert_ne!(stat.mount, 0);
    }

    #[test]
    fn an_entry_is_told_without_following_it() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("link")).unwrap();
        let handle = Handle::open(dir.path()).unwrap();
        assert_eq!(handle.stat_entry(c"link").unwrap().kind, Kind::Symlink);
        assert_eq!(handle.read_link(c"link").unwrap(), b"/");
        assert_eq!(handle.stat_entry(c"none"), Err(Errno::ENOENT));
    }
}
