//! When directories were last changed, but for what was taken out of them to be kept.
//!
//! Whoever removes a tree changes each of its directories once for everything in it, and the directory itself
//! last. It is to be described as it was before.

use super::below::DirKey;
use std::collections::HashMap;

/// How many directories are remembered: a tree is removed depth first, so few are begun at a time.
const MOST: usize = 4096;

/// By directory, in nanoseconds since the epoch: when it was changed last before the first thing was taken, and
/// when by taking the last one.
#[derive(Debug, Default)]
pub(super) struct Dates(HashMap<DirKey, (i128, i128)>);

impl Dates {
    /// Something was taken from a directory, which changed its time.
    pub(super) fn taken(&mut self, dir: DirKey, before: i128, after: i128) {
        let first = self.first(dir, before);
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(dir, (first, after));
    }

    /// When it was changed last, by anything but such taking.
    pub(super) fn first(&self, dir: DirKey, now: i128) -> i128 {
        self.0.get(&dir).filter(|(_, after)| *after == now).map_or(now, |(first, _)| *first)
    }

    /// It is gone.
    pub(super) fn forget(&mut self, dir: DirKey) {
        self.0.remove(&dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIR: DirKey = (1, 2);

    #[test]
    fn taking_counts_for_nothing_and_anything_else_does() {
        let mut dates = Dates::default();
        assert_eq!(dates.first(DIR, 10), 10);
        dates.taken(DIR, 10, 20);
        dates.taken(DIR, 20, 30);
        assert_eq!((dates.first(DIR, 30), dates.first((1, 3), 30)), (10, 30));
        // Something was made in it meanwhile.
        dates.taken(DIR, 31, 40);
        assert_eq!((dates.first(DIR, 40), dates.first(DIR, 41)), (31, 41));
        dates.forget(DIR);
        assert_eq!(dates.first(DIR, 40), 40);
    }

    #[test]
    fn no_more_are_remembered_than_that() {
        let mut dates = Dates::default();
        for dir in 0..2 * MOST as u64 {
            dates.taken((1, dir), 1, 2);
        }
        assert!(dates.0.len() <= MOST);
    }
}
