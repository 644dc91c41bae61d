//! What stands in a script's directories at one moment, seen from outside the session.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// An object, whatever names it has: inode number and time of birth.
pub type Id = (u64, u128);

/// A name in a directory, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The directory.
    pub dir: Id,
    /// The name in it.
    pub name: String,
    /// What stands there.
    pub id: Id,
}

/// Type of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A fifo.
    Fifo,
    /// A socket.
    Socket,
}

/// What is to be found again of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Type.
    pub kind: Kind,
    /// Permissions.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Of a file its bytes, of a symbolic link where it points.
    pub data: Vec<u8>,
}

/// An object at one of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Which.
    pub key: Key,
    /// What is in it.
    pub content: Content,
    /// Time of the last change of the content, nanoseconds; of a directory 0.
    pub modified: i128,
    /// How many names it has.
    pub names: u64,
}

/// Everything by name, relative to the directory with the zones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look(pub BTreeMap<String, Node>);

impl Look {
    /// Looks at script number `number` below `base`.
    ///
    /// # Panics
    /// When it can't be seen.
    pub fn at(base: &Path, number: usize) -> Self {
        let mut look = Self::default();
        for place in ["zone", "other", "out"] {
            let name = format!("{place}/s{number}");
            let above = id(&fs::symlink_metadata(base.join(place)).expect("the place"));
            look.add(base, above, name).expect("the script's directories");
        }
        look
    }

    fn add(&mut self, base: &Path, dir: Id, name: String) -> io::Result<()> {
        let path = base.join(&name);
        let node = node(&path, dir)?;
        let (id, kind) = (node.key.id, node.content.kind);
        self.0.insert(name.clone(), node);
        if kind == Kind::Directory {
            for entry in fs::read_dir(&path)? {
                let below = entry?.file_name();
                self.add(base, id, format!("{name}/{}", below.to_string_lossy()))?;
            }
        }
        Ok(())
    }

    /// What stands at a name.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.0.get(name)
    }

    /// The name of a directory.
    pub fn directory(&self, id: Id) -> Option<&str> {
        let is = |node: &Node| node.key.id == id && node.content.kind == Kind::Directory;
        self.0.iter().find(|(_, node)| is(node)).map(|(name, _)| name.as_str())
    }

    /// What lies below a name.
    pub fn below<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a String, &'a Node)> {
        let inside = move |other: &str| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
        self.0.iter().filter(move |(other, _)| inside(other))
    }

    /// How it differs from the twin, which should have come to the same. What is kept in a stash is a further
    /// name of what is kept: then `names` are not counted.
    pub fn differs(&self, twin: &Self, names: bool) -> Vec<String> {
        let all: BTreeSet<_> = self.0.keys().chain(twin.0.keys()).collect();
        let looks = |look: &Self, name: &str| {
            look.get(name).map(|node| {
                let counts = names && node.content.kind != Kind::Directory;
                (node.content.clone(), if counts { node.names } else { 0 })
            })
        };
        let both = all.into_iter().map(|name| (name, looks(self, name), looks(twin, name)));
        both.filter(|(_, here, there)| here != there)
            .map(|(name, here, there)| format!("{name} came to {here:?}, bare {there:?}"))
            .collect()
    }
}

/// An object as it is at a path.
pub fn node(path: &Path, dir: Id) -> io::Result<Node> {
    let meta = fs::symlink_metadata(path)?;
    let kind = kind(&meta);
    let data = match kind {
        Kind::File => fs::read(path)?,
        Kind::Symlink => fs::read_link(path)?.into_os_string().into_encoded_bytes(),
        _ => Vec::new(),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let modified = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    Ok(Node {
        key: Key { dir, name, id: id(&meta) },
        content: Content { kind, mode: meta.mode() & 0o7777, owner: (meta.uid(), meta.gid()), data },
        modified: if kind == Kind::Directory { 0 } else { modified },
        names: meta.nlink(),
    })
}

fn id(meta: &Metadata) -> Id {
    let born = meta.created().unwrap_or(SystemTime::UNIX_EPOCH);
    (meta.ino(), born.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos())
}

fn kind(meta: &Metadata) -> Kind {
    let kind = meta.file_type();
    if kind.is_dir() {
        Kind::Directory
    } else if kind.is_symlink() {
        Kind::Symlink
    } else if kind.is_fifo() {
        Kind::Fifo
    } else if kind.is_socket() {
        Kind::Socket
    } else {
        Kind::File
    }
}
