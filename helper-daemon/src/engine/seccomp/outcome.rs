//! What comes of a call: its answer, and what is recorded once that is given.

use super::rename_kept::Kept;
use super::sort::Aside;
use super::view::View;
use super::{Case, Seen, Session};
use crate::deeds::Deed;
use crate::denial::Denial;
use crate::policy::judge::{Loss, Reason};
use crate::policy::operation::Op;
use crate::policy::{Override, Policy};
use endpoint_sec::linux::listener::Answer;
use nix::errno::Errno;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// A call's answer, and what is recorded once it is given.
pub(super) struct Outcome {
    pub(super) reply: Reply,
    pub(super) told: Option<Box<Told>>,
    /// What it is to the session's own, once it is answered.
    pub(super) deed: Option<Box<Deed>>,
}

/// What is recorded of one call.
pub(super) enum Told {
    Denied(Denial),
    /// What would have been denied, and the entries of the stash that it takes are kept as.
    Stashed(Denial, Vec<u64>),
    /// What git took, to be looked at first.
    Aside(Aside),
    /// Overrides for a single use that let it through.
    UsedUp(Vec<Override>),
}

pub(super) enum Reply {
    Plain(Answer),
    /// A descriptor for the caller, and what was made for it.
    Descriptor {
        fd: OwnedFd,
        cloexec: bool,
        made: Option<super::create::Made>,
    },
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self { reply: Reply::Plain(answer), told: None, deed: None }
    }
}

impl From<Result<i64, Errno>> for Outcome {
    fn from(result: Result<i64, Errno>) -> Self {
        match result {
            Ok(value) => Answer::Value(value),
            Err(errno) => Answer::Fail(errno),
        }
        .into()
    }
}

impl Session {
    /// A refusal with its record.
    pub(super) fn deny(
        &self,
        case: Case,
        op: Op,
        path: PathBuf,
        dest: Option<PathBuf>,
        zone: PathBuf,
        reason: Reason,
    ) -> Outcome {
        incident(case, op, path, dest, Loss { zone, reason }).refused()
    }

    /// A caller that can't be read may be removing anything.
    pub(super) fn unreadable(&self, case: Case) -> Outcome {
        let zone = self.first_zone(&self.view().policy);
        // What it wanted can't be told; which program it is can, as a rule.
        let path = case.caller.program().exe;
        self.deny(case, Op::Unlink, path, None, zone, Reason::Unreadable)
    }

    pub(super) fn unclear(&self, case: Case, op: Op, view: &View, seen: &Seen) -> Outcome {
        let path = view.shown(seen);
        self.deny(case, op, path, None, self.first_zone(&view.policy), Reason::Unclear)
    }

    pub(super) fn first_zone(&self, policy: &Policy) -> PathBuf {
        policy
            .visible_zones()
            .next()
            .or(policy.zones.first())
            .map(|zone| zone.path.clone())
            .unwrap_or_default()
    }
}

/// What is asked for, by whom, and what that would harm.
pub(super) fn incident(case: Case, op: Op, path: PathBuf, dest: Option<PathBuf>, loss: Loss) -> Denial {
    let program = case.caller.program();
    Denial {
        op,
        path,
        dest,
        zone: loss.zone,
        reason: loss.reason,
        pid: program.pid,
        exe: program.exe,
        argv: program.argv.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect(),
        cwd: program.cwd,
    }
}

impl Denial {
    pub(super) fn refused(self) -> Outcome {
        let reply = Reply::Plain(Answer::Fail(Errno::EPERM));
        Outcome { reply, told: Some(Box::new(Told::Denied(self))), deed: None }
    }

    /// Let through, with what it takes kept in these entries; or bare's error, or why it is denied after all.
    pub(super) fn came_to(mut self, kept: Kept) -> Outcome {
        match kept {
            Ok(Ok(entries)) => {
                let told = Some(Box::new(Told::Stashed(self, entries)));
                Outcome { told, ..Answer::Value(0).into() }
            }
            Ok(Err(errno)) => Answer::Fail(errno).into(),
            Err(reason) => {
                self.reason = reason;
                self.refused()
            }
        }
    }
}
