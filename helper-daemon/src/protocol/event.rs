//! Events: what a helper tells.

use crate::ledger::Counts;
use crate::policy::Requests;
use crate::policy::check::Checked;
use crate::policy::judge::Reason;
use crate::protocol::{AccessRequest, LiveOverride, NumberedDenial, Refusal};
use crate::session::{SessionId, SessionInfo};
use serde::{Deserialize, Serialize};

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
    /// A request, as it stands.
    Request {
        /// The request.
        request: Box<AccessRequest>,
    },
    /// The requests that wait for an answer, the oldest first.
    Requests {
        /// All of them.
        requests: Vec<AccessRequest>,
        /// Another number whenever the list is another one.
        version: u64,
    },
    /// What was denied.
    Denials {
        /// In order, the newest of them.
        denials: Vec<NumberedDenial>,
        /// The number of the last one in the session.
        last: u64,
        /// How many more there were, which are not remembered any more or had no room here.
        dropped: u64,
    },
    /// What would become of an operation.
    Checked {
        /// That.
        checked: Checked,
        /// The last request that was made for it, if there is one.
        request: Option<Box<AccessRequest>>,
    },
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

/// A live session.
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
    /// Who decides what is asked for.
    #[serde(default, skip_serializing_if = "Requests::is_usual")]
    pub requests: Requests,
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
