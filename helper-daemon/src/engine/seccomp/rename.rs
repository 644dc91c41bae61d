//! rename, with each of its flags.

use super::bare::{self, Bare};
use super::below::DirKey;
use super::by_git::ForGit;
use super::moves::{after_exchange, after_rename, deed, only_if_all_below_is_own};
use super::own::Own;
use super::rename_kept::Losing;
use super::view::View;
use super::{Case, Outcome, Seen, Session, Where, found, incident, lock};
use crate::policy::judge::{Loss, Verdict, moves_out};
use crate::policy::operation::{Op, Operation, Place};
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::caller::Unread;
use endpoint_sec::linux::event::At;
use endpoint_sec::linux::handle::Stat;
use endpoint_sec::linux::listener::Answer;
use nix::errno::Errno;
use nix::fcntl::RenameFlags;
use std::path::PathBuf;

/// One of the two names, with what is known of it under the lock.
pub(super) struct Side<'a> {
    pub(super) seen: &'a Seen,
    pub(super) stat: Option<Stat>,
    pub(super) place: Place,
}

impl Session {
    pub(super) fn rename(&self, case: Case, from: &At, to: &At, flags: u32) -> Result<Outcome, Unread> {
        let (from, to) = (self.see(case, from)?, self.see(case, to)?);
        let view = self.view();
        let outside = |seen: &Seen| view.plainly_outside(seen.dir.mount);
        // On two mounts, or with `.` and `..`, the kernel refuses by itself.
        let refused = from.dir.mount != to.dir.mount || from.entry.is_special() || to.entry.is_special();
        if refused || (outside(&from) && outside(&to)) {
            return Ok(self.perform(&case.caller, &act(&from, &to, flags)).into());
        }
        let mut own = self.own();
        let view = self.same_view();
        let shown_elsewhere = [&from, &to].into_iter().any(|seen| view.shows_elsewhere(&case.caller, seen));
        let renamed = self.rename_in_a_few_tries(case, &view, &mut own, &from, &to, flags);
        if shown_elsewhere {
            lock(&self.view).look_anew();
        }
        renamed
    }

    /// A name that is free when it is judged and taken when it is acted on is judged again.
    fn rename_in_a_few_tries(
        &self,
        case: Case,
        view: &View,
        own: &mut Own,
        from: &Seen,
        to: &Seen,
        flags: u32,
    ) -> Result<Outcome, Unread> {
        for _ in 0..3 {
            if let Some(outcome) = self.rename_locked(case, view, own, from, to, flags)? {
                return Ok(outcome);
            }
        }
        Ok(Answer::Fail(Errno::EAGAIN).into())
    }

    fn rename_locked(
        &self,
        case: Case,
        view: &View,
        own: &mut Own,
        from: &Seen,
        to: &Seen,
        flags: u32,
    ) -> Result<Option<Outcome>, Unread> {
        let (from_paths, to_paths) = match (view.locate(&case.caller, from), view.locate(&case.caller, to)) {
            (Where::Outside, Where::Outside) => {
                return Ok(Some(self.perform(&case.caller, &act(from, to, flags)).into()));
            }
            (Where::Unclear, _) => return Ok(Some(self.unclear(case, Op::Rename, view, from))),
            (_, Where::Unclear) => return Ok(Some(self.unclear(case, Op::Rename, view, to))),
            (from_place, to_place) => (paths(from_place), paths(to_place)),
        };
        // What lies in a zone, and is not only seen in one, is to lie in one afterwards.
        let (from_lies, to_lies) = (view.lies_at(&case.caller, from), view.lies_at(&case.caller, to));
        let exchanged = flags & bits(RenameFlags::RENAME_EXCHANGE) != 0;
        let to_paths = if from_lies.is_empty() { to_paths } else { to_lies.clone() };
        let from_paths = if exchanged && !to_lies.is_empty() { from_lies.clone() } else { from_paths };
        let Some(from_stat) = found(from).map_err(Unread::Bare)? else {
            return Ok(Some(Answer::Fail(bare::missing(from)).into()));
        };
        let to_stat = found(to).map_err(Unread::Bare)?;
        let back = to_stat.as_ref().filter(|_| exchanged);
        let back = back.map(|stat| (to, stat, &to_lies, &from_paths));
        for (what, stat, paths, dest) in [(from, &from_stat, &from_lies, &to_paths)].into_iter().chain(back) {
            if let Some(refused) = self.written_to_moves_in(case, view, (what, stat, paths), dest) {
                return Ok(Some(refused));
            }
        }
        let mut from_side = self.side(own, from, from_paths, Some(from_stat));
        let mut to_side = self.side(own, to, to_paths, to_stat);
        only_if_all_below_is_own(view, own, &mut from_side, &to_side.place);
        if exchanged {
            only_if_all_below_is_own(view, own, &mut to_side, &from_side.place);
            return Ok(Some(self.exchange(case, view, own, &from_side, &to_side, flags)));
        }
        if to_stat.is_some() && flags & bits(RenameFlags::RENAME_NOREPLACE) != 0 {
            let read_only = from.entry.dir.is_read_only();
            return Ok(Some(Answer::Fail(if read_only { Errno::EROFS } else { Errno::EEXIST }).into()));
        }
        Ok(self.replace(case, view, own, &from_side, &from_stat, &to_side, flags))
    }

