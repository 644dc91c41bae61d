//! The stash: what was removed, replaced or moved out in a session, kept so that it can be put back.
//!
//! A session's stash is the folder `stash/ID` of the state folder, for its user alone:
//!
//! | | |
//! |---|---|
//! | `index.jsonl` | one object a line; a thing's line is written *before* the thing is taken |
//! | `data/N` | the thing of entry `N` (its number, with zeros before it): the very object, or a copy of it |
//!
//! So whatever is killed in between, a thing is where it was, or in `data` with a line that says where it
//! belongs. A line whose thing is not in `data` says what did not happen (or, of a directory that was empty,
//! all there was). Lines are only ever appended, each by one write.
//!
//! Nothing here knows an engine, a policy or a command.

mod index;
#[cfg(target_os = "linux")]
mod things;

pub use index::{Contents, Index, read};
#[cfg(target_os = "linux")]
pub use things::{Entry, Lost, Store, Trait, TreeError, copy, copy_whole, discard, name_of, shift, weigh};

use crate::encoding::path_text;
use crate::policy::judge::Reason;
use crate::policy::operation::Op;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The version of the format, in every line.
pub const VERSION: u32 = 1;
/// The folder of all stashes in the state folder.
pub const FOLDER: &str = "stash";
/// The list of a stash's entries, in its folder.
pub const INDEX: &str = "index.jsonl";
/// What is kept, in a stash's folder.
pub const DATA: &str = "data";

/// The name of an entry's thing in [`DATA`]: its number, at full length. To add a name ext4 looks at all that are in the
/// same block, and there is room for fewer long ones.
pub fn data_name(entry: u64) -> String {
    format!("{entry:040}")
}

/// One line of the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it says; its `type` is the first key.
    #[serde(flatten)]
    pub note: Note,
    /// Format version.
    pub v: u32,
    /// Unix seconds.
    pub ts: i64,
    /// RFC 3339, milliseconds, UTC.
    pub time: String,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Note {
    /// A thing is about to be taken.
    Kept(Box<Kept>),
    /// A copy is without something that the thing had.
    Without(Without),
    /// A thing is in the stash no more.
    Gone(Gone),
}

/// A thing that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its number in the stash, from 0, and its name in `data`.
    pub entry: u64,
    /// Which operation took it from its place.
    pub op: Op,
    /// How it was lost there: `removed`, `clobbered` or `moved-out`.
    pub reason: Reason,
    /// Where it was.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// The zone.
    #[serde(with = "path_text")]
    pub zone: PathBuf,
    /// How it is kept.
    pub how: How,
    /// What it was.
    #[serde(flatten)]
    pub meta: Meta,
    /// Who took it: process id.
    pub pid: i32,
    /// Who took it: the executable.
    #[serde(with = "path_text")]
    pub exe: PathBuf,
}

/// How a thing is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The very object, with all that the file system knows of it, was moved into the stash.
    Moved,
    /// A copy: the object itself went elsewhere, or is on another file system.
    Copied,
    /// An empty directory: its line says it all.
    Described,
}

/// What the file system says of a thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Type.
    pub kind: Kind,
    /// Permission and type bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Number of names it had, this one among them.
    pub nlink: u32,
    /// Device and inode number, to tell whether it is still at its place.
    pub dev: u64,
    /// See `dev`.
    pub ino: u64,
    /// Time of the last change of its content, in nanoseconds since the epoch.
    pub modified: i64,
    /// Time of the last access, in nanoseconds since the epoch.
    pub accessed: i64,
    /// Of an empty directory: its extended attributes, name and value in hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub xattrs: Vec<(String, String)>,
}

/// The type of a thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file.
    #[default]
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A fifo, a socket or a device.
    Special,
}

/// A copy is without something that the thing had, as this user may not give it, or the stash can't keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Without {
    /// Its number.
    pub entry: u64,
    /// What, in words.
    pub what: Vec<String>,
}

/// A thing is in the stash no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// Its number.
    pub entry: u64,
    /// Why.
    pub why: Why,
}

/// Why a thing is in the stash no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It was not taken after all: it is where it was.
    NotTaken,
    /// It was put back.
    Restored,
    /// The repository has its content.
    InGit,
    /// It was made anew where it was, by the program that had removed it.
    Replaced,
}
