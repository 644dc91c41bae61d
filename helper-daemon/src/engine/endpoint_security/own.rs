//! Which names are a session's own: made by its tree, at a name that was free.
//!
//! A name is told by its path and by the file that stood there when it was made: device, inode, time of birth. Whatever
//! a person puts in its place is another file. A directory that is renamed takes along what is below it.

use endpoint_sec::macos::{File, FileId};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

/// A file, whatever its names, and no later one of its inode.
pub(super) type Which = (FileId, (i64, i64));

/// Which file it is.
pub(super) fn which(file: &File) -> Which {
    (file.id, file.born)
}

/// How a name was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// With its content.
    Made,
    /// As a further name of older content: the session's own only while there is another name, or once the tree has
    /// saved over one.
    Linked,
}

/// What is known of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// `None`: it was let be made, and nobody has seen yet what came of it.
    which: Option<Which>,
    /// What it is if a rename turns out to have been an exchange.
    or: Option<Which>,
    /// Of one that nobody has seen: when it was let be made.
    since: (i64, i64),
    how: How,
    /// Of all marks in the order in which they were made, the how manieth it is.
    number: u64,
}

/// That a name was let go: this mark of it, and none that is made afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leave {
    mark: u64,
    /// The number of the next mark.
    until: u64,
}

/// The names of one session, each in the spelling that all its spellings have in common.
#[derive(Debug, Default)]
pub(super) struct Own {
    marks: BTreeMap<PathBuf, Mark>,
    /// How many marks there have been.
    made: u64,
    /// Marks that were let go, and nobody knows yet whether what they stand for went.
    leaving: HashSet<u64>,
    /// Files with several names one of which was saved over: their content was the tree's to replace.
    saved_over: HashSet<Which>,
    /// Where protected files were let move to. Until one is let move on, its directory is not taken to be the session's
    /// own: whether the kernel has moved it by now nobody can tell.
    moved_in: HashMap<FileId, PathBuf>,
}

impl Own {
    /// Whether what stands at the name is the session's own.
    pub(super) fn has(&self, name: &Path, file: &File) -> bool {
        self.has_which(name, which(file), file.links, file.changed)
    }

    /// The same, by what the disk says.
    pub(super) fn has_which(&self, name: &Path, which: Which, links: u16, changed: (i64, i64)) -> bool {
        let Some(mark) = self.marks.get(name) else { return false };
        let is_it = match mark.which {
            Some(known) => known == which || mark.or == Some(which),
            // Whatever was made there since then has changed since then.
            None => changed >= mark.since,
        };
        is_it && (mark.how == How::Made || links > 1 || self.saved_over.contains(&which))
    }

    /// Records a name that the session made.
    pub(super) fn put(&mut self, name: PathBuf, which: Which, how: How) {
        let number = self.number();
        self.marks.insert(name, Mark { which: Some(which), or: None, since: (0, 0), how, number });
    }

    /// Records a name that the session is about to make, as the kernel does not tell what it will be.
    pub(super) fn expect(&mut self, name: PathBuf, since: (i64, i64)) {
        let number = self.number();
        self.marks.insert(name, Mark { which: None, or: None, since, how: How::Made, number });
    }

    /// The number of a new mark.
    fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// If a rename turns out to have been an exchange, this file stands at the name, which stays the session's own.
    pub(super) fn or_else(&mut self, name: &Path, file: &File) {
        if let Some(mark) = self.marks.get_mut(name) {
            mark.or = Some(which(file));
        }
    }

    /// An older file comes to a name, which is no exchange: whatever was thought of it there is over.
    pub(super) fn not_else(&mut self, name: &Path, file: &File) {
        if self.marks.get(name).is_some_and(|mark| mark.which == Some(which(file))) {
            self.marks.remove(name);
        } else if let Some(mark) = self.marks.get_mut(name).filter(|mark| mark.or == Some(which(file))) {
            mark.or = None;
        }
    }

    /// It has been seen now.
    pub(super) fn bind(&mut self, name: &Path, file: &File) {
        if let Some(mark) = self.marks.get_mut(name) {
            mark.which.get_or_insert(which(file));
        }
    }

