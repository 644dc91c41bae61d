//! Telling a file from a later one that stands in its place, with its inode number.
//!
//! File systems hand out the number of a removed inode at once (ext4: the very next file gets it). The time of
//! birth tells the two apart, but it is read from a clock that ticks every few milliseconds: two files of one
//! tick have the same. What is known beyond doubt:
//!
//! - From Linux 6.13 on, with ext4, xfs, btrfs and tmpfs ("multigrain timestamps"): once somebody has asked for an
//!   inode's change time, its next change is given a finer time, and no file that is made afterwards an earlier
//!   one. A removal changes the inode. So for an inode that was looked at, nothing need be added.
//! - Elsewhere the file handle (`name_to_handle_at(2)`) is asked: it has the inode's generation, which is
//!   another one whenever the number is given out again, or whatever the file system has in its place.

use crate::linux::act_as::look;
use crate::linux::handle::{Handle, Stat, stat_fd};
use nix::errno::Errno;
use nix::sys::statfs::{self, FsType};
use nix::sys::utsname::uname;
use std::cell::Cell;
use std::ffi::CStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::OnceLock;

/// `AT_HANDLE_FID` of `linux/fcntl.h` (6.5): a handle that need not be good for opening.
const AT_HANDLE_FID: i32 = 0x200;
/// `MAX_HANDLE_SZ` of `linux/fs.h`.
const MAX_HANDLE: usize = 128;

/// `struct file_handle` of `open_by_handle_at(2)`, with room.
#[repr(C)]
struct FileHandle {
    bytes: u32,
    kind: i32,
    handle: [u8; MAX_HANDLE],
}

impl Handle {
    /// What is known of the entry `name` below it, with its generation where that is needed to tell it.
    pub fn identify(&self, name: &CStr) -> Result<Stat, Errno> {
        let stat = self.stat_entry(name)?;
        Ok(Stat { generation: generation(self.as_fd(), name, &stat), ..stat })
    }
}

/// The same of an open file.
pub fn identify_fd(fd: BorrowedFd<'_>) -> Result<Stat, Errno> {
    let stat = stat_fd(fd)?;
    Ok(Stat { generation: generation(fd, c"", &stat), ..stat })
}

impl Stat {
    /// Whether both are of one file.
    pub fn is_the_same_as(&self, other: &Stat) -> bool {
        let identity = |stat: &Stat| (stat.dev, stat.ino, stat.born, stat.generation);
        identity(self) == identity(other)
    }

    /// Whether a later file with the same inode number can be told from this one at all.
    pub fn can_be_told(&self) -> bool {
        self.born != 0 || self.generation != 0
    }
}

