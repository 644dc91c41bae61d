//! A copy of a thing of any type, or of a whole tree, as like the original as this user may make it.
//!
//! Everything goes by handles, and no symlink is followed: others may change a tree while it is copied. A copy
//! has the content with its holes, hard links among what is copied, type, mode, owner and group, extended
//! attributes and access control lists, and the times of last access and change. It has no inode flags
//! (chattr(1)), and no hard links to what is elsewhere.

use super::content;
use super::descent::{Descent, LOOK, TreeError, named};
use super::discard::discard;
use super::looks::{Attributes, Lost, attributes, give, open_up};
use super::shift::shift;
use crate::stash::Meta;
use endpoint_sec::linux::handle::{Handle, Kind, Stat};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, SFlag, fstat, makedev, mkdirat, mknodat};
use nix::unistd::{linkat, symlinkat};
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

/// Copies the entry `name` of one directory to the new entry `copy` of another, and tells what the copy is
/// without. What can't be read, and what is mounted below it, is an error; then there is no copy.
///
/// # Errors
/// `EEXIST` where there is something of that name.
pub fn copy(
    from: BorrowedFd<'_>,
    name: &CStr,
    to: BorrowedFd<'_>,
    copy: &CStr,
) -> Result<Vec<Lost>, TreeError> {
    let (from, into) = (Descent::begin(from)?, Descent::begin(to)?);
    let mut copying = Copying { from, into, begun: false, linked: HashMap::new(), lost: Vec::new() };
    match copying.tree(name, copy) {
        Ok(()) => Ok(copying.lost),
        Err(error) => {
            if copying.begun {
                // What can't be removed is a name that nothing refers to; the first error is what matters.
                let _ = discard(to, copy);
            }
            Err(error)
        }
    }
}

/// The same, and the copy has its name only once it is whole: who is killed in between leaves `….part`,
/// which the next to try removes.
pub fn copy_whole(
    from: BorrowedFd<'_>,
    name: &CStr,
    to: BorrowedFd<'_>,
    whole: &CStr,
) -> Result<Vec<Lost>, TreeError> {
    let part = CString::new([whole.to_bytes(), b".part"].concat()).unwrap_or_default();
    discard(to, &part)?;
    let lost = copy(from, name, to, &part)?;
    if let Err(errno) = shift(to, &part, to, whole) {
        let _ = discard(to, &part);
        return Err(Descent::begin(to)?.refused("write", whole)(errno));
    }
    Ok(lost)
}

/// A tree that is being copied.
struct Copying {
    from: Descent,
    into: Descent,
    /// Whether the copy is there, if only in part.
    begun: bool,
    /// Where the first copy of an inode with several names is: from the directory that the copy is made in.
    linked: HashMap<(u64, u64), Vec<CString>>,
    lost: Vec<Lost>,
}

/// A directory that is being copied.
struct Level {
    left: Vec<CString>,
    looks: (Meta, Attributes),
}

impl Copying {
    fn tree(&mut self, name: &CStr, copy: &CStr) -> Result<(), TreeError> {
        let mut levels: Vec<Level> = self.one(name, copy)?.into_iter().collect();
        while let Some(level) = levels.last_mut() {
            if let Some(name) = level.left.pop() {
                match self.one(&name, &name) {
                    Ok(below) => levels.extend(below),
                    // Somebody removed it meanwhile: it is no part of the tree.
                    Err(TreeError::Refused { doing: LOOK, errno: Errno::ENOENT, .. }) => {}
                    Err(error) => return Err(error),
                }
            } else if let Some(Level { looks, .. }) = levels.pop() {
                let (name, copy) = (self.from.up()?, self.into.up()?);
                self.dress(&name, &copy, &looks)?;
            }
        }
        Ok(())
    }

