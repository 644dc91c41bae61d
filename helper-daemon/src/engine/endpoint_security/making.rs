//! What makes a name: create, link, clone, copyfile. It is let be made everywhere but among es-guard's own, and is the
//! session's own then.

use super::Ruling;
use super::doer::Doer;
use super::own::{How, which};
use super::place::{Cut, Spot, kind};
use super::recorder::Note;
use super::session::{Session, Use};
use crate::deeds::Deed;
use crate::policy::judge::Verdict;
use crate::policy::operation::{Op, Operation, Place};
use endpoint_sec::macos::{Destination, File};
use std::ffi::OsStr;

impl Session {
    /// Asked beforehand; what has come of it is told by [`made`](Self::made).
    pub(super) fn create(&mut self, doer: &Doer, to: &Destination) -> Ruling {
        match self.destination(to) {
            Ok(spot) => self.sealed(doer, &spot, None).unwrap_or(Ruling::Allow(Vec::new())),
            Err(Cut(path)) => self.unclear(doer, Op::Write, &path),
        }
    }

    /// Something was made at a name that was free.
    pub(super) fn made(&mut self, file: &File) -> Option<Note> {
        let path = file.path()?;
        let place = Place { paths: self.rules.spelling.all(path), ..Place::default() };
        if !self.covered(&place) {
            return None;
        }
        self.own.put(self.rules.spelling.key(path), which(file), How::Made);
        Some(Note::Own { to: self.witness.clone(), deed: Deed::Made(path.to_owned()) })
    }

    /// A further name for a file.
    pub(super) fn link(&mut self, doer: &Doer, source: &File, directory: &File, name: &OsStr) -> Ruling {
        let (from, to) = match (self.spot(source, None), self.free_spot(directory, name)) {
            (Ok(from), Ok(to)) => (from, to),
            (Err(Cut(path)), _) | (_, Err(Cut(path))) => return self.unclear(doer, Op::Write, &path),
        };
        // A second name would be a way to what es-guard keeps.
        let refused = self.sealed(doer, &from, Some(source)).or_else(|| self.sealed(doer, &to, None));
        if let Some(refused) = refused {
            return refused;
        }
        if !self.covered(&to.place) {
            return Ruling::Allow(Vec::new());
        }
        let how = self.own.how(&from.key, source).unwrap_or(How::Linked);
        self.own.put(to.key.clone(), which(source), how);
        let made = Note::Made { session: self.number, key: to.key, path: to.path, since: None };
        Ruling::Allow(vec![made])
    }

    /// A copy of a file, or with `existing` the content of one in the place of another's.
    pub(super) fn copy(
        &mut self,
        doer: &Doer,
        source: &File,
        existing: Option<&File>,
        directory: &File,
        name: &OsStr,
    ) -> Ruling {
        if let Some(existing) = existing {
            return self.copy_over(doer, source, existing);
        }
        let to = match self.free_spot(directory, name) {
            Ok(to) => to,
            Err(Cut(path)) => return self.unclear(doer, Op::Write, &path),
        };
        if let Some(refused) = self.sealed(doer, &to, None) {
            return refused;
        }
        if !self.covered(&to.place) {
            return Ruling::Allow(Vec::new());
        }
        // Which file it will be nobody can tell yet.
        self.own.expect(to.key.clone(), doer.time);
        let made = Note::Made { session: self.number, key: to.key, path: to.path, since: Some(doer.time) };
        Ruling::Allow(vec![made])
    }

    /// As a new file that is saved over what is there.
    fn copy_over(&mut self, doer: &Doer, source: &File, existing: &File) -> Ruling {
        let to = match self.spot(existing, None) {
            Ok(to) => to,
            Err(Cut(path)) => return self.unclear(doer, Op::Rename, &path),
        };
        let from = Place { paths: Vec::new(), kind: Some(kind(source)), own: true };
        let operation = Operation::Rename { from, to: to.place.clone() };
        let path = source.path_as_told();
        let used_by = Use::new(doer, Op::Rename, Some(source), path, Some(&to.path));
        match self.verdict(doer, &operation, &used_by) {
            (Verdict::Deny(loss), _) => self.denied(doer, Op::Rename, path, Some(&to.path), &loss),
            (_, notes) => {
                self.own.saved_over(existing);
                Ruling::Allow(notes)
            }
        }
    }

    /// The refusal, where a name is one that es-guard keeps, or its file is.
    pub(super) fn sealed(&mut self, doer: &Doer, spot: &Spot, file: Option<&File>) -> Option<Ruling> {
        let operation = Operation::Write(spot.place.clone());
        let used_by = Use::new(doer, Op::Write, file, &spot.path, None);
        if let (Verdict::Deny(loss), _) = self.verdict(doer, &operation, &used_by) {
            return Some(self.denied(doer, Op::Write, &spot.path, None, &loss));
        }
        let loss = self.keeps(file?)?;
        Some(self.denied(doer, Op::Write, &spot.path, None, &loss))
    }
}
