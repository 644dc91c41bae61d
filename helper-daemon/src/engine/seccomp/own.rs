//! Which names are the session's own: made by this very tree, at a name that was free.
//!
//! A name is told by its directory, its text, and the inode that stood there when it was made (number, birth
//! time, generation and type). Whatever a person puts in its place has another inode, or the same number and
//! another birth, so it is not the session's own. Where a file system gives nothing that tells a file from a later
//! one of its number, no name is the session's own. For each name 64 keyed bits are kept, no more: an engine that runs for a million operations must stay small.
//! The key is random and never leaves this process, so nobody can aim for a collision; by chance, with a
//! million names kept, one look-up in 10^13 meets one.

use super::below::{DirKey, Next, visit};
use super::held::Held;
use endpoint_sec::linux::handle::{Handle, Kind, Stat};
use std::collections::HashSet;
use std::ffi::CStr;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::path::Path;

/// How a name was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum How {
    /// With its content.
    Made,
    /// As a further name of older content: the session's own only while there is another name, or once the tree
    /// has saved over one.
    Linked,
}

#[derive(Debug, Default)]
pub(super) struct Own {
    key: RandomState,
    names: HashSet<u64, BuildHasherDefault<Keyed>>,
    /// What is made where something is held is not the session's own.
    pub(super) held: Held,
    /// Files with several names one of which was saved over: their content was the tree's to replace.
    saved_over: HashSet<u64, BuildHasherDefault<Keyed>>,
    /// Names that git has removed something older from.
    taken_by_git: HashSet<u64, BuildHasherDefault<Keyed>>,
}

impl Own {
    /// Whether what stands at the name is the session's own.
    pub(super) fn has(&self, dir: DirKey, name: &[u8], stat: &Stat) -> bool {
        !self.names.is_empty()
            && (self.names.contains(&self.mark(dir, name, stat, How::Made))
                || ((stat.nlink > 1 || self.was_saved_over(stat))
                    && self.names.contains(&self.mark(dir, name, stat, How::Linked))))
    }

    /// Records a name that the session made.
    pub(super) fn put(&mut self, dir: DirKey, name: &[u8], stat: &Stat, how: How) {
        if !stat.can_be_told() {
            return;
        }
        if !self.held.put(dir, name, stat) {
            let mark = self.mark(dir, name, stat, how);
            self.names.insert(mark);
        }
    }

    /// Records that the tree has saved over a name of this file.
    pub(super) fn saved_over(&mut self, file: &Stat) {
        if file.nlink > 1 && file.kind == Kind::Regular && file.can_be_told() {
            let mark = self.mark_of_file(file);
            self.saved_over.insert(mark);
        }
    }

    fn was_saved_over(&self, file: &Stat) -> bool {
        !self.saved_over.is_empty() && self.saved_over.contains(&self.mark_of_file(file))
    }

    /// Records a name that came in from where nothing is protected.
    pub(super) fn arrived(&mut self, dir: DirKey, name: &[u8], stat: &Stat) {
        self.put(dir, name, stat, how_arrived(stat));
    }

    /// How the session made what stands at the name, if it did.
    pub(super) fn how(&self, dir: DirKey, name: &[u8], stat: &Stat) -> Option<How> {
        let known = |how: &How| self.names.contains(&self.mark(dir, name, stat, *how));
        [How::Made, How::Linked].into_iter().find(known)
    }

    /// Forgets what stood at a name, and tells how it was made if it was the session's own.
    pub(super) fn take(&mut self, dir: DirKey, name: &[u8], stat: &Stat) -> Option<How> {
        if self.names.is_empty() {
            return None;
        }
        let marks = [How::Made, How::Linked].map(|how| (how, self.mark(dir, name, stat, how)));
        let taken = marks.map(|(how, mark)| self.names.remove(&mark).then_some(how));
        if self.names.is_empty() {
            self.names.shrink_to(1024);
        }
        taken.into_iter().flatten().next()
    }

    /// Records that git has removed something older.
    pub(super) fn taken_by_git(&mut self, dir: DirKey, name: &[u8]) {
        let mark = self.key.hash_one((dir, name));
        self.taken_by_git.insert(mark);
    }

    /// Whether git has removed something older from a name.
    pub(super) fn was_taken_by_git(&self, dir: DirKey, name: &[u8]) -> bool {
        !self.taken_by_git.is_empty() && self.taken_by_git.contains(&self.key.hash_one((dir, name)))
    }

    /// Somebody else has made something at that name.
    pub(super) fn forget_taken(&mut self, dir: DirKey, name: &[u8]) {
        if !self.taken_by_git.is_empty() {
            self.taken_by_git.remove(&self.key.hash_one((dir, name)));
        }
    }

    /// Forgets what stood at a name.
    pub(super) fn forget(&mut self, dir: DirKey, name: &[u8], stat: &Stat) {
        self.take(dir, name, stat);
    }

