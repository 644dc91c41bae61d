//! What the records of a session's own together say: what is left of it, and what was taken away.

use super::{DeedRecord, Did, OwnRecord};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What all records of a session together say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What the session made and did not take away again, by its present name.
    pub left: BTreeSet<PathBuf>,
    /// What it took away, in order.
    pub taken: Vec<DeedRecord>,
    /// Names that were made and gone within a moment.
    pub short_lived: u64,
    /// Deeds that are not listed.
    pub unlisted: u64,
}

impl Account {
    /// Adds a record to those before it.
    pub fn add(&mut self, record: &OwnRecord) {
        self.short_lived += record.short_lived;
        self.unlisted += record.unlisted;
        for deed in &record.deeds {
            let path = deed.path();
            match (deed.did, deed.dest()) {
                (Did::Made, _) => {
                    self.left.insert(path);
                    continue;
                }
                (Did::Moved, Some(dest)) => self.rename(&path, &dest),
                _ => drop(self.left.remove(&path)),
            }
            self.taken.push(deed.clone());
        }
    }

    fn rename(&mut self, path: &Path, dest: &Path) {
        let mut rest = self.left.split_off(path);
        // Of a directory, all below it; between them sort only names that begin like it.
        let moved: Vec<PathBuf> = rest.iter().filter(|name| name.starts_with(path)).cloned().collect();
        for name in &moved {
            rest.remove(name);
        }
        self.left.append(&mut rest);
        let below = |name: PathBuf| name.strip_prefix(path).map(|below| joined(dest, below)).unwrap_or(name);
        self.left.extend(moved.into_iter().map(below));
    }
}

fn joined(dir: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { dir.to_owned() } else { dir.join(below) }
}
