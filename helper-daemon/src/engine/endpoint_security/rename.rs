//! rename, with or without something at the new name.
//!
//! Of an exchange (`renamex_np` with `RENAME_SWAP`) macOS says no more than of a rename, so it is judged as one, and
//! where it comes as two, as both.

use super::Ruling;
use super::doer::Doer;
use super::own::{How, Leave, which};
use super::place::{Cut, Spot};
use super::recorder::Note;
use super::session::{Session, Use, now};
use super::walk::Found;
use crate::deeds::Deed;
use crate::policy::judge::{Loss, Verdict};
use crate::policy::operation::{Kind, Op, Operation};
use endpoint_sec::macos::{Destination, File};
use std::path::{Path, PathBuf};

/// What is below a directory, once somebody has looked; inside `None` where not all of it could be looked at.
pub(super) type Looked = Option<Vec<Found>>;

impl Session {
    pub(super) fn rename(
        &mut self,
        doer: &Doer,
        source: &File,
        to: &Destination,
        looked: Option<&Looked>,
    ) -> Ruling {
        let (mut from, dest) = match (self.spot(source, None), self.destination(to)) {
            (Ok(from), Ok(dest)) => (from, dest),
            (Err(Cut(path)), _) | (_, Err(Cut(path))) => return self.unclear(doer, Op::Rename, &path),
        };
        let there = if let Destination::Existing(file) = to { Some(file) } else { None };
        if there.is_some_and(|there| which(there) == which(source)) {
            // Two names of one file, or one name in another case: nothing is lost.
            return Ruling::Allow(Vec::new());
        }
        if source.is_directory() {
            if looked.is_none() && (self.leaves(&from, &dest) || self.comes_in(&from, &dest)) {
                return Ruling::Look(from.path);
            }
            if self.leaves(&from, &dest) {
                from.place.own = self.has_all_below(&from, looked);
            }
        }
        let operation = Operation::Rename { from: from.place.clone(), to: dest.place.clone() };
        let used_by = Use::new(doer, Op::Rename, Some(source), &from.path, Some(&dest.path));
        let (verdict, mut notes) = self.verdict(doer, &operation, &used_by);
        if let Verdict::Deny(loss) = verdict {
            return self.rename_denied(doer, source, there, (&from, &dest), &loss);
        }
        // What is marked from here on is not what leaves.
        let leave = self.own.lets_go(&from.key);
        self.after_rename(source, there, &from, &dest, looked);
        notes.extend(self.rename_told(source, there, (from, leave), dest));
        Ruling::Allow(notes)
    }

    fn rename_denied(
        &self,
        doer: &Doer,
        source: &File,
        there: Option<&File>,
        (from, dest): (&Spot, &Spot),
        loss: &Loss,
    ) -> Ruling {
        // A directory in the place of a file, or the other way round, the kernel refuses by itself.
        if there.is_some_and(|there| there.is_directory() != source.is_directory()) {
            return Ruling::Deny(Vec::new());
        }
        let in_use = there.filter(|there| there.is_directory()).map(|_| dest.path.as_path());
        Ruling::Deny(vec![self.denial(doer, Op::Rename, &from.path, Some(&dest.path), loss, in_use)])
    }

    /// Whether a directory of the session's own would leave protection: then all below it must be its own, too.
    fn leaves(&self, from: &Spot, dest: &Spot) -> bool {
        // As git sees it fewer places are guarded: then more is looked at than need be, never less.
        let policy = &self.rules.policy;
        from.place.own && !dest.place.paths.iter().any(|path| policy.keeps_whole(path, now(), true))
    }

    /// Whether a directory would come in from where nothing is protected, to a free name.
    fn comes_in(&self, from: &Spot, dest: &Spot) -> bool {
        self.covered(&dest.place) && !self.covered(&from.place) && is_free(dest)
    }

    fn has_all_below(&self, directory: &Spot, looked: Option<&Looked>) -> bool {
        let Some(Some(below)) = looked else { return false };
        let policy = &self.rules.policy;
        let is_free = |path: &Path| {
            self.rules.spelling.all(path).iter().all(|path| policy.guards(path, now(), false).is_none())
        };
        let is_own = |found: &Found| {
            let key = self.rules.spelling.key(&found.path);
            self.own.has_which(&key, found.which, found.links, found.changed)
        };
        !self.own.may_hold_older(&directory.key)
            && below.iter().all(|found| is_own(found) || is_free(&found.path))
    }