    /// Copies one thing; of a directory it tells what is to be copied into it.
    fn one(&mut self, name: &CStr, copy: &CStr) -> Result<Option<Level>, TreeError> {
        let (there, stat) = self.from.look(name)?;
        let several = stat.nlink > 1 && stat.kind != Kind::Directory;
        if several && self.link(&stat, copy)? {
            return Ok(None);
        }
        let looked =
            fstat(&there).and_then(|found| Ok((Meta::without_attributes(&found), attributes(&there)?)));
        let looks = looked.map_err(self.from.refused("read the attributes of", name))?;
        self.make(&there, &stat, &looks.0, name, copy)?;
        if stat.kind == Kind::Directory {
            let (made, _) = self.into.look(copy)?;
            open_up(&made).map_err(self.into.refused("make writable", copy))?;
            self.from.down(name, there)?;
            self.into.down(copy, made)?;
            let left = self.from.list().map_err(self.from.refused("list", c""))?;
            return Ok(Some(Level { left, looks }));
        }
        self.dress(name, copy, &looks)?;
        if several {
            let place = self.into.names().cloned().chain([copy.to_owned()]).collect();
            self.linked.insert((stat.dev, stat.ino), place);
        }
        Ok(None)
    }

    /// Makes the new thing, with its content.
    fn make(
        &mut self,
        there: &Handle,
        stat: &Stat,
        meta: &Meta,
        name: &CStr,
        copy: &CStr,
    ) -> Result<(), TreeError> {
        let writing = self.into.refused("write", copy);
        let reading = self.from.refused("read", name);
        let into = self.into.here();
        match stat.kind {
            Kind::Directory => mkdirat(into, copy, Mode::S_IRWXU).map_err(writing)?,
            Kind::Symlink => {
                let target = there.read_link(c"").map_err(reading)?;
                let target = CString::new(target).unwrap_or_default();
                symlinkat(target.as_c_str(), into, copy).map_err(writing)?;
            }
            Kind::Regular => {
                let from = read(there).map_err(reading)?;
                let new =
                    OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let made = openat(into, copy, new, Mode::S_IRUSR | Mode::S_IWUSR);
                let made = File::from(made.map_err(self.into.refused("write", copy))?);
                self.begun = true;
                content::copy(&from, &made, i64::try_from(meta.size).unwrap_or(i64::MAX)).map_err(writing)?;
            }
            Kind::Other => {
                let kind = SFlag::from_bits_truncate(stat.mode & SFlag::S_IFMT.bits());
                let device = makedev(u64::from(stat.rdev.0), u64::from(stat.rdev.1));
                mknodat(into, copy, kind, Mode::S_IRUSR | Mode::S_IWUSR, device).map_err(writing)?;
            }
        }
        self.begun = true;
        Ok(())
    }

    /// Gives the new thing what is said of the old one.
    fn dress(
        &mut self,
        name: &CStr,
        copy: &CStr,
        (meta, attributes): &(Meta, Attributes),
    ) -> Result<(), TreeError> {
        let (made, _) = self.into.look(copy)?;
        let lost =
            give(&made, meta, attributes).map_err(self.from.refused("keep the attributes of", name))?;
        self.lost.extend(lost.into_iter().map(|what| Lost { path: self.from.path(name), what }));
        Ok(())
    }

    /// Where it was copied under another name already, makes a hard link to that copy.
    fn link(&mut self, stat: &Stat, copy: &CStr) -> Result<bool, TreeError> {
        let Some(place) = self.linked.get(&(stat.dev, stat.ino)) else { return Ok(false) };
        let Some((name, dirs)) = place.split_last() else { return Ok(false) };
        // Back to where the copy began, and down again: a path may be longer than the kernel takes.
        let linked = self.into.beginning().and_then(|mut dir| {
            for down in dirs {
                dir = Handle::open_at(dir.as_fd(), down, OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY)?;
            }
            linkat(&dir, name.as_c_str(), self.into.here(), copy, AtFlags::empty())
        });
        linked.map_err(self.into.refused("link", copy))?;
        Ok(true)
    }
}

/// Opens a file's content, without a trace where this user may.
pub(super) fn read(file: &Handle) -> Result<File, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let open = |flags| open(&named(file), flags, Mode::empty());
    open(flags | OFlag::O_NOATIME).or_else(|_| open(flags)).map(File::from)
}
