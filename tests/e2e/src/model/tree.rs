//! Names, and what they stand for.

use helper_daemon::policy::operation::Kind;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

pub(super) type Ino = usize;
pub(super) type Name = Vec<u8>;

/// What an inode is.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Directory(BTreeMap<Name, Ino>),
    Regular(Vec<u8>),
    Symlink(Vec<u8>),
    Special,
}

#[derive(Debug)]
struct Node {
    /// Of a directory; others have none of their own.
    parent: Ino,
    body: Body,
}

/// All inodes; the first is `/`.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Roots of file systems of their own, by where they are mounted.
    mounted: HashMap<Ino, Ino>,
}

impl Tree {
    pub(super) const ROOT: Ino = 0;

    pub(super) fn new() -> Self {
        let root = Node { parent: Self::ROOT, body: Body::Directory(BTreeMap::new()) };
        Self { nodes: vec![root], mounted: HashMap::new() }
    }

    pub(super) fn body(&self, ino: Ino) -> &Body {
        &self.nodes[ino].body
    }

    pub(super) fn content(&mut self, ino: Ino) -> Option<&mut Vec<u8>> {
        match &mut self.nodes[ino].body {
            Body::Regular(content) => Some(content),
            _ => None,
        }
    }

    pub(super) fn kind(&self, ino: Ino) -> Kind {
        match self.body(ino) {
            Body::Directory(_) => Kind::Directory,
            Body::Regular(_) => Kind::Regular,
            Body::Symlink(_) | Body::Special => Kind::Other,
        }
    }

    pub(super) fn parent(&self, dir: Ino) -> Ino {
        self.nodes[dir].parent
    }

    pub(super) fn entries(&self, dir: Ino) -> impl Iterator<Item = (&Name, Ino)> {
        match self.body(dir) {
            Body::Directory(entries) => Some(entries.iter().map(|(name, &ino)| (name, ino))),
            _ => None,
        }
        .into_iter()
        .flatten()
    }

    pub(super) fn get(&self, dir: Ino, name: &[u8]) -> Option<Ino> {
        match self.body(dir) {
            Body::Directory(entries) => entries.get(name).copied(),
            _ => None,
        }
    }

    /// A new inode without a name.
    pub(super) fn make(&mut self, body: Body) -> Ino {
        self.nodes.push(Node { parent: Self::ROOT, body });
        self.nodes.len() - 1
    }

    /// Gives `ino` a name, in the place of what had it.
    pub(super) fn put(&mut self, dir: Ino, name: &[u8], ino: Ino) {
        if let Body::Directory(entries) = &mut self.nodes[dir].body {
            entries.insert(name.to_vec(), ino);
        }
        if matches!(self.body(ino), Body::Directory(_)) {
            self.nodes[ino].parent = dir;
        }
    }

    pub(super) fn take(&mut self, dir: Ino, name: &[u8]) -> Option<Ino> {
        match &mut self.nodes[dir].body {
            Body::Directory(entries) => entries.remove(name),
            _ => None,
        }
    }

    /// An empty file system of its own over the directory `at`; its root.
    pub(super) fn mount_empty(&mut self, at: Ino) -> Ino {
        let root = self.make(Body::Directory(BTreeMap::new()));
        self.mounted.insert(root, at);
        root
    }

    /// Where a directory lies, whatever is mounted over whatever.
    pub(super) fn path(&self, dir: Ino) -> PathBuf {
        if dir == Self::ROOT {
            return "/".into();
        }
        if let Some(&at) = self.mounted.get(&dir) {
            return self.path(at);
        }
        let parent = self.parent(dir);
        let name = self.entries(parent).find(|&(_, ino)| ino == dir).map_or(&[][..], |(name, _)| name);
        self.path(parent).join(OsStr::from_bytes(name))
    }
}
