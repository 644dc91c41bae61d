//! What is said of requests: an agent asks for a path, a person answers.

use crate::denial::DenialRecord;
use crate::encoding::path_text;
use crate::policy::operation::Op;
use crate::protocol::{Granter, LiveOverride};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Somebody has asked for a path to be let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRequest {
    /// Its number in the session, from 1.
    pub number: u64,
    /// The path, and all below it.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// For this operation alone; `None`: any.
    pub op: Option<Op>,
    /// Why, in the words of whoever asks: text that nobody has looked at.
    pub reason: String,
    /// For how many seconds it is asked for; `None`: whoever answers says.
    pub seconds: Option<u64>,
    /// When it was asked first, in Unix seconds.
    pub asked_at: u64,
    /// How often.
    pub times: u64,
    /// Who asked first.
    pub by: Granter,
    /// What has become of it.
    #[serde(flatten)]
    pub state: RequestState,
}

/// What has become of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RequestState {
    /// Nobody has answered yet.
    Pending,
    /// It is let through, or was.
    Granted {
        /// As it was granted.
        granted: LiveOverride,
    },
    /// It is not.
    Denied {
        /// A word from whoever answered.
        word: Option<String>,
        /// Who answered; `None`: the policy says so.
        denied_by: Option<Granter>,
    },
}

impl RequestState {
    /// The word in records.
    pub fn word(&self) -> &'static str {
        match self {
            RequestState::Pending => "pending",
            RequestState::Granted { .. } => "granted",
            RequestState::Denied { .. } => "denied",
        }
    }
}

/// A person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// For the first operation that it lets through, and no longer than [`ONCE_WITHIN`].
    Once,
    /// Until then, in Unix seconds.
    Until(u64),
    /// As long as the session lasts.
    Session,
    /// No.
    Deny,
}

impl Decision {
    /// The word in records.
    pub fn word(self) -> &'static str {
        match self {
            Decision::Once => "once",
            Decision::Until(_) => "until",
            Decision::Session => "session",
            Decision::Deny => "deny",
        }
    }
}

/// A denial that is remembered, with its number in the session, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberedDenial {
    /// Its number.
    pub number: u64,
    /// When it was, in Unix milliseconds.
    pub at: i64,
    /// What was denied. The arguments are left out: they are in the ledger.
    #[serde(flatten)]
    pub denial: DenialRecord,
}

/// For how many seconds something that is allowed once waits to be used.
pub const ONCE_WITHIN: u64 = 3600;

/// The longest that an answer is waited for in one question, in seconds: whoever wants to wait longer asks again.
pub const MAX_WAIT: u64 = 60;

/// The most requests of a session that wait for an answer.
pub const MAX_PENDING: usize = 16;

/// The most that wait in a session for an answer.
pub const MAX_WAITING: usize = 32;

/// The most denials that are remembered.
pub const MAX_REMEMBERED: usize = 256;

/// The most readers whose place among the denials is kept, and the longest of their names.
pub const MAX_READERS: usize = 16;
/// In bytes.
pub const MAX_READER: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_is_told_with_its_state_in_it() {
        let by = Granter { uid: 1, pid: 2, exe: "/bin/x".into() };
        let request = AccessRequest {
            number: 3,
            path: "/p/a".into(),
            op: Some(Op::Unlink),
            reason: "old".into(),
            seconds: None,
            asked_at: 5,
            times: 1,
            by: by.clone(),
            state: RequestState::Denied { word: Some("no".into()), denied_by: Some(by) },
        };
        let told = serde_json::to_value(&request).unwrap();
        let who = json!({"uid": 1, "pid": 2, "exe": "/bin/x"});
        assert_eq!(
            told,
            json!({"number": 3, "path": "/p/a", "op": "unlink", "reason": "old", "seconds": null, "asked_at": 5,
                "times": 1, "by": who, "state": "denied", "word": "no", "denied_by": who})
        );
        assert_eq!(serde_json::from_value::<AccessRequest>(told).unwrap(), request);
        let decisions = [Decision::Once, Decision::Until(9), Decision::Session, Decision::Deny];
        assert_eq!(json!(decisions), json!(["once", {"until": 9}, "session", "deny"]));
    }
}
