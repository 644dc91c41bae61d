//! What a session does with names of its own, gathered into few lines.
//!
//! A person wants to know what the agent made that is still there, and what of its own it took away; not each of
//! a million lock files. So deeds are gathered for a moment, and what was made and is gone again within it cancels
//! out and is only counted. What remains is listed, up to a limit for the session: beyond it, the rest is
//! counted, too. It writes nothing itself, and knows no ledger.

use crate::encoding::{hex_if_needed, path_from};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

mod account;
pub use account::Account;

/// How long deeds are gathered before they are listed.
const MOMENT: Duration = Duration::from_secs(1);
/// How many are gathered at most: with the longest paths, 2 MB.
const GATHERED: usize = 256;
/// How many are listed of one session.
const LISTED: usize = 5_000;

/// One thing that a session did with a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It was made, or came from where nothing is protected.
    Made(PathBuf),
    /// It was removed.
    Removed(PathBuf),
    /// It was given another name.
    Moved {
        /// The old name.
        path: PathBuf,
        /// The new name.
        dest: PathBuf,
        /// Whether other names changed with it.
        directory: bool,
    },
    /// It was moved onto something older, which is thereby edited: the atomic save.
    Saved {
        /// The name that is gone.
        path: PathBuf,
        /// The name of what was edited.
        dest: PathBuf,
    },
}

impl Deed {
    /// Whether a name of the session's own is gone by it.
    pub fn takes_away(&self) -> bool {
        !matches!(self, Deed::Made(_))
    }
}

/// What is recorded of a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnRecord {
    /// In order.
    pub deeds: Vec<DeedRecord>,
    /// Names that were made and gone within a moment since the last record.
    #[serde(default)]
    pub short_lived: u64,
    /// Deeds since the last record that are not listed, as the session has done so many.
    #[serde(default)]
    pub unlisted: u64,
}

/// What a deed was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words of `Deed`")]
pub enum Did {
    Made,
    Removed,
    Moved,
    Saved,
}

impl Did {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Did::Made => "made",
            Did::Removed => "removed",
            Did::Moved => "moved",
            Did::Saved => "saved",
        }
    }
}

/// A deed as it is recorded: readable text, and the bytes of paths that are not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeedRecord {
    /// What was done.
    pub did: Did,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dest_hex: Option<String>,
}

impl DeedRecord {
    /// The name it was done with.
    pub fn path(&self) -> PathBuf {
        path_from(&self.path, self.path_hex.as_deref())
    }

    /// The name it got, or that was saved to.
    pub fn dest(&self) -> Option<PathBuf> {
        self.dest.as_ref().map(|dest| path_from(dest, self.dest_hex.as_deref()))
    }
}

impl From<&Deed> for DeedRecord {
    fn from(deed: &Deed) -> Self {
        let (did, path, dest) = match deed {
            Deed::Made(path) => (Did::Made, path, None),
            Deed::Removed(path) => (Did::Removed, path, None),
            Deed::Moved { path, dest, .. } => (Did::Moved, path, Some(dest)),
            Deed::Saved { path, dest } => (Did::Saved, path, Some(dest)),
        };
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Self {
            did,
            path: text(path),
            path_hex: hex_if_needed(path),
            dest: dest.map(|dest| text(dest)),
            dest_hex: dest.and_then(|dest| hex_if_needed(dest)),
        }
    }
}

/// Gathers deeds.
#[derive(Debug, Default)]
pub struct Deeds {
    key: RandomState,
    /// `None`: cancelled out.
    gathered: Vec<Option<Deed>>,
    /// Where in `gathered` a name was made, by a hash of it.
    made: HashMap<u64, usize>,
    /// When the first of them was done.
    since: Option<Instant>,
    short_lived: u64,
    listed: usize,
    unlisted: u64,
}

impl Deeds {
    /// Takes a deed in. What is due to be recorded comes back.
    pub fn note(&mut self, deed: Deed, now: Instant) -> Option<OwnRecord> {
        self.gather(deed, now);
        let due = self.gathered.len() >= GATHERED
            || self.since.is_some_and(|since| now.saturating_duration_since(since) >= MOMENT);
        if due { self.due() } else { None }
    }

    /// What has been gathered, if that is anything to list.
    pub fn due(&mut self) -> Option<OwnRecord> {
        let listed: Vec<DeedRecord> = self.gathered.iter().flatten().map(DeedRecord::from).collect();
        self.gathered.clear();
        self.made.clear();
        self.since = None;
        if listed.is_empty() {
            return None;
        }
        self.listed += listed.len();
        Some(self.record(listed))
    }

    /// The last record: all that has not been recorded, the counts, too.
    pub fn rest(&mut self) -> Option<OwnRecord> {
        self.due().or_else(|| (self.short_lived + self.unlisted > 0).then(|| self.record(Vec::new())))
    }

    fn record(&mut self, deeds: Vec<DeedRecord>) -> OwnRecord {
        let (short_lived, unlisted) =
            (std::mem::take(&mut self.short_lived), std::mem::take(&mut self.unlisted));
        OwnRecord { deeds, short_lived, unlisted }
    }

    fn gather(&mut self, deed: Deed, now: Instant) {
        match deed {
            Deed::Made(path) => self.make(path, now),
            Deed::Removed(path) | Deed::Saved { path, .. } if self.unmake(&path) => self.short_lived += 1,
            Deed::Moved { path, dest, directory: false } if self.unmake(&path) => {
                self.unmake(&dest);
                self.make(dest, now);
            }
            other => self.list(other, now),
        }
    }

    fn make(&mut self, path: PathBuf, now: Instant) {
        let (key, at) = (self.key.hash_one(&path), self.gathered.len());
        self.list(Deed::Made(path), now);
        if self.gathered.len() > at {
            self.made.insert(key, at);
        }
    }

    /// Takes back that a name was made. `false`: it was not made in this moment.
    fn unmake(&mut self, path: &Path) -> bool {
        let Some(at) = self.made.remove(&self.key.hash_one(path)) else { return false };
        let slot = &mut self.gathered[at];
        if !matches!(slot, Some(Deed::Made(made)) if made == path) {
            return false;
        }
        *slot = None;
        while self.gathered.pop_if(|last| last.is_none()).is_some() {}
        if self.gathered.is_empty() {
            self.since = None;
        }
        true
    }

    fn list(&mut self, deed: Deed, now: Instant) {
        if self.listed + self.gathered.len() >= LISTED {
            self.unlisted += 1;
            return;
        }
        self.since.get_or_insert(now);
        self.gathered.push(Some(deed));
    }
}

#[cfg(test)]
mod tests;
