//! What the file system says of a thing besides its content: read, and given to another.

use super::descent::named;
use crate::encoding::{hex, unhex};
use crate::stash::{Kind, Meta};
use endpoint_sec::linux::handle::{self, Handle};
use nix::errno::Errno;
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, UtimensatFlags, fchmodat, fstat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, chown};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Something that could not be given to a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// What was copied, relative to the directory it is in; empty where it is one thing alone.
    pub path: PathBuf,
    /// What its copy is without.
    pub what: Trait,
}

/// Something that the file system says of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trait {
    /// Its owner or its group; with them the set-user-ID or set-group-ID bit.
    Owner,
    /// An extended attribute, or an access control list.
    Attribute(OsString),
}

impl fmt::Display for Trait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trait::Owner => write!(f, "its owner"),
            Trait::Attribute(name) => write!(f, "its attribute {}", name.to_string_lossy()),
        }
    }
}

/// Extended attributes, access control lists among them: name and value.
pub(super) type Attributes = Vec<(OsString, Vec<u8>)>;

/// The access control lists, as extended attributes. See acl(5).
const LISTS: [&str; 2] = ["system.posix_acl_access", "system.posix_acl_default"];

impl Meta {
    /// What is said of a thing; of a directory with its extended attributes.
    pub fn of(thing: &Handle) -> Result<Self, Errno> {
        let mut meta = Self::without_attributes(&fstat(thing)?);
        if meta.kind == Kind::Directory {
            let attributes = attributes(thing)?;
            let as_text = |(name, value): &(OsString, Vec<u8>)| (hex(name.as_bytes()), hex(value));
            meta.xattrs = attributes.iter().map(as_text).collect();
        }
        Ok(meta)
    }

    /// Gives it all to another thing of the same type: owner, extended attributes, mode and times. What this
    /// user may not give, or the file system can't keep, is told.
    pub fn give(&self, to: &Handle) -> Result<Vec<Trait>, Errno> {
        let of_text =
            |(name, value): &(String, String)| Some((OsString::from_vec(unhex(name)?), unhex(value)?));
        let attributes: Attributes = self.xattrs.iter().filter_map(of_text).collect();
        give(to, self, &attributes)
    }

    pub(super) fn without_attributes(found: &FileStat) -> Self {
        let nanos = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        let device = found.st_dev;
        Self {
            kind: match found.st_mode & Kind::BITS {
                Kind::DIRECTORY => Kind::Directory,
                Kind::SYMLINK => Kind::Symlink,
                Kind::FILE => Kind::File,
                _ => Kind::Special,
            },
            mode: found.st_mode,
            uid: found.st_uid,
            gid: found.st_gid,
            size: u64::try_from(found.st_size).unwrap_or(0),
            nlink: u32::try_from(found.st_nlink).unwrap_or(u32::MAX),
            dev: handle::device(nix::sys::stat::major(device) as u32, nix::sys::stat::minor(device) as u32),
            ino: found.st_ino,
            modified: nanos(found.st_mtime, found.st_mtime_nsec),
            accessed: nanos(found.st_atime, found.st_atime_nsec),
            xattrs: Vec::new(),
        }
    }
}

impl Kind {
    const BITS: u32 = nix::sys::stat::SFlag::S_IFMT.bits();
    const DIRECTORY: u32 = nix::sys::stat::SFlag::S_IFDIR.bits();
    const SYMLINK: u32 = nix::sys::stat::SFlag::S_IFLNK.bits();
    const FILE: u32 = nix::sys::stat::SFlag::S_IFREG.bits();
}

/// All extended attributes that this user may read.
pub(super) fn attributes(thing: &Handle) -> Result<Attributes, Errno> {
    let path = named(thing);
    let names = match xattr::list_deref(&path) {
        Ok(names) => names,
        Err(e) if errno(&e) == Errno::EOPNOTSUPP => return Ok(Vec::new()),
        Err(e) => return Err(errno(&e)),
    };
    let mut found = Vec::new();
    for name in names {
        match xattr::get_deref(&path, &name) {
            Ok(Some(value)) => found.push((name, value)),
            // Gone since.
            Ok(None) => {}
            Err(e) => return Err(errno(&e)),
        }
    }
    Ok(found)
}

