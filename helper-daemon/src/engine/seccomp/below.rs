//! Looking through everything below a directory, by handles.

use endpoint_sec::linux::handle::{Handle, Kind, Stat};
use nix::dir::Dir;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::{CStr, OsStr};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A directory: device and inode number.
pub(super) type DirKey = (u64, u64);

/// A tree larger than this is not looked through: that would hold up the session.
const MAX_TREE: usize = 100_000;

/// How a visit goes on.
pub(super) enum Next {
    /// Into it, where it is a directory.
    Deeper,
    /// With the next.
    Past,
    /// No further.
    Stop,
}

/// Calls `each` for everything below a directory, with the directory that it is in, its path from there, its name and
/// what it is; `false` as soon as `each` stops, or where the tree can't be read, is too large, or something is mounted
/// in it: that is not what lies there.
pub(super) fn visit(
    dir: &Handle,
    name: &CStr,
    mut each: impl FnMut(DirKey, &Path, &[u8], &Stat) -> Next,
) -> bool {
    visit_from(dir, name, &mut PathBuf::new(), &mut { MAX_TREE }, &mut each)
}

fn visit_from(
    dir: &Handle,
    name: &CStr,
    below: &mut PathBuf,
    left: &mut usize,
    each: &mut impl FnMut(DirKey, &Path, &[u8], &Stat) -> Next,
) -> bool {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let Ok(handle) = Handle::open_at(dir.as_fd(), name, OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW) else {
        return false;
    };
    let Ok(here) = handle.stat() else { return false };
    let Ok(mut entries) = Dir::openat(dir.as_fd(), name, flags, Mode::empty()) else { return false };
    for entry in entries.iter() {
        let Ok(entry) = entry else { return false };
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let Ok(stat) = handle.identify(name) else { return false };
        if stat.mount != here.mount {
            return false;
        }
        let Some(rest) = left.checked_sub(1) else { return false };
        *left = rest;
        below.push(OsStr::from_bytes(name.to_bytes()));
        let goes_on = match each((here.dev, here.ino), below, name.to_bytes(), &stat) {
            Next::Deeper => stat.kind != Kind::Directory || visit_from(&handle, name, below, left, each),
            Next::Past => true,
            Next::Stop => false,
        };
        below.pop();
        if !goes_on {
            return false;
        }
    }
    true
}
