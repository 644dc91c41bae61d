//! Following a caller's path one component at a time.
//!
//! The slow way, for what a single `openat2(2)` can't do as the caller: absolute symlinks and `..` under
//! another root, and `/proc`, whose `self` is the caller and whose magic links jump.

use crate::linux::caller::{Caller, Unread};
use crate::linux::handle::{Handle, Kind, Stat};
use crate::linux::station::{as_the_user, is_stationed};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::ffi::{CStr, CString};
use std::os::fd::AsFd;

/// The kernel's limit on symlinks in one path (`MAXSYMLINKS`).
pub(crate) const MAX_LINKS: usize = 40;
/// procfs's own root directory (`PROC_ROOT_INO`).
const PROC_ROOT: u64 = 1;

/// Follows a path to a directory, in which another name is looked up then.
pub(crate) fn directory(caller: &Caller, base: Handle, path: &[u8]) -> Result<Handle, Unread> {
    let found = walk(caller, base, path, false)?;
    match found.stat().map_err(Unread::Bare)?.kind {
        Kind::Directory => Ok(found),
        _ => Err(Unread::Bare(Errno::ENOTDIR)),
    }
}

/// Follows a path to what it names, its last symlink too.
pub(crate) fn anything(caller: &Caller, base: Handle, path: &[u8]) -> Result<Handle, Unread> {
    walk(caller, base, path, true)
}

fn walk(caller: &Caller, base: Handle, path: &[u8], to_its_end: bool) -> Result<Handle, Unread> {
    let root = caller.root()?;
    let root_stat = root.stat().map_err(Unread::Bare)?;
    let mut walk = Walk { caller, root, root_stat, current: base, pending: Vec::new(), links: 0, to_its_end };
    walk.push(path)?;
    while let Some(name) = walk.pending.pop() {
        walk.step(&name)?;
    }
    Ok(walk.current)
}

struct Walk<'a> {
    caller: &'a Caller,
    root: Handle,
    root_stat: Stat,
    current: Handle,
    /// Components still to follow, the next one last.
    pending: Vec<Vec<u8>>,
    links: usize,
    /// Whether the path ends where the walk does.
    to_its_end: bool,
}

impl Walk<'_> {
    fn push(&mut self, path: &[u8]) -> Result<(), Unread> {
        if path.starts_with(b"/") {
            self.current = self.root.duplicate().map_err(Unread::Bare)?;
        }
        let components = path.split(|&b| b == b'/').filter(|c| !c.is_empty());
        let start = self.pending.len();
        self.pending.extend(components.map(Vec::from));
        self.pending[start..].reverse();
        Ok(())
    }

    fn step(&mut self, name: &[u8]) -> Result<(), Unread> {
        if name == b".." && self.at_root()? {
            return Ok(());
        }
        let c_name = CString::new(name).map_err(|_| Unread::Bare(Errno::EINVAL))?;
        let open = || Handle::open_at(self.current.as_fd(), &c_name, OFlag::O_NOFOLLOW);
        let in_procfs = is_stationed() && self.current.in_procfs().map_err(Unread::Bare)?;
        let next = if in_procfs { as_the_user(open) } else { open() }.map_err(Unread::Bare)?;
        let found = next.stat().map_err(Unread::Bare)?;
        if found.kind != Kind::Symlink {
            self.current = next;
            return Ok(());
        }
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Unread::Bare(Errno::ELOOP));
        }
        let is_last = self.to_its_end && self.pending.is_empty();
        match link(self.caller, &self.current, &c_name, &found, is_last)? {
            Link::Text(target) => self.push(&target),
            Link::Object(object) => {
                self.current = object;
                Ok(())
            }
        }
    }

    fn at_root(&self) -> Result<bool, Unread> {
        let here = self.current.stat().map_err(Unread::Bare)?;
        let root = &self.root_stat;
        Ok((here.dev, here.ino, here.mount) == (root.dev, root.ino, root.mount))
    }
}

/// What a symlink leads to.
pub(crate) enum Link {
    /// Another path.
    Text(Vec<u8>),
    /// An object, whatever the link's text says.
    Object(Handle),
}

/// Reads the symlink `name` of `dir` as the caller would follow it; `found` is what is known of it. `is_last`:
/// a path ends with it.
pub(crate) fn link(
    caller: &Caller,
    dir: &Handle,
    name: &CStr,
    found: &Stat,
    is_last: bool,
) -> Result<Link, Unread> {
    let dir_stat = dir.stat().map_err(Unread::Bare)?;
    if dir.in_procfs().map_err(Unread::Bare)? {
        if dir_stat.ino != PROC_ROOT {
            // Its own links a process may always follow; those of others only as its user may.
            let object = if is_own(caller, dir)? {
                Handle::open_itself(dir.as_fd(), name, OFlag::empty())
            } else {
                as_the_user(|| Handle::open_at(dir.as_fd(), name, OFlag::empty()))
            };
            return object.map(Link::Object).map_err(Unread::Bare);
        }
        if let Some(own) = own_entry(caller, name.to_bytes(), &dir_stat)? {
            return Ok(Link::Text(own.into_bytes()));
        }
    } else if is_last && protected(&dir_stat, found, caller)? {
        return Err(Unread::Bare(Errno::EACCES));
    }
    dir.read_link(name).map(Link::Text).map_err(Unread::Bare)
}

/// Whether a directory of procfs is the caller's own. `false` where that can't be told.
fn is_own(caller: &Caller, dir: &Handle) -> Result<bool, Unread> {
    let own = format!("/proc/{}/", caller.process_id()?);
    Ok(dir.text().is_ok_and(|text| [&text[..], b"/"].concat().starts_with(own.as_bytes())))
}

/// What `self` and `thread-self` in the root of a procfs mean to the caller. In a procfs of another pid
/// namespace the caller has another number.
fn own_entry(caller: &Caller, name: &[u8], dir: &Stat) -> Result<Option<String>, Unread> {
    if name != b"self" && name != b"thread-self" {
        return Ok(None);
    }
    let ours = Handle::open("/proc".as_ref()).and_then(|proc| proc.stat()).map_err(Unread::Bare)?;
    let (process, thread) =
        if ours.dev == dir.dev { (caller.process_id()?, caller.tid()) } else { caller.inner_ids()? };
    Ok(Some(if name == b"self" { format!("{process}") } else { format!("{process}/task/{thread}") }))
}

/// `fs.protected_symlinks` (`proc_sys_fs(5)`): in a sticky, world-writable directory a link is followed only
/// by its owner, or when it belongs to the directory's owner. The kernel asks that of the last name only.
fn protected(dir: &Stat, link: &Stat, caller: &Caller) -> Result<bool, Unread> {
    const STICKY_AND_OPEN: u32 = 0o1002;
    if dir.mode & STICKY_AND_OPEN != STICKY_AND_OPEN || dir.uid == link.uid {
        return Ok(false);
    }
    let on = std::fs::read("/proc/sys/fs/protected_symlinks").is_ok_and(|text| text.starts_with(b"1"));
    Ok(on && caller.credentials()?.uid != link.uid)
}