/// Gives a thing these looks. The order matters: a new owner takes set-ID bits and capabilities away, an
/// attribute needs write access, which an access control list or the mode may take, and a list the set-group-ID
/// bit; everything changes times.
pub(super) fn give(to: &Handle, meta: &Meta, attributes: &Attributes) -> Result<Vec<Trait>, Errno> {
    let path = named(to);
    let mut lost = Vec::new();
    let (owner, group) = own(&path, meta);
    if !owner || !group {
        lost.push(Trait::Owner);
    }
    if !attributes.is_empty() && meta.kind != Kind::Symlink {
        // The process's mask, or a list that its directory gave it, may have taken write access away.
        open_up(to)?;
    }
    let is_list = |name: &OsStr| LISTS.iter().any(|list| name == *list);
    let (lists, others): (Vec<_>, Vec<_>) = attributes.iter().partition(|(name, _)| is_list(name));
    for (name, value) in others.into_iter().chain(lists) {
        match xattr::set_deref(&path, name, value).map_err(|e| errno(&e)) {
            Ok(()) => {}
            Err(
                Errno::EOPNOTSUPP
                | Errno::EPERM
                | Errno::EACCES
                | Errno::EINVAL
                | Errno::E2BIG
                | Errno::ERANGE,
            ) => {
                lost.push(Trait::Attribute(name.clone()));
            }
            Err(errno) => return Err(errno),
        }
    }
    if matches!(meta.kind, Kind::File | Kind::Directory | Kind::Special) {
        // What the directory it is made in gives to all that is new in it.
        for list in LISTS.iter().filter(|list| !attributes.iter().any(|(name, _)| name == **list)) {
            // Most have none to take away.
            let _ = xattr::remove_deref(&path, list);
        }
        let mut mode = Mode::from_bits_truncate(meta.mode);
        mode.set(Mode::S_ISUID, mode.contains(Mode::S_ISUID) && owner);
        mode.set(Mode::S_ISGID, mode.contains(Mode::S_ISGID) && group);
        set_mode(to, mode.bits())?;
    }
    times(&path, meta)?;
    Ok(lost)
}

/// Makes a thing one that its owner may do anything with, and nobody else.
pub(super) fn open_up(thing: &Handle) -> Result<(), Errno> {
    set_mode(thing, Mode::S_IRWXU.bits())
}

/// Gives a thing that is no symlink these permission bits.
pub(super) fn set_mode(thing: &Handle, mode: u32) -> Result<(), Errno> {
    let mode = Mode::from_bits_truncate(mode);
    fchmodat(nix::fcntl::AT_FDCWD, &named(thing), mode, FchmodatFlags::FollowSymlink)
}

/// Gives owner and group, as far as this user may; tells which of the two are right.
fn own(path: &Path, meta: &Meta) -> (bool, bool) {
    let (owner, group) = (Uid::from_raw(meta.uid), Gid::from_raw(meta.gid));
    if chown(path, Some(owner), Some(group)).is_ok() {
        return (true, true);
    }
    // An ordinary user may give a file to a group of his.
    let group = chown(path, None, Some(group)).is_ok();
    (owner == nix::unistd::geteuid(), group)
}

/// Gives the two times that can be given.
fn times(path: &Path, meta: &Meta) -> Result<(), Errno> {
    let time = |nanos: i64| TimeSpec::new(nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    let (accessed, modified) = (time(meta.accessed), time(meta.modified));
    utimensat(nix::fcntl::AT_FDCWD, path, &accessed, &modified, UtimensatFlags::FollowSymlink)
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))
}