    fn side<'a>(&self, own: &Own, seen: &'a Seen, paths: Vec<PathBuf>, stat: Option<Stat>) -> Side<'a> {
        Side { seen, stat, place: self.place(own, seen, paths, stat.as_ref()) }
    }

    /// A rename that is no exchange. `None`: the new name was free when judged and is not any more.
    #[allow(clippy::too_many_arguments, reason = "one step of `rename_locked`, which has them all at hand")]
    fn replace(
        &self,
        case: Case,
        view: &View,
        own: &mut Own,
        from: &Side<'_>,
        from_stat: &Stat,
        to: &Side<'_>,
        flags: u32,
    ) -> Option<Outcome> {
        let nested = bare::nested((from.seen, from_stat), (to.seen, to.stat.as_ref()));
        let bare = Bare::of(self, &case.caller);
        let refusal = || bare.rename((from.seen, from_stat), (to.seen, to.stat.as_ref()), nested);
        if to.stat.is_some_and(|stat| (stat.dev, stat.ino) == (from_stat.dev, from_stat.ino)) {
            // Two names of one file: the kernel does nothing, and says it did.
            return Some(refusal().map_or(Answer::Value(0), Answer::Fail).into());
        }
        let operation = Operation::Rename { from: from.place.clone(), to: to.place.clone() };
        let (verdict, when) = self.verdict(view, case, &operation);
        let for_git = if verdict != Verdict::Allow && refusal().is_none() {
            self.verdict_for_git(view, case, &operation, to.seen, (verdict, when))
        } else {
            ForGit::from(verdict)
        };
        let losses = match for_git.verdict.clone() {
            Verdict::Allow => Vec::new(),
            Verdict::Deny(Loss { zone, reason }) | Verdict::Hold(Loss { zone, reason }) => {
                let (path, dest) = (shown(view, from), shown(view, to));
                return Some(match refusal() {
                    Some(errno) => Answer::Fail(errno).into(),
                    None => self.deny(case, Op::Rename, path, Some(dest), zone, reason),
                });
            }
            Verdict::Stash(losses) => losses,
        };
        if from_stat.mount_root || to.stat.is_some_and(|stat| stat.mount_root) {
            // The caller may see a mount there that this process, in another namespace, does not.
            return Some(Answer::Fail(refusal().unwrap_or(Errno::EBUSY)).into());
        }
        if let Some(loss) = losses.first() {
            if let Some(errno) = refusal() {
                return Some(Answer::Fail(errno).into());
            }
            let (path, dest) = (shown(view, from), shown(view, to));
            let what = incident(case, Op::Rename, path.clone(), Some(dest.clone()), loss.clone());
            let losing = Losing { side: from, stat: from_stat, path: &path };
            let old = to.stat.as_ref().map(|stat| Losing { side: to, stat, path: &dest });
            let kept = self.rename_keeping(case, &losing, (to, old), flags, &losses, &what);
            if matches!(kept, Ok(Ok(_))) {
                after_rename(view, own, from, from_stat, to);
                self.note_move(case, view, own, from, from_stat, to);
            }
            return Some(for_git.sorted_later(what.came_to(kept)));
        }
        let exclusive = flags | bits(RenameFlags::RENAME_NOREPLACE);
        let mut answer = if to.stat.is_none() && !to.place.paths.is_empty() {
            self.perform(&case.caller, &act(from.seen, to.seen, exclusive))
        } else {
            self.perform(&case.caller, &act(from.seen, to.seen, flags))
        };
        match answer {
            Answer::Fail(Errno::EEXIST) if to.stat.is_none() => return None,
            // A file system without RENAME_NOREPLACE.
            Answer::Fail(Errno::EINVAL) if to.stat.is_none() => {
                answer = self.perform(&case.caller, &act(from.seen, to.seen, flags));
            }
            _ => {}
        }
        if matches!(answer, Answer::Value(_) | Answer::Continue) {
            after_rename(view, own, from, from_stat, to);
            self.note_move(case, view, own, from, from_stat, to);
        }
        let deed = if answer == Answer::Value(0) { deed(view, from, to) } else { None };
        let told = self.use_up(view, &operation, when, &answer);
        Some(Outcome { deed: deed.map(Box::new), told, ..answer.into() })
    }

    fn exchange(
        &self,
        case: Case,
        view: &View,
        own: &mut Own,
        first: &Side<'_>,
        second: &Side<'_>,
        flags: u32,
    ) -> Outcome {
        let (Some(first_stat), Some(second_stat)) = (first.stat, second.stat) else {
            return Answer::Fail(bare::missing(first.seen)).into();
        };
        if (first_stat.dev, first_stat.ino) == (second_stat.dev, second_stat.ino) {
            // Two names of one file: the kernel does nothing, and says it did. Each name stays what it was.
            let bare = Bare::of(self, &case.caller);
            let refusal = bare.exchange((first.seen, &first_stat), (second.seen, &second_stat));
            return refusal.map_or(Answer::Value(0), Answer::Fail).into();
        }
        let operation = Operation::Exchange { first: first.place.clone(), second: second.place.clone() };
        let (verdict, when) = self.verdict(view, case, &operation);
        let both = ((first, &first_stat), (second, &second_stat));
        if verdict != Verdict::Allow {
            let bare = Bare::of(self, &case.caller);
            if let Some(errno) = bare.exchange((first.seen, &first_stat), (second.seen, &second_stat)) {
                return Answer::Fail(errno).into();
            }
        }
        let (path, dest) = (shown(view, first), shown(view, second));
        match verdict {
            Verdict::Allow => {
                let answer = self.perform(&case.caller, &act(first.seen, second.seen, flags));
                if matches!(answer, Answer::Value(_) | Answer::Continue) {
                    after_exchange(view, own, both.0, both.1, when);
                }
                let told = self.use_up(view, &operation, when, &answer);
                Outcome { told, ..answer.into() }
            }
            Verdict::Deny(Loss { zone, reason }) | Verdict::Hold(Loss { zone, reason }) => {
                self.deny(case, Op::Exchange, path, Some(dest), zone, reason)
            }
            Verdict::Stash(losses) => {
                let Some(loss) = losses.into_iter().next() else { return Answer::Fail(Errno::EPERM).into() };
                let what = incident(case, Op::Exchange, path.clone(), Some(dest.clone()), loss);
                // Only one of them can be going out of protection: the other comes from there.
                let out = if moves_out(&view.policy, &operation, when) {
                    Losing { side: first, stat: &first_stat, path: &path }
                } else {
                    Losing { side: second, stat: &second_stat, path: &dest }
                };
                let kept = self.keeping_copy(Some(&out), &what, || {
                    Ok(self.ask(&case.caller, &act(first.seen, second.seen, flags)).map(|_| Vec::new()))
                });
                if matches!(kept, Ok(Ok(_))) {
                    after_exchange(view, own, both.0, both.1, when);
                }
                what.came_to(kept)
            }
        }
    }
}

fn bits(flag: RenameFlags) -> u32 {
    flag.bits()
}

pub(super) fn act<'a>(from: &'a Seen, to: &'a Seen, flags: u32) -> Act<'a> {
    Act::Rename { from: (&from.entry.dir, &from.entry.name), to: (&to.entry.dir, &to.entry.name), flags }
}

pub(super) fn key(seen: &Seen) -> DirKey {
    (seen.dir.dev, seen.dir.ino)
}

/// The paths that the judge sees: none for a name outside, which is then guarded by nothing.
fn paths(place: Where) -> Vec<PathBuf> {
    match place {
        Where::Known(paths) => paths,
        Where::Outside | Where::Unclear => Vec::new(),
    }
}

pub(super) fn shown(view: &View, side: &Side<'_>) -> PathBuf {
    side.place.paths.first().cloned().unwrap_or_else(|| view.shown(side.seen))
}
