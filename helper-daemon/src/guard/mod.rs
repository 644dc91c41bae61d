//! What guards one session: an engine that judges, and the books of what it denied.
//!
//! The life of a session is the same wherever that is: in this very process ([`Local`]), or in the system's
//! helper, reached over its socket ([`Remote`]). Whoever starts the agent sees only a [`Guard`].

mod asked;
mod books;
#[cfg(target_os = "linux")]
mod bpf_lsm;
pub mod endpoint_security;
pub mod engine;
mod grants;
mod local;
mod nested;
mod recent;
mod remote;
mod requests;
#[cfg(target_os = "linux")]
mod seccomp;

pub use asked::Asked;
#[cfg(target_os = "linux")]
pub use bpf_lsm::{InKernel, Layers};
pub use engine::Child;
pub use local::Local;
pub use remote::{Remote, silent};
#[cfg(target_os = "linux")]
pub use seccomp::Post;

use crate::ledger::Counts;
use crate::policy::Policy;
use crate::policy::judge::Reason;
use crate::protocol::{Failure, FailureKind};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The files that a session is recorded in, and where what it takes is kept.
#[derive(Debug)]
pub struct Records {
    /// The session's ledger, open for appending.
    pub ledger: File,
    /// The denials of all sessions, open for reading and appending.
    pub denials: File,
    /// The index of the session's stash, open for appending.
    pub index: File,
    /// The folder `data` of the session's stash.
    pub data: OwnedFd,
}

impl Records {
    /// How many descriptors they are.
    pub const COUNT: usize = 4;

    /// Takes them over as they are sent.
    pub fn received([ledger, denials, index, data]: [OwnedFd; Self::COUNT]) -> Self {
        Self { ledger: ledger.into(), denials: denials.into(), index: index.into(), data }
    }

    /// For sending, in order.
    pub fn fds(&self) -> [BorrowedFd<'_>; Self::COUNT] {
        [self.ledger.as_fd(), self.denials.as_fd(), self.index.as_fd(), self.data.as_fd()]
    }
}

/// What guards a session. In order: [`arm`](Self::arm), [`end_proof`](Self::end_proof),
/// [`begin`](Self::begin); policies come and go; [`close`](Self::close).
pub trait Guard: Send + Sync {
    /// Begins to judge what the child does, which waits, and returns the engine's name.
    fn arm(&self, child: Child) -> Result<String, Failure>;

    /// Why the canary's removal was denied, if it was. From now on denials are recorded.
    fn end_proof(&self) -> Result<Option<Reason>, Failure>;

    /// The agent of this process id is about to begin.
    fn begin(&self, agent: i32) -> Result<(), Failure>;

    /// Judges by another policy from now on; `detail` says what is different.
    fn replace_policy(&self, policy: Policy, detail: String);

    /// The policy file is broken, as `detail` says: the last good policy stays.
    fn policy_refused(&self, detail: String);

    /// What was counted so far, once everything that was answered is recorded.
    fn settle(&self) -> Counts;

    /// The agent has ended with this status (`None`: not known), and so will the session.
    fn close(&self, status: Option<i32>);
}

/// A failure of es-guard itself.
pub(crate) fn failed(detail: impl std::fmt::Display) -> Failure {
    Failure { kind: FailureKind::Guard, detail: detail.to_string() }
}
