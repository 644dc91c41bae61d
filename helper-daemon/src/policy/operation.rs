//! What is judged: an operation and the facts about its names that a verdict depends on.

use std::path::{Path, PathBuf};

/// The type of what a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symlink, fifo, device or socket.
    Other,
}

impl Kind {
    /// As a file system tells it.
    pub fn of(found: std::fs::FileType) -> Self {
        match found {
            found if found.is_file() => Kind::Regular,
            found if found.is_dir() => Kind::Directory,
            _ => Kind::Other,
        }
    }
}

/// A name, and what an engine found out about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Every resolved path that the name has from a zone's point of view: one, or more where mounts give it
    /// several. A name is protected when any of them is.
    pub paths: Vec<PathBuf>,
    /// What is there; `None` when nothing is.
    pub kind: Option<Kind>,
    /// Whether what is there is the session's own: made by this tree at a name that was free, and for a
    /// directory, all below it too.
    pub own: bool,
}

impl Place {
    /// A place with one path.
    pub fn new(path: impl Into<PathBuf>, kind: Option<Kind>, own: bool) -> Self {
        Self { paths: vec![path.into()], kind, own }
    }

    /// The path to show: the first, or nothing.
    pub fn shown(&self) -> &Path {
        self.paths.first().map_or(Path::new(""), PathBuf::as_path)
    }
}

/// An operation that can take something away from where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Remove a name that is no directory.
    Unlink(Place),
    /// Remove an empty directory.
    Rmdir(Place),
    /// Give `from` the name `to`, replacing what is there.
    Rename {
        /// The old name.
        from: Place,
        /// The new name.
        to: Place,
    },
    /// Exchange what two names stand for.
    Exchange {
        /// One.
        first: Place,
        /// The other.
        second: Place,
    },
    /// Open a file for writing, cut it, make it, or give it another name.
    Write(Place),
    /// Mount something over a directory or file, or unmount what is there.
    Cover(Place),
}

/// The operation's name in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words of the ledger")]
pub enum Op {
    Unlink,
    Rmdir,
    Rename,
    Exchange,
    Mount,
    DestroySubvolume,
    Write,
    /// Send a signal to one of es-guard's own processes.
    Signal,
    /// Trace one of them, or reach for its memory, descriptors or limits.
    Meddle,
}

impl Op {
    /// The word in records and tables.
    pub fn word(self) -> &'static str {
        match self {
            Op::Unlink => "unlink",
            Op::Rmdir => "rmdir",
            Op::Rename => "rename",
            Op::Exchange => "exchange",
            Op::Mount => "mount",
            Op::DestroySubvolume => "destroy_subvolume",
            Op::Write => "write",
            Op::Signal => "signal",
            Op::Meddle => "meddle",
        }
    }
}

impl Operation {
    /// Its one name or two.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        let (first, second) = match self {
            Operation::Unlink(place)
            | Operation::Rmdir(place)
            | Operation::Write(place)
            | Operation::Cover(place) => (place, None),
            Operation::Rename { from, to } => (from, Some(to)),
            Operation::Exchange { first, second } => (first, Some(second)),
        };
        std::iter::once(first).chain(second)
    }

    /// The operation's name.
    pub fn op(&self) -> Op {
        match self {
            Operation::Unlink(_) => Op::Unlink,
            Operation::Rmdir(_) => Op::Rmdir,
            Operation::Rename { .. } => Op::Rename,
            Operation::Exchange { .. } => Op::Exchange,
            Operation::Write(_) => Op::Write,
            Operation::Cover(_) => Op::Mount,
        }
    }
}
