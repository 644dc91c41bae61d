//! Requests: what `wrap`, a person or an agent asks.

use crate::encoding::{optional_path_text, path_text};
use crate::policy::Policy;
use crate::policy::operation::Op;
use crate::protocol::Decision;
use crate::session::{SessionId, SessionInfo};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Raised whenever a message changes its meaning.
pub const PROTOCOL_VERSION: u32 = 4;

/// What `wrap` asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Begin a session. Comes with descriptors: the ledger, the shared file of denials, the index of the session's
    /// stash and its folder `data`; to the system's helper also the listener of the armed child (none where `engine` is
    /// `bpf-lsm`) and a pidfd of it.
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
    /// Which sessions does this user have (all, for root)?
    List,
    /// What is let through in this session?
    Overrides {
        /// A live session.
        session: SessionId,
    },
    /// Let a path through, and all below it. A grant of the same path takes the place of an earlier one.
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
        /// This operation alone; `None`: any.
        #[serde(default)]
        op: Option<Op>,
    },
    /// Take a grant back.
    Revoke {
        /// A live session.
        session: SessionId,
        /// As it was granted.
        #[serde(with = "path_text")]
        path: PathBuf,
    },
    /// Which session is whoever asks inside?
    Where,
    /// Guard by this policy, too, until the session ends: for a session inside it, whose processes carry the
    /// outer one's filter and can have no other.
    Narrow {
        /// A live session.
        session: SessionId,
        /// What else is guarded. It denies more; it lets nothing through that is denied without it.
        policy: Policy,
    },
    /// Ask for a path to be let through, and all below it. Asked for again, it is the same request.
    #[serde(rename = "request")]
    Ask {
        /// A live session.
        session: SessionId,
        /// Absolute and resolved, as the session sees it.
        #[serde(with = "path_text")]
        path: PathBuf,
        /// For this operation alone; `None`: any.
        #[serde(default)]
        op: Option<Op>,
        /// Why.
        reason: String,
        /// For how long; `None`: whoever answers says.
        #[serde(default)]
        seconds: Option<u64>,
    },
    /// Which requests wait for an answer?
    Requests {
        /// A live session.
        session: SessionId,
        /// The version of the list that is known already: it is told once there is another one.
        #[serde(default)]
        after: Option<u64>,
        /// How many seconds to wait for that, at most [`MAX_WAIT`](crate::protocol::MAX_WAIT).
        #[serde(default)]
        wait: u64,
    },
    /// Answer a request.
    Answer {
        /// A live session.
        session: SessionId,
        /// The request.
        number: u64,
        /// What is decided.
        decision: Decision,
        /// A word to whoever asked.
        #[serde(default)]
        word: Option<String>,
    },
    /// What has become of a request?
    Await {
        /// A live session.
        session: SessionId,
        /// The request.
        number: u64,
        /// How many seconds to wait for an answer, at most [`MAX_WAIT`](crate::protocol::MAX_WAIT).
        #[serde(default)]
        wait: u64,
    },
    /// What was denied since?
    Denials {
        /// A live session.
        session: SessionId,
        /// The number of the last denial that is known; 0: none. `None`: the last that the reader was told of.
        #[serde(default)]
        since: Option<u64>,
        /// Who reads: what this one is told of is remembered.
        #[serde(default)]
        reader: Option<String>,
    },
    /// What would become of an operation?
    Check {
        /// A live session.
        session: SessionId,
        /// The operation.
        op: Op,
        /// Its name.
        #[serde(with = "path_text")]
        path: PathBuf,
        /// Its other name.
        #[serde(default, with = "optional_path_text")]
        dest: Option<PathBuf>,
    },
    /// Tell what was counted so far. To the system's helper only.
    Settle,
    /// The agent has ended; the session ends with the last process of its tree. To the system's helper only.
    Close {
        /// Exit status, 128 + n for a signal; `None` where it is not known.
        status: Option<i32>,
    },
}

impl Request {
    /// The session that it names: others than the owner ask so.
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Request::Overrides { session }
            | Request::Grant { session, .. }
            | Request::Revoke { session, .. }
            | Request::Narrow { session, .. }
            | Request::Ask { session, .. }
            | Request::Requests { session, .. }
            | Request::Answer { session, .. }
            | Request::Await { session, .. }
            | Request::Denials { session, .. }
            | Request::Check { session, .. } => Some(session),
            _ => None,
        }
    }

    /// The same without waiting for an answer.
    pub fn at_once(mut self) -> Self {
        if let Request::Requests { wait, .. } | Request::Await { wait, .. } = &mut self {
            *wait = 0;
        }
        self
    }

    /// How many seconds the answer may be waited for.
    pub fn patience(&self) -> u64 {
        match self {
            Request::Requests { wait, .. } | Request::Await { wait, .. } => (*wait).min(super::MAX_WAIT),
            _ => 0,
        }
    }
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
    /// macOS: the audit token of the child that waits, suspended; on Linux a descriptor names it. `None` to an
    /// embedded helper, which starts it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<[u32; 8]>,
    /// The engine: this one or none. `None`: seccomp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Wanted>,
}

/// An engine that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// Decided in the kernel: by the system's helper alone.
    BpfLsm,
    /// The same, and above it what needs an answer from a helper: a stash, git, programs that replace.
    #[serde(rename = "bpf-lsm+seccomp")]
    BpfLsmAndSeccomp,
    /// Seccomp, and below it the kernel if that can.
    Auto,
}

impl Wanted {
    /// Whether the child arms itself with a filter.
    pub fn is_filtered(wanted: Option<Self>) -> bool {
        wanted != Some(Wanted::BpfLsm)
    }
}
