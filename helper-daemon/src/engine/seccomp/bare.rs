//! What the kernel would have refused anyway.
//!
//! Before a denial is given: where the bare call would have failed, it fails with the same error, and that is
//! no denial. Nothing here changes anything.

use super::{Seen, Session};
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::caller::{Caller, Credentials};
use endpoint_sec::linux::handle::{Handle, Kind, Stat};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::CString;
use std::os::fd::AsFd;

/// `CAP_FOWNER`, which a sticky directory does not keep away.
const CAP_FOWNER: u64 = 1 << 3;

/// The kernel's questions, in its order (`fs/namei.c`), asked as the caller.
pub(super) struct Bare<'a> {
    session: &'a Session,
    caller: &'a Caller,
}

impl<'a> Bare<'a> {
    pub(super) fn of(session: &'a Session, caller: &'a Caller) -> Self {
        Self { session, caller }
    }

    /// The error of removing `seen`, if any.
    pub(super) fn removal(&self, seen: &Seen, stat: &Stat, directory: bool) -> Option<Errno> {
        self.try_removal(seen, stat, directory).err()
    }

    fn try_removal(&self, seen: &Seen, stat: &Stat, directory: bool) -> Result<(), Errno> {
        let is_directory = stat.kind == Kind::Directory;
        fail(seen.entry.dir.is_read_only(), Errno::EROFS)?;
        if !directory && seen.entry.wants_directory() {
            return Err(if is_directory { Errno::EISDIR } else { Errno::ENOTDIR });
        }
        fail(directory && !is_directory && seen.entry.wants_directory(), Errno::ENOTDIR)?;
        self.may_delete(seen, stat, directory)?;
        fail(stat.mount_root, Errno::EBUSY)?;
        fail(directory && !is_empty(seen), Errno::ENOTEMPTY)
    }

    /// The error of renaming `from` to `to`, if any. `nested`: one lies below the other.
    pub(super) fn rename(
        &self,
        from: (&Seen, &Stat),
        to: (&Seen, Option<&Stat>),
        nested: Option<Nested>,
    ) -> Option<Errno> {
        self.try_rename(from, to, nested).err()
    }

    fn try_rename(
        &self,
        from: (&Seen, &Stat),
        to: (&Seen, Option<&Stat>),
        nested: Option<Nested>,
    ) -> Result<(), Errno> {
        let is_directory = from.1.kind == Kind::Directory;
        fail(from.0.entry.dir.is_read_only(), Errno::EROFS)?;
        let wants_directory = from.0.entry.wants_directory() || to.0.entry.wants_directory();
        fail(!is_directory && wants_directory, Errno::ENOTDIR)?;
        match nested {
            Some(Nested::ToInFrom) => return Err(Errno::EINVAL),
            Some(Nested::FromInTo) => return Err(Errno::ENOTEMPTY),
            None => {}
        }
        if to.1.is_some_and(|target| (target.dev, target.ino) == (from.1.dev, from.1.ino)) {
            return Ok(());
        }
        self.may_delete(from.0, from.1, is_directory)?;
        match to.1 {
            Some(target) => self.may_delete(to.0, target, is_directory)?,
            None => self.may_change_names(&to.0.entry.dir)?,
        }
        self.may_reparent(from, to.0)?;
        fail(from.1.mount_root || to.1.is_some_and(|stat| stat.mount_root), Errno::EBUSY)?;
        fail(to.1.is_some() && is_directory && !is_empty(to.0), Errno::ENOTEMPTY)
    }

    /// The error of exchanging two names, if any.
    pub(super) fn exchange(&self, first: (&Seen, &Stat), second: (&Seen, &Stat)) -> Option<Errno> {
        self.try_exchange(first, second).err()
    }

    fn try_exchange(&self, first: (&Seen, &Stat), second: (&Seen, &Stat)) -> Result<(), Errno> {
        fail(first.0.entry.dir.is_read_only(), Errno::EROFS)?;
        let misnamed =
            |(seen, stat): (&Seen, &Stat)| stat.kind != Kind::Directory && seen.entry.wants_directory();
        fail(misnamed(first) || misnamed(second), Errno::ENOTDIR)?;
        fail(nested(first, (second.0, Some(second.1))).is_some(), Errno::EINVAL)?;
        for (seen, stat) in [first, second] {
            self.may_delete(seen, stat, stat.kind == Kind::Directory)?;
        }
        self.may_reparent(first, second.0)?;
        self.may_reparent(second, first.0)?;
        fail(first.1.mount_root || second.1.mount_root, Errno::EBUSY)
    }

    /// What is asked of every name that goes away.
    fn may_delete(&self, seen: &Seen, stat: &Stat, directory: bool) -> Result<(), Errno> {
        self.may_change_names(&seen.entry.dir)?;
        fail(seen.dir.append_only || stat.kept || self.sticks(&seen.dir, stat), Errno::EPERM)?;
        match (directory, stat.kind == Kind::Directory) {
            (true, false) => Err(Errno::ENOTDIR),
            (false, true) => Err(Errno::EISDIR),
            _ => Ok(()),
        }
    }

    /// A directory that comes into another one is written to: its `..` changes.
    fn may_reparent(&self, moved: (&Seen, &Stat), to: &Seen) -> Result<(), Errno> {
        let stays = (moved.0.dir.dev, moved.0.dir.ino) == (to.dir.dev, to.dir.ino);
        if stays || moved.1.kind != Kind::Directory {
            return Ok(());
        }
        let name = moved.0.entry.plain_name().ok_or(Errno::EINVAL)?;
        let act = Act::MayWrite { dir: &moved.0.entry.dir, name: &name };
        self.session.ask(self.caller, &act).map(drop)
    }

    fn may_change_names(&self, dir: &Handle) -> Result<(), Errno> {
        self.session.ask(self.caller, &Act::MayChangeNames { dir }).map(drop)
    }

    /// In a sticky directory a name is its owner's, and the directory's owner's.
    fn sticks(&self, dir: &Stat, stat: &Stat) -> bool {
        const STICKY: u32 = 0o1000;
        let owner = |uid: u32| uid == stat.uid || uid == dir.uid;
        // Whoever can't be asked is denied, by the same error.
        let may = |caller: Credentials| owner(caller.uid) || caller.capabilities & CAP_FOWNER != 0;
        dir.mode & STICKY != 0 && !self.caller.credentials().is_ok_and(may)
    }
}

/// The error of removing or renaming a name that is not there.
pub(super) fn missing(seen: &Seen) -> Errno {
    if seen.entry.dir.is_read_only() { Errno::EROFS } else { Errno::ENOENT }
}

fn fail(wrong: bool, errno: Errno) -> Result<(), Errno> {
    if wrong { Err(errno) } else { Ok(()) }
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