    /// What came of that: `None` for nothing. `true`: it is the session's own.
    pub(super) fn met(&mut self, name: &Path, since: (i64, i64), which: Option<Which>) -> bool {
        let fits = |mark: &&mut Mark| mark.since == since && (mark.which.is_none() || mark.which == which);
        let Some(mark) = self.marks.get_mut(name).filter(fits) else { return false };
        mark.which = which;
        if which.is_none() {
            self.marks.remove(name);
        }
        which.is_some()
    }

    /// How the session made what stands at the name, if it did.
    pub(super) fn how(&self, name: &Path, file: &File) -> Option<How> {
        let is_it = |mark: &&Mark| [mark.which, mark.or].contains(&Some(which(file)));
        self.marks.get(name).filter(is_it).map(|mark| mark.how)
    }

    /// Forgets what nobody has seen at a name: something else comes there.
    pub(super) fn expect_no_more(&mut self, name: &Path) {
        if self.marks.get(name).is_some_and(|mark| mark.which.is_none()) {
            self.marks.remove(name);
        }
    }

    /// A name is let go, if it is known. Whether the kernel does it shows later.
    pub(super) fn lets_go(&mut self, name: &Path) -> Option<Leave> {
        let mark = self.marks.get(name)?.number;
        self.leaving.insert(mark);
        Some(Leave { mark, until: self.made + 1 })
    }

    /// Forgets a file that is gone from its name, and what was below it; but nothing that was made there since, which
    /// may be a further link of the same file. Returns whether it is known to be gone for the first time, however often
    /// the kernel asked about it.
    pub(super) fn is_gone(&mut self, name: &Path, which: Which, leave: Leave) -> bool {
        if let Some(mark) = self.marks.get(name).filter(|mark| mark.number == leave.mark) {
            if mark.which != Some(which) {
                return false;
            }
            for gone in self.below(name) {
                if self.marks.get(&gone).is_some_and(|mark| mark.number < leave.until) {
                    self.marks.remove(&gone);
                }
            }
        }
        self.leaving.remove(&leave.mark)
    }

    /// What was let go stands where it stood: the kernel refused.
    pub(super) fn stays(&mut self, leave: Leave) {
        self.leaving.remove(&leave.mark);
    }

    /// Forgets what stood at a name and below it.
    pub(super) fn forget(&mut self, name: &Path) {
        for gone in self.below(name) {
            self.marks.remove(&gone);
        }
    }

    /// What stands at a name will stand at another one, with all below it. If the kernel refuses, it stands where it
    /// did: a mark holds for its file alone, so both stay until one is known to be [gone](Self::is_gone).
    pub(super) fn will_be_at(&mut self, from: &Path, to: &Path) {
        for name in self.below(from) {
            if let Some(mark) = self.marks.get(&name).copied() {
                let number = self.number();
                self.marks.insert(replant(&name, from, to), Mark { number, ..mark });
            }
        }
        let moved: Vec<_> = self
            .moved_in
            .iter()
            .filter(|(_, place)| place.starts_with(from))
            .map(|(file, place)| (*file, replant(place, from, to)))
            .collect();
        self.moved_in.extend(moved);
    }

    /// Records that the tree has saved over a name of this file.
    pub(super) fn saved_over(&mut self, file: &File) {
        if file.links > 1 && file.is_regular() {
            self.saved_over.insert(which(file));
        }
    }

    /// Something protected was let move into this directory.
    pub(super) fn moves_in(&mut self, file: &File, directory: PathBuf) {
        self.moved_in.insert(file.id, directory);
    }

    /// Something protected was let move on, or is gone.
    pub(super) fn moves_on(&mut self, file: &File) {
        self.moved_in.remove(&file.id);
    }

    /// Whether something protected was let move into a directory or below it.
    pub(super) fn may_hold_older(&self, directory: &Path) -> bool {
        self.moved_in.values().any(|place| place.starts_with(directory))
    }

    fn below(&self, name: &Path) -> Vec<PathBuf> {
        // Paths are ordered by their components: what is below a directory follows it.
        let rest =
            self.marks.range::<Path, _>((Bound::Included(name), Bound::Unbounded)).map(|(path, _)| path);
        rest.take_while(|path| path.starts_with(name)).cloned().collect()
    }
}

fn replant(name: &Path, from: &Path, to: &Path) -> PathBuf {
    match name.strip_prefix(from) {
        Ok(below) if below.as_os_str().is_empty() => to.to_owned(),
        Ok(below) => to.join(below),
        Err(_) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
