//! Records of requests and of what was answered.

use crate::encoding::{hex_if_needed, path_from};
use crate::policy::operation::Op;
use crate::protocol::{AccessRequest, Granter};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Somebody has asked for a path to be let through. What is asked for again while it waits is not recorded again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Its number in the session.
    pub number: u64,
    /// The path.
    pub path: String,
    /// Its bytes, where they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// For this operation alone; `None`: any.
    pub op: Option<Op>,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// For how many seconds, where that was said.
    pub seconds: Option<u64>,
    /// Who asked.
    pub by: Granter,
}

impl From<&AccessRequest> for RequestRecord {
    fn from(request: &AccessRequest) -> Self {
        Self {
            number: request.number,
            path: request.path.to_string_lossy().into_owned(),
            path_hex: hex_if_needed(&request.path),
            op: request.op,
            reason: request.reason.clone(),
            seconds: request.seconds,
            by: request.by.clone(),
        }
    }
}

impl RequestRecord {
    /// The path itself.
    pub fn path(&self) -> PathBuf {
        path_from(&self.path, self.path_hex.as_deref())
    }
}

/// A request was answered. What was granted comes as a record of an override after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerRecord {
    /// The request's number.
    pub number: u64,
    /// Its path.
    pub path: String,
    /// Its bytes, where they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// `once`, `until`, `session` or `deny`; `granted`, where somebody has granted the path without looking at the
    /// request.
    pub decision: String,
    /// When that ends, in Unix seconds.
    pub expires_at: Option<u64>,
    /// A word to whoever asked.
    pub word: Option<String>,
    /// Who answered; `None`: the policy.
    pub by: Option<Granter>,
    /// Of an answer that the policy gives: `deny` or `self`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl AnswerRecord {
    /// What was decided of a request.
    pub fn new(request: &AccessRequest, decision: &str) -> Self {
        Self {
            number: request.number,
            path: request.path.to_string_lossy().into_owned(),
            path_hex: hex_if_needed(&request.path),
            decision: decision.to_owned(),
            expires_at: None,
            word: None,
            by: None,
            rule: None,
        }
    }
}
