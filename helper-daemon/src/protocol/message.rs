//! Requests and events. `wrap` asks, the helper tells.

use crate::encoding::path_text;
use crate::ledger::Counts;
use crate::policy::Policy;
use crate::policy::judge::Reason;
use crate::protocol::{LiveOverride, Refusal};
use crate::session::{SessionId, SessionInfo};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Raised whenever a message changes its meaning.
pub const PROTOCOL_VERSION: u32 = 2;

/// What `wrap` asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Begin a session. Comes with descriptors: the ledger, the shared file of denials, the index of the session's
    /// stash and its folder `data`; to the system's helper also the listener of the armed child and a pidfd of it.
    Register(Box<Register>),
    /// The child has tried the canaries: what was recorded of it? To the system's helper only.
    Proof,
    /// The person has been told: let the agent's program begin. The system's helper answers that it has begun.
    Go,
    /// The agent's stop has been answered: `wrap` has stopped with it and runs again, or had no need to.
    Awake {
        /// The number of that stop.
        stop: u64,
    },
    /// Judge by this policy from now on.
    Policy {
        /// The whole policy.
        policy: Policy,
        /// What is different, for the ledger.
        detail: String,
    },
    /// The policy file is broken: record it. The last good policy stays.
    PolicyRefused {
        /// What is wrong.
        detail: String,
    },
    /// Which sessions does this user have (all, for root)? To the system's helper only.
    List,
    /// What is let through in this session? To the system's helper only.
    Overrides {
        /// A live session.
        session: SessionId,
    },
    /// Let a path through, and all below it. A grant of the same path takes the place of an earlier one. To the
    /// system's helper only.
    Grant {
        /// A live session.
        session: SessionId,
        /// Absolute and resolved, as the session sees it.
        #[serde(with = "path_text")]
        path: PathBuf,
        /// Unix seconds; `None`: until the session ends.
        expires_at: Option<u64>,
        /// Why.
        reason: Option<String>,
    },
    /// Take a grant back. To the system's helper only.
    Revoke {
        /// A live session.
        session: SessionId,
        /// As it was granted.
        #[serde(with = "path_text")]
        path: PathBuf,
    },
    /// Which session is whoever asks inside? To the system's helper only.
    Where,
    /// Guard by this policy, too, until the session ends: for a session inside it, whose processes carry the
    /// outer one's filter and can have no other. To the system's helper only.
    Narrow {
        /// A live session.
        session: SessionId,
        /// What else is guarded. It denies more; it lets nothing through that is denied without it.
        policy: Policy,
    },
    /// Tell what was counted so far. To the system's helper only.
    Settle,
    /// The agent has ended; the session ends with the last process of its tree. To the system's helper only.
    Close {
        /// Exit status, 128 + n for a signal; `None` where it is not known.
        status: Option<i32>,
    },
}

/// The particulars of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u32,
    /// What the session was started with.
    pub session: SessionInfo,
    /// Its policy.
    pub policy: Policy,
    /// A file that the policy protects: the armed child must fail to remove it.
    #[serde(with = "path_text")]
    pub canary: PathBuf,
    /// A file that it does not: the armed child must succeed.
    #[serde(with = "path_text")]
    pub control: PathBuf,
    /// How the session's processes call es-guard: they are told in their output when they are refused something.
    /// `None`: they are not.
    #[serde(default)]
    pub explain: Option<String>,
}

/// What the helper tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The child is armed, and waits for `Go`. The embedded helper has had it prove so, and sends a pidfd of it.
    Armed {
        /// The child's process id.
        pid: i32,
        /// The engine.
        engine: String,
    },
    /// What was recorded of the canary: why its removal was denied, if it was.
    Proven {
        /// The stable word of the reason.
        reason: Option<Reason>,
    },
    /// The session has begun: whatever is recorded from now on comes after its beginning.
    Begun,
    /// The live sessions that the asker may see.
    Sessions {
        /// In no order.
        sessions: Vec<Description>,
        /// The helper's version.
        #[serde(default)]
        helper: String,
    },
    /// What was counted so far.
    Settled {
        /// In numbers.
        counts: Counts,
    },
    /// What is let through in a session.
    Overrides {
        /// Those of the policy file first.
        overrides: Vec<LiveOverride>,
        /// How many there are for which a message had no room.
        left_out: usize,
    },
    /// An override is in force.
    Granted {
        /// As it is.
        granted: LiveOverride,
    },
    /// An override is no longer in force.
    Revoked {
        /// As it was.
        revoked: LiveOverride,
    },
    /// Whoever asked is inside this session; `None`: inside none.
    Where {
        /// Its name.
        session: Option<SessionId>,
    },
    /// More is guarded.
    Narrowed,
    /// A request that whoever made it may not make, or that can't be met.
    Refused(Refusal),
    /// Nothing was started, and why.
    Failed(Failure),
    /// The agent was stopped by this signal.
    Stopped {
        /// Signal number.
        signal: i32,
        /// The number of this stop, for the answer.
        stop: u64,
    },
    /// The agent has ended.
    Exited {
        /// Exit status, or the signal that killed it.
        status: ExitStatus,
        /// What was counted so far.
        counts: Counts,
        /// Processes of the tree that live on, guarded.
        left: usize,
    },
}

/// A live session of the system's helper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// What it was started with.
    pub session: SessionInfo,
    /// Whose it is.
    pub user: u32,
    /// The agent's process id.
    pub agent: i32,
    /// The engine.
    pub engine: String,
    /// The zones as they are now, without es-guard's own.
    pub zones: Vec<String>,
    /// When it began, in Unix seconds.
    pub began: i64,
    /// What was counted so far.
    pub counts: Counts,
}

/// How the agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Why nothing was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind, for the exit status.
    pub kind: FailureKind,
    /// In words.
    pub detail: String,
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// es-guard itself.
    Guard,
    /// The engine is not available here.
    Engine,
    /// The command exists and can't be executed.
    NotExecutable,
    /// There is no such command.
    NotFound,
}
