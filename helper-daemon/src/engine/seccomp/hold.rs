//! Holding what a replacer removes: many a program replaces a file by removing it first.
//!
//! What it removes goes into the stash, written down before, and the call succeeds. When the process has ended,
//! [`settle`](super::settle) looks whether the name was made again.

use super::below::DirKey;
use super::held::{Hold, Identity, Spot};
use super::keep::Lost;
use super::own::Own;
use super::rename::Side;
use super::view::View;
use super::{Case, Outcome, Seen, Session, incident};
use crate::policy::OnDelete;
use crate::policy::judge::Loss;
use crate::policy::operation::{Kind, Op};
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::handle::Stat;
use endpoint_sec::linux::listener::Answer;
use endpoint_sec::linux::process::PidFd;
use nix::unistd::Pid;
use std::path::Path;

impl Session {
    /// Removes a file for a replacer, and remembers it until the process has ended.
    pub(super) fn hold(&self, case: Case, own: &mut Own, lost: &Lost<'_>, loss: Loss) -> Outcome {
        let (dir, name, file) = (key(lost.seen), lost.seen.entry.bare_name(), Identity::from(lost.stat));
        let known = self.acquaint(case, own);
        if known.is_some_and(|pid| own.held.is_made_anew(pid, dir, name, lost.stat)) {
            // What it made itself in the place of what is held.
            let act = Act::Unlink { dir: &lost.seen.entry.dir, name: &lost.seen.entry.name };
            own.held.unmade(dir, name);
            return self.perform(&case.caller, &act).into();
        }
        let what = incident(case, Op::Unlink, lost.path.to_owned(), None, loss);
        let (Some(pid), Some(from)) = (known, spot(lost.seen, lost.path)) else { return what.refused() };
        match self.take_away(case, lost, &what) {
            Ok(entry) => {
                own.forget(dir, name, lost.stat);
                let awaited = own.held.first_name(pid, file).unwrap_or(&from).clone();
                own.held.hold(pid, Hold { entry, file, from, awaited, what });
                Answer::Value(0).into()
            }
            Err(reason) => what.came_to(Err(reason)),
        }
    }

    /// Remembers what a replacer has renamed within a zone: should it remove that, under whatever name, it is
    /// the first name that is to be made again.
    pub(super) fn note_move(
        &self,
        case: Case,
        view: &View,
        own: &mut Own,
        from: &Side<'_>,
        stat: &Stat,
        to: &Side<'_>,
    ) {
        let (seen, place) = (from.seen, &from.place);
        let refuses = |path: &std::path::PathBuf| {
            view.policy
                .guards(path, super::unix_now(), false)
                .is_some_and(|zone| zone.on_delete == OnDelete::Deny)
        };
        let is_older_file = place.kind == Some(Kind::Regular) && !place.own;
        if !is_older_file || !place.paths.iter().any(refuses) || !self.who.is_replacer(view, &case.caller) {
            return;
        }
        let spots = spot(seen, place.shown()).zip(spot(to.seen, to.place.shown()));
        if let (Some((from, now)), Some(pid)) = (spots, self.acquaint(case, own)) {
            own.held.moved(pid, Identity::from(stat), from, now, to.stat.is_none());
        }
    }

    /// The caller's process, which is from now on waited for.
    fn acquaint(&self, case: Case, own: &mut Own) -> Option<i32> {
        let pid = case.caller.process_id().ok()?;
        if !own.held.knows(pid) {
            let pidfd = PidFd::open(Pid::from_raw(pid)).ok()?;
            self.ends.watch(&pidfd).ok()?;
            own.held.meet(pid, pidfd);
            self.ends.expect(own.held.len());
        }
        Some(pid)
    }
}

fn key(seen: &Seen) -> DirKey {
    (seen.dir.dev, seen.dir.ino)
}

fn spot(seen: &Seen, path: &Path) -> Option<Spot> {
    Some(Spot { dir: key(seen), name: seen.entry.plain_name()?, path: path.to_owned() })
}