    /// What the rename means to what is the session's own. Should the kernel refuse it, every mark still holds for its
    /// file alone.
    fn after_rename(
        &mut self,
        source: &File,
        there: Option<&File>,
        from: &Spot,
        dest: &Spot,
        looked: Option<&Looked>,
    ) {
        self.own.expect_no_more(&dest.key);
        self.own.moves_on(source);
        if !from.place.own {
            // What an earlier rename or link, which the kernel refused, would have made of that name.
            self.own.not_else(&dest.key, source);
        }
        if from.place.own {
            self.own.bind(&from.key, source);
        }
        let how = self.own.how(&from.key, source);
        if let Some(there) = there.filter(|_| !is_free(dest)) {
            self.own.saved_over(there);
        }
        self.after_exchange(source, there, from, dest);
        if !self.covered(&dest.place) {
            return;
        }
        if source.is_directory() {
            self.own.will_be_at(&from.key, &dest.key);
        }
        match how {
            Some(how) if is_free(dest) => {
                self.own.put(dest.key.clone(), which(source), how);
                there.into_iter().for_each(|there| self.own.or_else(&dest.key, there));
            }
            None if is_free(dest) && !self.covered(&from.place) => {
                self.own.put(
                    dest.key.clone(),
                    which(source),
                    how_arrived(source.links, source.is_directory()),
                );
                self.adopt(from, dest, looked);
            }
            _ => {}
        }
        let older = from.place.kind.is_some() && !from.place.own && self.covered(&from.place);
        if older && dest.key.parent() != from.key.parent() {
            self.own.moves_in(source, dest.key.parent().map(PathBuf::from).unwrap_or_default());
        }
    }

    /// If it is an exchange, what stood at the new name will stand at the old one, and that name stays the session's own:
    /// after an edit by swap, too. Should it be a second half, it is the other way round.
    fn after_exchange(&mut self, source: &File, there: Option<&File>, from: &Spot, dest: &Spot) {
        let Some(there) = there else { return };
        let both_files = from.place.kind == Some(Kind::Regular) && there.is_regular();
        let may_swap = from.place.own && self.covered(&from.place) && both_files && there.links == 1;
        if may_swap && source.links == 1 && self.covered(&dest.place) {
            self.own.or_else(&from.key, there);
        }
    }

    /// What came in with a directory.
    fn adopt(&mut self, from: &Spot, dest: &Spot, looked: Option<&Looked>) {
        let Some(Some(below)) = looked else { return };
        for found in below {
            let Ok(rest) = found.path.strip_prefix(&from.path) else { continue };
            let key = self.rules.spelling.key(&dest.path.join(rest));
            self.own.put(key, found.which, how_arrived(found.links, found.is_directory));
        }
    }

    fn rename_told(
        &self,
        source: &File,
        there: Option<&File>,
        (from, leave): (Spot, Option<Leave>),
        dest: Spot,
    ) -> Option<Note> {
        let (free, covered) = (is_free(&dest), self.covered(&dest.place));
        let directory = source.is_directory();
        let deed = match from.place.own {
            true if free || !covered => Deed::Moved { path: from.path.clone(), dest: dest.path, directory },
            true => Deed::Saved { path: from.path.clone(), dest: dest.path },
            false if free && covered && !self.covered(&from.place) => Deed::Made(dest.path),
            false => return None,
        };
        let mut gone = vec![which(source)];
        gone.extend(there.map(which));
        Some(Note::Gone { session: self.number, key: from.key, path: from.path, which: gone, leave, deed })
    }
}

fn is_free(dest: &Spot) -> bool {
    dest.place.kind.is_none() || dest.place.own
}

/// What comes in with further names elsewhere may be older content under a new name.
fn how_arrived(links: u16, is_directory: bool) -> How {
    if links > 1 && !is_directory { How::Linked } else { How::Made }
}
