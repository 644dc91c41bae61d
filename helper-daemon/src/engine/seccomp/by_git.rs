//! What git takes from its work tree: it may, as it can bring that back.
//!
//! Whether git tracks a name is asked while git waits; then what it takes goes into the stash. Whether a
//! repository holds exactly that content is asked afterwards, by [`sort`](super::sort), and only what none holds
//! stays there and is told. Untracked names are protected from git as from anyone.

use super::below::DirKey;
use super::own::Own;
use super::sort::Aside;
use super::view::View;
use super::{Case, Outcome, Seen, Session, Told, unix_now};
use crate::git::clerk::{Repository, Tracked};
use crate::policy::judge::{Circumstances, Verdict, judge};
use crate::policy::operation::Operation;
use crate::policy::{GIT_DIR, has_git_component};
use endpoint_sec::linux::handle::Handle;
use nix::fcntl::OFlag;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::path::Path;

/// A verdict that took into account that git asks, and the repository that tracks what it takes.
pub(super) struct ForGit {
    pub(super) verdict: Verdict,
    repository: Option<Repository>,
    /// Whether nobody but git can take the repository away.
    lasting: bool,
}

impl Session {
    /// The verdict, should it be git that asks and something that it tracks that would be lost at `lost`.
    pub(super) fn verdict_for_git(
        &self,
        view: &View,
        case: Case,
        operation: &Operation,
        lost: &Seen,
        (verdict, when): (Verdict, Circumstances),
    ) -> ForGit {
        if verdict == Verdict::Allow {
            return verdict.into();
        }
        let policy = self.single_uses.left(&view.policy);
        let may_be = judge(&policy, operation, Circumstances { tracked: true, ..when });
        let by_itself = matches!(verdict, Verdict::Stash(_)) && may_be == verdict;
        if (may_be == verdict && !by_itself) || !self.who.is_git(view, &case.caller) {
            return verdict.into();
        }
        let tracked = self.clerk.tracked(lost.entry.dir.as_fd(), lost.entry.bare_name());
        let directory = matches!(operation, Operation::Rmdir(_));
        match tracked {
            Tracked::File(repository) if !directory => {
                let lasting = self.is_lasting(view, case, &repository);
                ForGit { verdict: may_be, repository: Some(repository), lasting }
            }
            // A submodule's directory is an entry of its own.
            Tracked::Directory(_) | Tracked::File(_) if directory => may_be.into(),
            _ => verdict.into(),
        }
    }

    /// Whether the repository lies where it is protected: then what it holds stays held.
    fn is_lasting(&self, view: &View, case: Case, repository: &Repository) -> bool {
        let Ok(dir) = repository.dir().try_clone_to_owned() else { return false };
        let paths = view.paths_of(&case.caller, &Handle::from_fd(dir));
        paths.iter().any(|path| view.policy.guards(path, unix_now(), false).is_some())
    }

    /// git is about to remove the `.git` file of a work tree whose files it removes next.
    pub(super) fn remember_work_tree(&self, seen: &Seen) {
        if seen.entry.bare_name() == GIT_DIR.as_bytes() {
            let _ = self.clerk.tracked(seen.entry.dir.as_fd(), GIT_DIR.as_bytes());
        }
    }

    /// Whether what the caller makes is to be the session's own. What git makes in the place of what it has
    /// removed is an edit. What it makes in a `.git` that was there before is as much the person's as the rest of
    /// it: the repository would be nothing without.
    pub(super) fn makes_own(&self, own: &mut Own, view: &View, case: Case, seen: &Seen, path: &Path) -> bool {
        let key = (seen.dir.dev, seen.dir.ino);
        let name = seen.entry.bare_name();
        let again = own.was_taken_by_git(key, name);
        let inside = path.parent().is_some_and(has_git_component);
        if !again && !inside {
            return true;
        }
        if !self.who.is_git(view, &case.caller) {
            own.forget_taken(key, name);
            return true;
        }
        !again && git_dir_is_own(own, seen, path)
    }
}

/// Whether the outermost `.git` above a name is the session's own.
fn git_dir_is_own(own: &Own, seen: &Seen, path: &Path) -> bool {
    let below = path.iter().rev().skip(1);
    let Some(depth) = below.clone().collect::<Vec<_>>().iter().rposition(|name| *name == GIT_DIR) else {
        return false;
    };
    let up = CString::new("../".repeat(depth + 1)).unwrap_or_default();
    let look = || {
        let work_tree = Handle::open_at(seen.entry.dir.as_fd(), &up, OFlag::O_DIRECTORY)?;
        let key: DirKey = work_tree.stat().map(|stat| (stat.dev, stat.ino))?;
        let name = CString::new(GIT_DIR).unwrap_or_default();
        Ok::<_, nix::errno::Errno>((key, work_tree.identify(&name)?))
    };
    look().is_ok_and(|(key, stat)| own.has(key, GIT_DIR.as_bytes(), &stat))
}

impl From<Verdict> for ForGit {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, repository: None, lasting: false }
    }
}

impl ForGit {
    /// The outcome, with what git took to be looked at afterwards.
    pub(super) fn sorted_later(self, mut outcome: Outcome) -> Outcome {
        let Some(repository) = self.repository else { return outcome };
        let told = outcome.told.take().map(|told| match *told {
            Told::Stashed(what, entries) => {
                Told::Aside(Aside { what, entries, repository, lasting: self.lasting, asker: None })
            }
            told => told,
        });
        Outcome { told: told.map(Box::new), ..outcome }
    }

    /// Whether what goes is a file that git tracks.
    pub(super) fn is_tracked(&self) -> bool {
        self.repository.is_some()
    }
}