/// 0 where the birth is enough, or where there is none.
fn generation(dir: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> u64 {
    if stat.born != 0 && births_differ(dir, stat.dev) {
        return 0;
    }
    let decodable = ask(dir, name, 0);
    let answer = match decodable {
        // A file system without generations makes up handles of this kind, too: those tell nothing.
        None if stat.born != 0 || numbers_are_given_once(dir) => ask(dir, name, AT_HANDLE_FID),
        answer => answer,
    };
    answer.unwrap_or(0)
}

fn ask(dir: BorrowedFd<'_>, name: &CStr, flag: i32) -> Option<u64> {
    let mut answer = FileHandle { bytes: MAX_HANDLE as u32, kind: 0, handle: [0; MAX_HANDLE] };
    let mut mount = 0;
    let (to, mount) = (&raw mut answer, &raw mut mount);
    let flags = if name.is_empty() { flag | libc::AT_EMPTY_PATH } else { flag };
    // SAFETY:
    // - `name` is NUL-terminated; `answer` has the layout of a `file_handle` with as much room as it says, and
    //   both it and `mount`, an int, are writable and outlive the call.
    let call = || unsafe {
        libc::syscall(libc::SYS_name_to_handle_at, dir.as_raw_fd(), name.as_ptr(), to, mount, flags)
    };
    look(dir, call).ok()?;
    let mut hasher = DefaultHasher::new();
    let length = (answer.bytes as usize).min(MAX_HANDLE);
    (answer.kind, &answer.handle[..length]).hash(&mut hasher);
    // 0 stands for none.
    Some(hasher.finish() | 1)
}

/// Whether two files of one number can't have one time of birth, if the first was looked at.
fn births_differ(at: BorrowedFd<'_>, dev: u64) -> bool {
    thread_local!(static LAST: Cell<Option<(u64, bool)>> = const { Cell::new(None) });
    if !is_multigrain() {
        return false;
    }
    if let Some((_, known)) = LAST.get().filter(|(of, _)| *of == dev) {
        return known;
    }
    let known = is_of(
        at,
        &[statfs::EXT4_SUPER_MAGIC, statfs::XFS_SUPER_MAGIC, statfs::BTRFS_SUPER_MAGIC, statfs::TMPFS_MAGIC],
    );
    LAST.set(Some((dev, known)));
    known
}

/// FUSE servers promise it, and what an overlay says is what the file system below it says.
fn numbers_are_given_once(at: BorrowedFd<'_>) -> bool {
    is_of(at, &[statfs::FUSE_SUPER_MAGIC, statfs::OVERLAYFS_SUPER_MAGIC])
}

fn is_of(at: BorrowedFd<'_>, types: &[FsType]) -> bool {
    statfs::fstatfs(at).is_ok_and(|found| types.contains(&found.filesystem_type()))
}

/// Whether the kernel is 6.13 or later.
fn is_multigrain() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        uname().is_ok_and(|name| version(&name.release().to_string_lossy()).is_some_and(|v| v >= (6, 13)))
    })
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_kernel_version_is_read() {
        assert_eq!(version("6.18.44-x"), Some((6, 18)));
        assert_eq!(version("5.19"), Some((5, 19)));
        assert_eq!(version("6.13-rc1"), Some((6, 13)));
        assert_eq!(version("x"), None);
    }

    /// Made and made again as fast as can be: many pairs within one tick of the clock.
    fn again(dir: &Path, make: impl Fn(&Path), identify: impl Fn(&Handle) -> Stat) {
        let handle = Handle::open(dir).unwrap();
        let path = dir.join("f");
        let look = || {
            make(&path);
            let stat = identify(&handle);
            std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path)).unwrap();
            (stat.ino, stat.born, stat.generation)
        };
        let mut last = look();
        for _ in 0..200 {
            let next = look();
            assert_ne!(last, next, "in {}", dir.display());
            last = next;
        }
    }

    /// On whatever file systems these are, where files of one number can be told apart.
    fn places() -> Vec<tempfile::TempDir> {
        let dirs = ["/tmp", "/dev/shm", env!("CARGO_MANIFEST_DIR")];
        let mut places: Vec<_> = dirs.iter().filter_map(|at| tempfile::tempdir_in(at).ok()).collect();
        places.retain(|dir| {
            let handle = Handle::open(dir.path()).unwrap();
            let told = asked(&handle, c".").is_some();
            if !told {
                eprintln!("skipped: {} is on a file system without file handles", dir.path().display());
            }
            told
        });
        places
    }

    fn asked(at: &Handle, name: &CStr) -> Option<u64> {
        ask(at.as_fd(), name, 0).or_else(|| ask(at.as_fd(), name, AT_HANDLE_FID))
    }

    #[test]
    fn a_file_made_again_within_a_tick_is_another() {
        for dir in places() {
            let identify = |at: &Handle| at.identify(c"f").unwrap();
            again(dir.path(), |path| drop(std::fs::File::create_new(path).unwrap()), identify);
            again(dir.path(), |path| std::fs::create_dir(path).unwrap(), identify);
            again(dir.path(), |path| std::os::unix::fs::symlink("x", path).unwrap(), identify);
            let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
            again(dir.path(), |path| nix::unistd::mkfifo(path, mode).unwrap(), identify);
        }
    }

    /// What older kernels need, asked of this one.
    #[test]
    fn a_file_made_again_has_another_handle() {
        for dir in places() {
            let by_handle = |at: &Handle| {
                let stat = at.stat_entry(c"f").unwrap();
                Stat { born: 0, generation: asked(at, c"f").unwrap(), ..stat }
            };
            again(dir.path(), |path| drop(std::fs::File::create_new(path).unwrap()), by_handle);
        }
    }

    #[test]
    fn a_file_is_identified_alike_by_name_and_by_descriptor_and_for_good() {
        for dir in places() {
            let file = std::fs::File::create_new(dir.path().join("f")).unwrap();
            let handle = Handle::open(dir.path()).unwrap();
            let one = identify_fd(file.as_fd()).unwrap();
            std::fs::write(dir.path().join("f"), "more").unwrap();
            std::fs::hard_link(dir.path().join("f"), dir.path().join("g")).unwrap();
            let other = handle.identify(c"g").unwrap();
            assert_eq!((one.ino, one.born, one.generation), (other.ino, other.born, other.generation));
            assert_eq!(asked(&Handle::open(&dir.path().join("f")).unwrap(), c""), asked(&handle, c"g"));
            assert!(one.can_be_told());
        }
    }
}
