//! One session: its rules, what is its own, and the verdict on one operation.

use super::Ruling;
use super::doer::Doer;
use super::names::Spelling;
use super::own::{Own, Which, which};
use super::recorder::Note;
use crate::denial::Denial;
use crate::engine::Witness;
use crate::policy::judge::{Circumstances, Loss, Reason, Verdict, judge, uses_up};
use crate::policy::operation::{Op, Operation};
use crate::policy::{Policy, has_git_component};
use crate::session::SessionId;
use endpoint_sec::macos::{AuditToken, File, FileId};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// One session.
pub(super) struct Session {
    pub(super) number: u32,
    pub(super) id: SessionId,
    pub(super) witness: Arc<dyn Witness>,
    pub(super) ended: Option<Box<dyn FnOnce() + Send>>,
    /// Files that es-guard records the session in.
    pub(super) kept: HashSet<FileId>,
    pub(super) rules: Rules,
    pub(super) own: Own,
    /// Overrides for a single use that are used up, and by what.
    pub(super) used: HashMap<u64, Use>,
    /// When it began, in seconds since 1970.
    pub(super) began: i64,
}

/// What a session is judged by.
pub(super) struct Rules {
    /// In the one spelling of each path.
    pub(super) policy: Policy,
    pub(super) spelling: Spelling,
    /// As it was given.
    given: Policy,
}

/// One use of an override. The kernel may ask several times about one call: that is one use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    who: AuditToken,
    op: Op,
    what: Option<Which>,
    path: PathBuf,
    dest: Option<PathBuf>,
}

impl Use {
    pub(super) fn new(doer: &Doer, op: Op, what: Option<&File>, path: &Path, dest: Option<&Path>) -> Self {
        let (path, dest) = (path.to_owned(), dest.map(Path::to_owned));
        Self { who: doer.process.token, op, what: what.map(which), path, dest }
    }
}

impl Rules {
    /// Looks at the disk.
    pub(super) fn new(given: Policy, ignores_case: impl Fn(&Path) -> bool) -> Self {
        let spelling = Spelling::of(&given, ignores_case);
        Self { policy: spelling.respell(&given), spelling, given }
    }

    /// All zones as they were given.
    pub(super) fn given(&self) -> &Policy {
        &self.given
    }
}

impl Session {
    /// The verdict. What an override for a single use lets through uses that up: those come back as well.
    pub(super) fn verdict(
        &mut self,
        doer: &Doer,
        operation: &Operation,
        used_by: &Use,
    ) -> (Verdict, Vec<Note>) {
        let git_matters =
            operation.places().flat_map(|place| &place.paths).any(|path| has_git_component(path));
        let git = git_matters && doer.is_git(self.began);
        let when = Circumstances { now: now(), git, ..Circumstances::default() };
        let policy = self.left(used_by);
        let verdict = match judge(&policy, operation, when) {
            // `supports` lets no policy in that asks for these; if they came all the same, nothing can be kept.
            Verdict::Stash(losses) => match losses.into_iter().next() {
                Some(loss) => Verdict::Deny(Loss { reason: Reason::NotKept, ..loss }),
                None => Verdict::Allow,
            },
            Verdict::Hold(loss) => Verdict::Deny(loss),
            verdict => verdict,
        };
        if verdict != Verdict::Allow {
            return (verdict, Vec::new());
        }
        let numbers: HashSet<u64> =
            uses_up(&policy, operation, when).iter().filter_map(|used| used.once).collect();
        let mut notes = Vec::new();
        for number in numbers {
            if self.used.insert(number, used_by.clone()).is_none()
                && let Some(what) = self.rules.given.overrides.iter().find(|known| known.once == Some(number))
            {
                notes.push(Note::UsedUp { to: Arc::clone(&self.witness), what: what.clone() });
            }
        }
        (verdict, notes)
    }

    /// The policy without what is used up by anything else.
    fn left(&self, used_by: &Use) -> Cow<'_, Policy> {
        let policy = &self.rules.policy;
        if !policy.has_single_uses() {
            return Cow::Borrowed(policy);
        }
        Cow::Owned(
            policy.without_single_uses(|number| self.used.get(&number).is_some_and(|by| by != used_by)),
        )
    }

    /// A refusal with its record.
    pub(super) fn denied(
        &self,
        doer: &Doer,
        op: Op,
        path: &Path,
        dest: Option<&Path>,
        loss: &Loss,
    ) -> Ruling {
        Ruling::Deny(vec![self.denial(doer, op, path, dest, loss, None)])
    }

    /// The record. It is not kept if the directory `in_use` has something in it: then the kernel would have refused
    /// by itself.
    pub(super) fn denial(
        &self,
        doer: &Doer,
        op: Op,
        path: &Path,
        dest: Option<&Path>,
        loss: &Loss,
        in_use: Option<&Path>,
    ) -> Note {
        let what = Denial {
            op,
            path: path.to_owned(),
            dest: dest.map(Path::to_owned),
            zone: self.rules.spelling.written(&loss.zone).to_owned(),
            reason: loss.reason,
            pid: doer.process.token.pid(),
            exe: doer.process.executable.path_as_told().to_owned(),
            argv: doer.program.arguments.clone(),
            cwd: doer.program.directory.clone(),
        };
        let unless_in_use = in_use.map(Path::to_owned);
        Note::Denied { to: Arc::clone(&self.witness), what: Box::new(what), unless_in_use }
    }

    /// The refusal of what can't be judged, because the kernel cut the path.
    pub(super) fn unclear(&self, doer: &Doer, op: Op, path: &Path) -> Ruling {
        let zones = &self.rules.policy;
        let zone = zones.visible_zones().chain(&zones.zones).next().map(|zone| zone.path.clone());
        let loss = Loss { zone: zone.unwrap_or_default(), reason: Reason::Unclear };
        self.denied(doer, op, path, None, &loss)
    }
}

/// Unix seconds.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
