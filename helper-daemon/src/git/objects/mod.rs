//! The objects of a repository: its own directory of them, and its alternates (`gitrepository-layout(5)`).
//!
//! An object may be in several places. One of them may be no good, so each is tried.

mod delta;
mod inflate;
mod loose;
mod pack;

use super::files;
use super::format::{Format, Oid};
use endpoint_sec::linux::handle::Handle;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Larger objects are not read, in bytes.
pub(super) const MAX_OBJECT: usize = 256 << 20;
const MAX_ALTERNATES: usize = 32;
const MAX_LIST: u64 = 1 << 20;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

/// An object as it was read.
pub(super) struct Object {
    kind: Kind,
    bytes: Vec<u8>,
    /// All that it was read from.
    files: Vec<File>,
}

/// All objects that a repository can reach.
#[derive(Debug)]
pub(super) struct Objects {
    format: Format,
    /// Its own first.
    stores: Vec<OwnedFd>,
}

impl Objects {
    /// The objects below a common directory. `before`, in nanoseconds since the epoch: only in directories that
    /// were born earlier, and by lists of alternates that have not changed since.
    pub(super) fn new(common: BorrowedFd<'_>, format: Format, before: Option<i128>) -> Option<Self> {
        if !is_old(common, before)? {
            return None;
        }
        let mut objects = Self { format, stores: Vec::new() };
        objects.add(files::open_dir(common, b"objects")?, before)?;
        let mut next = 0;
        while next < objects.stores.len() && objects.stores.len() < MAX_ALTERNATES {
            let list = files::read(&objects.stores[next], b"info/alternates", MAX_LIST);
            let list = list.filter(|(_, identity)| before.is_none_or(|before| identity.changed() < before));
            for line in list.iter().flat_map(|(bytes, _)| bytes.split(|&byte| byte == b'\n')) {
                if !line.is_empty() && !line.starts_with(b"#") && objects.stores.len() < MAX_ALTERNATES {
                    // One that is gone hides no other.
                    let store = files::open_dir(&objects.stores[next], line);
                    let _ = store.and_then(|store| objects.add(store, before));
                }
            }
            next += 1;
        }
        Some(objects)
    }

    /// Adds a directory of objects that is not there yet.
    fn add(&mut self, store: OwnedFd, before: Option<i128>) -> Option<()> {
        let key = files::key_of(&store)?;
        let known = self.stores.iter().any(|known| files::key_of(known) == Some(key));
        if !known && is_old(store.as_fd(), before)? {
            self.stores.push(store);
        }
        Some(())
    }

    /// What the object of this name was read from, at the first of the places where it is and `fits` takes it.
    pub(super) fn any(&self, oid: &Oid, mut fits: impl FnMut(Kind, &[u8]) -> bool) -> Option<Vec<File>> {
        let mut fits =
            |found: Option<Object>| found.filter(|it| fits(it.kind, &it.bytes)).map(|object| object.files);
        self.stores.iter().map(AsFd::as_fd).find_map(|store| {
            let in_pack = |name: &Vec<u8>| pack::read(store, name, self.format, oid);
            fits(loose::read(store, oid)).or_else(|| packs(store).iter().find_map(|name| fits(in_pack(name))))
        })
    }

    /// Whether a tree has something that is no directory at this path.
    pub(super) fn tree_has(&self, tree: Oid, path: &[u8]) -> bool {
        let mut names = path.split(|&byte| byte == b'/').peekable();
        let mut tree = tree;
        while let Some(name) = names.next() {
            let mut entry = None;
            let read = self.any(&tree, |kind, bytes| {
                entry = find(bytes, name, self.format);
                kind == Kind::Tree
            });
            match entry.filter(|_| read.is_some()) {
                Some((is_directory, oid)) if names.peek().is_some() && is_directory => tree = oid,
                Some((is_directory, _)) => return names.peek().is_none() && !is_directory,
                None => return false,
            }
        }
        false
    }
}

/// Whether a directory is older than that. One whose birth is not known is not.
fn is_old(dir: BorrowedFd<'_>, before: Option<i128>) -> Option<bool> {
    let Some(before) = before else { return Some(true) };
    let born = Handle::from_fd(dir.try_clone_to_owned().ok()?).stat().ok()?.born;
    Some(born != 0 && born < before)
}

/// An entry of a tree: whether it is a directory, and its object.
fn find(tree: &[u8], name: &[u8], format: Format) -> Option<(bool, Oid)> {
    let mut rest = tree;
    loop {
        let zero = rest.iter().position(|&byte| byte == 0)?;
        let (head, oid) = (&rest[..zero], format.oid(&rest[zero + 1..])?);
        let space = head.iter().position(|&byte| byte == b' ')?;
        if &head[space + 1..] == name {
            return Some((matches!(&head[..space], b"40000" | b"040000"), oid));
        }
        rest = &rest[zero + 1 + format.length()..];
    }
}

/// The names of the packs that have an index, without their endings.
fn packs(store: BorrowedFd<'_>) -> Vec<Vec<u8>> {
    use nix::fcntl::OFlag;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(mut dir) = nix::dir::Dir::openat(store, "pack", flags, nix::sys::stat::Mode::empty()) else {
        return Vec::new();
    };
    let names = dir.iter().flatten().filter_map(|entry| {
        let name = Path::new(std::ffi::OsStr::from_bytes(entry.file_name().to_bytes()));
        (name.extension()? == "idx").then(|| name.file_stem().map(|stem| stem.as_bytes().to_vec()))?
    });
    names.collect()
}
