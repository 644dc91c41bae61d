//! What the kernel would have refused anyway.
//!
//! Before a denial is given: where the bare call would have failed, it fails with the same error, and that is
//! no denial. Nothing here changes anything.

use super::Seen;
use endpoint_sec::linux::handle::{Handle, Kind, Stat};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::CString;
use std::os::fd::AsFd;

/// The error of removing `seen`, if any.
pub(super) fn removal(seen: &Seen, stat: &Stat, directory: bool) -> Option<Errno> {
    let is_directory = stat.kind == Kind::Directory;
    if !is_directory && (directory || seen.entry.wants_directory()) {
        return Some(Errno::ENOTDIR);
    }
    if let Err(errno) = seen.entry.dir.may_change_names() {
        return Some(errno);
    }
    if !directory && is_directory {
        return Some(Errno::EISDIR);
    }
    if stat.mount_root {
        return Some(Errno::EBUSY);
    }
    (directory && !is_empty(seen)).then_some(Errno::ENOTEMPTY)
}

/// The error of renaming `from` to `to`, if any. `nested`: one lies below the other.
pub(super) fn rename(
    from: (&Seen, &Stat),
    to: (&Seen, Option<&Stat>),
    nested: Option<Nested>,
) -> Option<Errno> {
    let from_is_directory = from.1.kind == Kind::Directory;
    if !from_is_directory && (from.0.entry.wants_directory() || to.0.entry.wants_directory()) {
        return Some(Errno::ENOTDIR);
    }
    match nested {
        Some(Nested::ToInFrom) => return Some(Errno::EINVAL),
        Some(Nested::FromInTo) => return Some(Errno::ENOTEMPTY),
        None => {}
    }
    for seen in [from.0, to.0] {
        if let Err(errno) = seen.entry.dir.may_change_names() {
            return Some(errno);
        }
    }
    if let Some(target) = to.1 {
        match (from_is_directory, target.kind == Kind::Directory) {
            (true, false) => return Some(Errno::ENOTDIR),
            (false, true) => return Some(Errno::EISDIR),
            _ => {}
        }
    }
    if from.1.mount_root || to.1.is_some_and(|stat| stat.mount_root) {
        return Some(Errno::EBUSY);
    }
    (to.1.is_some() && from_is_directory && !is_empty(to.0)).then_some(Errno::ENOTEMPTY)
}

/// One of two names lies below the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nested {
    ToInFrom,
    FromInTo,
}

/// Whether one of two names lies below what the other stands for.
pub(super) fn nested(from: (&Seen, &Stat), to: (&Seen, Option<&Stat>)) -> Option<Nested> {
    if is_above(from.1, &to.0.entry.dir) {
        return Some(Nested::ToInFrom);
    }
    to.1.is_some_and(|stat| is_above(stat, &from.0.entry.dir)).then_some(Nested::FromInTo)
}

/// Whether the directory `above` is `dir`, or an ancestor of it.
pub(super) fn is_above(above: &Stat, dir: &Handle) -> bool {
    if above.kind != Kind::Directory {
        return false;
    }
    let Ok(mut here) = dir.duplicate() else { return false };
    let mut last = (0, 0);
    // A path has fewer components than it has bytes; deeper than this no name resolves.
    for _ in 0..100_000 {
        let Ok(stat) = here.stat() else { return false };
        if (stat.dev, stat.ino) == (above.dev, above.ino) {
            return true;
        }
        if (stat.dev, stat.ino) == last || stat.mount_root {
            return false;
        }
        last = (stat.dev, stat.ino);
        let Ok(up) = Handle::open_at(here.as_fd(), c"..", OFlag::O_DIRECTORY) else {
            return false;
        };
        here = up;
    }
    false
}

/// Whether the directory `seen` is empty; one that can't be read counts as empty, so that the denial stands.
fn is_empty(seen: &Seen) -> bool {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let Ok(name) = CString::new(seen.entry.bare_name()) else { return true };
    let Ok(mut dir) = Dir::openat(seen.entry.dir.as_fd(), name.as_c_str(), flags, Mode::empty()) else {
        return true;
    };
    !dir.iter().flatten().any(|entry| entry.file_name() != c"." && entry.file_name() != c"..")
}
