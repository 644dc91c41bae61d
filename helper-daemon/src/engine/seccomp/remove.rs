//! unlink and rmdir.

use super::bare::{self, Bare};
use super::keep::Lost;
use super::rename_kept::Kept;
use super::{Case, Outcome, Session, Where, found, incident};
use crate::deeds::Deed;
use crate::denial::Denial;
use crate::policy::judge::{Loss, Verdict};
use crate::policy::operation::{Op, Operation};
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::caller::Unread;
use endpoint_sec::linux::event::At;
use endpoint_sec::linux::listener::Answer;
use nix::errno::Errno;

impl Session {
    pub(super) fn remove(&self, case: Case, at: &At, directory: bool) -> Result<Outcome, Unread> {
        let seen = self.see(case, at)?;
        let (dir, name) = (&seen.entry.dir, seen.entry.name.as_c_str());
        let act = if directory { Act::Rmdir { dir, name } } else { Act::Unlink { dir, name } };
        let view = self.view();
        if seen.entry.is_special() || view.plainly_outside(seen.dir.mount) {
            return Ok(self.perform(&case.caller, &act).into());
        }
        let mut own = self.own();
        // What was seen before the lock may have moved meanwhile; where it lies is asked under it.
        let view = self.same_view();
        let paths = match view.locate(&case.caller, &seen) {
            Where::Outside => return Ok(self.perform(&case.caller, &act).into()),
            Where::Unclear => {
                let op = if directory { Op::Rmdir } else { Op::Unlink };
                return Ok(self.unclear(case, op, &view, &seen));
            }
            Where::Known(paths) => paths,
        };
        let Some(stat) = found(&seen).map_err(Unread::Bare)? else {
            return Ok(Answer::Fail(bare::missing(&seen)).into());
        };
        let place = self.place(&own, &seen, paths, Some(&stat));
        let bare = Bare::of(self, &case.caller);
        let (path, is_own) = (place.shown().to_owned(), place.own);
        let operation = if directory { Operation::Rmdir(place) } else { Operation::Unlink(place) };
        let (verdict, when) = self.verdict(&view, case, &operation);
        if when.git {
            self.remember_work_tree(&seen);
        }
        if verdict != Verdict::Allow
            && let Some(errno) = bare.removal(&seen, &stat, directory)
        {
            return Ok(Answer::Fail(errno).into());
        }
        let for_git = self.verdict_for_git(&view, case, &operation, &seen, (verdict, when));
        match for_git.verdict.clone() {
            // The caller may see a mount there that this process, in another namespace, does not.
            Verdict::Allow if stat.mount_root => {
                Ok(Answer::Fail(bare.removal(&seen, &stat, directory).unwrap_or(Errno::EBUSY)).into())
            }
            Verdict::Allow => {
                let answer = self.perform(&case.caller, &act);
                let done = answer == Answer::Value(0);
                if done || answer == Answer::Continue {
                    own.forget((seen.dir.dev, seen.dir.ino), seen.entry.bare_name(), &stat);
                }
                let told = self.use_up(&view, &operation, when, &answer);
                let deed = (done && is_own).then(|| Deed::Removed(path).into());
                Ok(Outcome { deed, told, ..answer.into() })
            }
            Verdict::Deny(Loss { zone, reason }) => {
                Ok(self.deny(case, operation.op(), path, None, zone, reason))
            }
            Verdict::Hold(loss) => {
                let lost = Lost { seen: &seen, stat: &stat, path: &path };
                Ok(self.hold(case, &mut own, &lost, loss))
            }
            Verdict::Stash(losses) => {
                let lost = Lost { seen: &seen, stat: &stat, path: &path };
                let kept = self.remove_kept(case, operation.op(), &lost, losses);
                let (dir, name) = ((seen.dir.dev, seen.dir.ino), seen.entry.bare_name());
                own.forget(dir, name, &stat);
                if for_git.is_tracked() {
                    own.taken_by_git(dir, name);
                }
                Ok(for_git.sorted_later(kept))
            }
        }
    }

    /// Removes what is then in the stash.
    fn remove_kept(&self, case: Case, op: Op, lost: &Lost<'_>, losses: Vec<Loss>) -> Outcome {
        let Some(loss) = losses.into_iter().next() else { return Answer::Fail(Errno::EPERM).into() };
        let what = incident(case, op, lost.path.to_owned(), None, loss);
        let kept = match op {
            Op::Rmdir => self.rmdir_described(case, lost, &what),
            _ => self.take_away(case, lost, &what).map(|entry| Ok(vec![entry])),
        };
        what.came_to(kept)
    }

    /// Removes an empty directory: its description is all there is of it.
    fn rmdir_described(&self, case: Case, lost: &Lost<'_>, what: &Denial) -> Kept {
        let entry = self.describe(lost, what)?;
        let act = Act::Rmdir { dir: &lost.seen.entry.dir, name: &lost.seen.entry.name };
        let removed = self.ask(&case.caller, &act);
        match removed {
            Ok(_) => self.note_gone(lost),
            Err(_) => self.withdraw(&entry),
        }
        Ok(removed.map(|_| vec![entry.number]))
    }
}