    /// Whether everything below a directory is the session's own, but for what `is_free`: nothing guards it, nor
    /// what is below it, and whose it is was never recorded.
    pub(super) fn has_all_below(&self, dir: &Handle, name: &CStr, is_free: impl Fn(&Path) -> bool) -> bool {
        visit(dir, name, |key, below, name, stat| {
            if self.has(key, name, stat) {
                Next::Deeper
            } else if is_free(below) {
                Next::Past
            } else {
                Next::Stop
            }
        })
    }

    /// Takes over everything below a directory: it has just come in from where nothing was protected.
    pub(super) fn adopt_below(&mut self, dir: &Handle, name: &CStr) {
        let mut names = Vec::new();
        let complete = visit(dir, name, |key, _, name, stat| {
            names.push(self.mark(key, name, stat, how_arrived(stat)));
            if stat.can_be_told() { Next::Deeper } else { Next::Stop }
        });
        if complete {
            self.names.extend(names);
        }
    }

    fn mark_of_file(&self, file: &Stat) -> u64 {
        self.key.hash_one((file.dev, file.ino, file.born, file.generation))
    }

    fn mark(&self, dir: DirKey, name: &[u8], stat: &Stat, how: How) -> u64 {
        let kind = stat.kind as u8;
        self.key.hash_one((dir, name, stat.ino, stat.born, stat.generation, kind, how))
    }
}

/// What comes in with further names elsewhere may be older content under a new name.
fn how_arrived(stat: &Stat) -> How {
    if stat.nlink > 1 && stat.kind != Kind::Directory { How::Linked } else { How::Made }
}

/// The marks are hashes already.
#[derive(Debug, Default)]
struct Keyed(u64);

impl Hasher for Keyed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, mark: u64) {
        self.0 = mark;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(dir: &Path, name: &CStr) -> (Handle, DirKey, Stat) {
        let handle = Handle::open(dir).unwrap();
        let here = handle.stat().unwrap();
        let stat = handle.identify(name).unwrap();
        (handle, (here.dev, here.ino), stat)
    }

    #[test]
    fn a_name_that_a_person_made_again_is_not_own() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        std::fs::write(&file, "agent").unwrap();
        let mut own = Own::default();
        let (_, key, stat) = look(dir.path(), c"f");
        own.put(key, b"f", &stat, How::Made);
        assert!(own.has(key, b"f", &stat));
        assert!(!own.has(key, b"g", &stat));
        std::fs::rename(&file, dir.path().join("elsewhere")).unwrap();
        std::fs::write(&file, "person").unwrap();
        let (_, key, stat) = look(dir.path(), c"f");
        assert!(!own.has(key, b"f", &stat));
    }

    #[test]
    fn a_link_is_own_only_while_the_older_name_is_there() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("old"), "").unwrap();
        std::fs::hard_link(dir.path().join("old"), dir.path().join("new")).unwrap();
        let mut own = Own::default();
        let (_, key, stat) = look(dir.path(), c"new");
        own.put(key, b"new", &stat, How::Linked);
        assert!(own.has(key, b"new", &stat));
        std::fs::remove_file(dir.path().join("old")).unwrap();
        let (_, key, stat) = look(dir.path(), c"new");
        assert!(!own.has(key, b"new", &stat));
    }

    #[test]
    fn a_link_stays_own_where_the_tree_saved_over_the_older_name() {
        let dir = tempfile::tempdir().unwrap();
        let [old, new, save] = ["old", "new", "save"].map(|name| dir.path().join(name));
        std::fs::write(&old, "").unwrap();
        std::fs::hard_link(&old, &new).unwrap();
        let mut own = Own::default();
        let (_, key, stat) = look(dir.path(), c"new");
        own.put(key, b"new", &stat, How::Linked);
        own.saved_over(&stat);
        std::fs::write(&save, "").unwrap();
        std::fs::rename(&save, &old).unwrap();
        let (_, key, stat) = look(dir.path(), c"new");
        assert!(own.has(key, b"new", &stat) && !own.has(key, b"old", &stat));
    }

    #[test]
    fn a_directory_is_own_while_all_below_it_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("d/e")).unwrap();
        std::fs::write(dir.path().join("d/e/f"), "").unwrap();
        let mut own = Own::default();
        let (handle, ..) = look(dir.path(), c"d");
        assert!(!own.has_all_below(&handle, c"d", |_| false));
        own.adopt_below(&handle, c"d");
        assert!(own.has_all_below(&handle, c"d", |_| false));
        std::fs::write(dir.path().join("d/e/late"), "").unwrap();
        assert!(!own.has_all_below(&handle, c"d", |_| false));
        assert!(own.has_all_below(&handle, c"d", |below| below == Path::new("e/late")));
    }

    #[test]
    fn forgetting_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), "").unwrap();
        let mut own = Own::default();
        let (_, key, stat) = look(dir.path(), c"f");
        own.put(key, b"f", &stat, How::Made);
        own.put(key, b"f", &stat, How::Linked);
        own.forget(key, b"f", &stat);
        assert!(own.names.is_empty());
    }
}
