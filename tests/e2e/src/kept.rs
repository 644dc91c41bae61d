//! Stashes made by hand, of what is removed from a sandbox as a helper removes it; and [portraits](portrait) of
//! trees, to tell whether everything is as it was.

use crate::row::Who;
use crate::sandbox::{Sandbox, USER, is_root};
use endpoint_sec::linux::handle::Handle;
use helper_daemon::policy::judge::Reason;
use helper_daemon::policy::operation::Op;
use helper_daemon::stash::{
    DATA, FOLDER, How, INDEX, Index, Kept, Kind, Meta, Note, copy, data_name, discard,
};
use jiff::Timestamp;
use nix::fcntl::OFlag;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{CString, OsString};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The session that things are removed in.
pub const SESSION: &str = "20260102-030405-abcd";

/// A session's stash, and who fills it.
#[derive(Debug)]
pub struct Stash {
    /// Its folder.
    pub folder: PathBuf,
    zone: PathBuf,
    who: Who,
    next: u64,
}

impl Stash {
    /// An empty one, of what is below `zone`.
    pub fn new(sandbox: &Sandbox, zone: PathBuf) -> Self {
        let stashes = sandbox.state().join(FOLDER);
        let folder = stashes.join(SESSION);
        let stash = Self { folder: folder.clone(), zone, who: sandbox.who, next: 0 };
        std::fs::create_dir_all(folder.join(DATA)).expect("a stash");
        File::create(folder.join(INDEX)).expect("an index");
        for path in [stashes, folder.clone(), folder.join(DATA), folder.join(INDEX)] {
            stash.own(&path);
        }
        stash
    }

    /// Gives a path to the one who runs.
    pub fn own(&self, path: &Path) {
        if is_root() && self.who == Who::User {
            std::os::unix::fs::lchown(path, Some(USER), Some(USER)).expect("an owner");
        }
    }

    /// Takes something away, as its line says that it was before.
    pub fn take(&mut self, path: &Path, meta: Meta, how: How) {
        let entry = self.next;
        self.next += 1;
        let (op, reason) = (Op::Unlink, Reason::Removed);
        let (pid, exe, zone) = (7, "/usr/bin/rm".into(), self.zone.clone());
        let kept = Kept { entry, op, reason, path: path.to_owned(), zone, how, meta, pid, exe };
        let index = OpenOptions::new().append(true).open(self.folder.join(INDEX)).expect("the index");
        Index::new(index).append(Note::Kept(Box::new(kept)), Timestamp::now()).expect("a line");
        let name = CString::new(path.file_name().expect("a name").as_bytes()).expect("a name");
        let number = CString::new(data_name(entry)).expect("a number");
        let (dir, data) = (handle(path.parent().expect("a directory")), handle(&self.folder.join(DATA)));
        match how {
            How::Moved => {
                helper_daemon::stash::shift(dir.as_fd(), &name, data.as_fd(), &number).expect("moved");
            }
            How::Described => std::fs::remove_dir(path).expect("an empty directory"),
            How::Copied => {
                let lost = copy(dir.as_fd(), &name, data.as_fd(), &number).expect("a copy");
                assert!(lost.is_empty(), "{lost:?}");
                discard(dir.as_fd(), &name).expect("removed");
            }
        }
    }

    /// Takes away everything below a directory, one after another, and the directory, as `rm -r` does.
    pub fn take_all(&mut self, dir: &Path, how: How) {
        let all = portrait(dir);
        // What is in a directory goes before it.
        for (below, thing) in all.iter().rev() {
            let path = if below.as_os_str().is_empty() { dir.to_owned() } else { dir.join(below) };
            let mut meta = Meta::of(&handle(&path)).expect("what is there");
            (meta.modified, meta.accessed) = (thing.meta.modified, thing.meta.accessed);
            let how = if meta.kind == Kind::Directory { How::Described } else { how };
            self.take(&path, meta, how);
        }
    }

    /// The numbers of what is in it.
    pub fn entries(&self) -> Vec<OsString> {
        let entries = std::fs::read_dir(self.folder.join(DATA)).expect("the data");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    }
}

/// A place, a symlink not being followed.
pub fn handle(path: &Path) -> Handle {
    let name = CString::new(path.as_os_str().as_bytes()).expect("a path");
    let root = Handle::open(Path::new("/")).expect("the root");
    Handle::open_at(root.as_fd(), &name, OFlag::O_NOFOLLOW).expect("what is there")
}

/// What there is to tell of a thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Portrait {
    /// What is said of it, but for numbers of its file system's own.
    pub meta: Meta,
    /// Its extended attributes.
    pub attributes: BTreeMap<OsString, Vec<u8>>,
    /// Its content, or its target.
    pub content: Vec<u8>,
    /// Whether it has holes.
    pub sparse: bool,
    /// The first of its names.
    pub first: PathBuf,
}

/// Everything of a tree, by its path below `root`.
pub fn portrait(root: &Path) -> BTreeMap<PathBuf, Portrait> {
    let (mut found, mut left, mut firsts) = (BTreeMap::new(), vec![PathBuf::new()], HashMap::new());
    while let Some(below) = left.pop() {
        let path = if below.as_os_str().is_empty() { root.to_owned() } else { root.join(&below) };
        let stat = path.symlink_metadata().expect("what is there");
        let mut meta = Meta::of(&handle(&path)).expect("what is there");
        let names = xattr::list(&path).map(Iterator::collect).unwrap_or(Vec::new());
        let value = |name: &OsString| xattr::get(&path, name).expect("an attribute").unwrap_or_default();
        let attributes = names.iter().map(|name| (name.clone(), value(name))).collect();
        let mut content = Vec::new();
        match meta.kind {
            Kind::File => {
                // Without a trace.
                let opened = OpenOptions::new().read(true).custom_flags(OFlag::O_NOATIME.bits()).open(&path);
                opened.and_then(|mut file| file.read_to_end(&mut content)).expect("its content");
            }
            Kind::Symlink => {
                content = std::fs::read_link(&path).expect("a target").as_os_str().as_bytes().to_owned();
                meta.accessed = 0;
            }
            Kind::Directory => {
                let entries = std::fs::read_dir(&path).expect("a directory");
                let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
                names.sort();
                left.extend(names.iter().rev().map(|name| below.join(name)));
                (meta.size, meta.accessed) = (0, 0);
            }
            Kind::Special => {}
        }
        let first = firsts.entry((meta.dev, meta.ino)).or_insert(below.clone()).clone();
        (meta.dev, meta.ino, meta.xattrs) = (0, 0, Vec::new());
        let sparse = stat.is_file() && stat.blocks() * 512 < stat.len() / 2;
        found.insert(below, Portrait { meta, attributes, content, sparse, first });
    }
    found
}
