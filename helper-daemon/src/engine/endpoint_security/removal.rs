//! unlink and rmdir, which macOS asks about alike.

use super::Ruling;
use super::doer::Doer;
use super::own::which;
use super::place::Cut;
use super::recorder::Note;
use super::session::{Session, Use};
use crate::deeds::Deed;
use crate::policy::judge::Verdict;
use crate::policy::operation::{Op, Operation};
use endpoint_sec::macos::File;

impl Session {
    pub(super) fn remove(&mut self, doer: &Doer, target: &File, directory: &File) -> Ruling {
        let is_directory = target.is_directory();
        let op = if is_directory { Op::Rmdir } else { Op::Unlink };
        let spot = match self.spot(target, Some(directory)) {
            Ok(spot) => spot,
            Err(Cut(path)) => return self.unclear(doer, op, &path),
        };
        let is_own = spot.place.own;
        // The kernel lets no directory go that has something in it: all below it is nothing.
        let operation =
            if is_directory { Operation::Rmdir(spot.place) } else { Operation::Unlink(spot.place) };
        let used_by = Use::new(doer, op, Some(target), &spot.path, None);
        let (verdict, mut notes) = self.verdict(doer, &operation, &used_by);
        if let Verdict::Deny(loss) = verdict {
            let in_use = is_directory.then_some(spot.path.as_path());
            return Ruling::Deny(vec![self.denial(doer, op, &spot.path, None, &loss, in_use)]);
        }
        self.own.moves_on(target);
        if is_own {
            self.own.bind(&spot.key, target);
            let leave = self.own.lets_go(&spot.key);
            notes.push(Note::Gone {
                session: self.number,
                key: spot.key,
                path: spot.path.clone(),
                which: vec![which(target)],
                leave,
                deed: Deed::Removed(spot.path),
            });
        }
        Ruling::Allow(notes)
    }
}
