//! What is said of overrides that are granted, and of requests that are refused.

use crate::encoding::path_text;
use crate::policy::Override;
use crate::policy::operation::Op;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Who granted or revoked an override, by the kernel's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granter {
    /// User.
    pub uid: u32,
    /// Process id.
    pub pid: i32,
    /// What it ran; empty where that could not be told.
    pub exe: String,
}

/// An override that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveOverride {
    /// The path, and all below it.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// When it ends, in Unix seconds; `None`: with the session.
    pub expires_at: Option<u64>,
    /// Why it was given.
    pub reason: Option<String>,
    /// The operation that is let through; `None`: any.
    #[serde(default)]
    pub op: Option<Op>,
    /// Whether the first operation that it lets through uses it up; then it is for the path alone.
    #[serde(default)]
    pub once: bool,
    /// Who granted it; `None`: the policy file has it.
    pub by: Option<Granter>,
}

impl LiveOverride {
    /// As it is told of one that was granted, or that the policy file has.
    pub fn new(what: &Override, by: Option<&Granter>) -> Self {
        let Override { path, expires_at, reason, op, once } = what.clone();
        Self { path, expires_at, reason, op, once: once.is_some(), by: by.cloned() }
    }
}

/// A request that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why, in a stable word.
    pub code: RefusalCode,
    /// Why, for people.
    pub detail: String,
}

/// Why a request is refused. The words are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// Whoever asks is in a guarded tree.
    InsideATree,
    /// Whoever asks carries a seccomp filter of its own, and so can't be told from a process of a guarded tree.
    Confined,
    /// There is no live session of that name, or it is not the asker's to know of.
    NoSuchSession,
    /// Several users have a live session of that name (only root is told).
    AmbiguousSession,
    /// Only the connection that registered a session may ask that, of its own session.
    NotTheOwner,
    /// The session's agent has not begun.
    NotRunning,
    /// The session's worker did not answer in time.
    NoAnswer,
    /// Not an absolute path without `.` and `..`.
    BadPath,
    /// The session protects nothing there.
    NotInAZone,
    /// es-guard's own files are there: they are let through for nobody.
    EsGuardsOwn,
    /// The time is over already.
    AlreadyExpired,
    /// The reason is longer than [`MAX_REASON`].
    ReasonTooLong,
    /// The session has [`MAX_GRANTS`] already.
    TooMany,
    /// That path is not granted.
    NotGranted,
    /// It is let through already.
    LetThroughAlready,
    /// No reason was given.
    NoReason,
    /// Too many requests in a short time.
    AskedTooOften,
    /// [`MAX_PENDING`](super::MAX_PENDING) requests wait for an answer already.
    TooManyRequests,
    /// [`MAX_WAITING`](super::MAX_WAITING) wait for answers already.
    TooManyWaiting,
    /// There is no such request, or it was answered long ago.
    NoSuchRequest,
    /// Somebody has answered it already.
    AnsweredAlready,
    /// That operation can't be asked about, or lacks its second name.
    BadOperation,
    /// The engine can't guard by that policy.
    NotJudged,
}

/// The longest reason of an override, in bytes.
pub const MAX_REASON: usize = 1024;

/// The most grants that a session has at a time.
pub const MAX_GRANTS: usize = 64;

impl RefusalCode {
    /// Every code, for the way between monitor and worker.
    const ALL: [RefusalCode; 23] = [
        RefusalCode::InsideATree,
        RefusalCode::Confined,
        RefusalCode::NoSuchSession,
        RefusalCode::AmbiguousSession,
        RefusalCode::NotTheOwner,
        RefusalCode::NotRunning,
        RefusalCode::NoAnswer,
        RefusalCode::BadPath,
        RefusalCode::NotInAZone,
        RefusalCode::EsGuardsOwn,
        RefusalCode::AlreadyExpired,
        RefusalCode::ReasonTooLong,
        RefusalCode::TooMany,
        RefusalCode::NotGranted,
        RefusalCode::LetThroughAlready,
        RefusalCode::NoReason,
        RefusalCode::AskedTooOften,
        RefusalCode::TooManyRequests,
        RefusalCode::TooManyWaiting,
        RefusalCode::NoSuchRequest,
        RefusalCode::AnsweredAlready,
        RefusalCode::BadOperation,
        RefusalCode::NotJudged,
    ];

    /// As a number.
    pub fn byte(self) -> u8 {
        Self::ALL.iter().position(|code| *code == self).unwrap_or_default() as u8
    }

    /// Back from a number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    /// Why, for people; every one of these completes "refused: ".
    pub fn words(self) -> &'static str {
        match self {
            RefusalCode::InsideATree => {
                "a process inside a guarded tree grants nothing. Ask from a terminal outside the session"
            }
            RefusalCode::Confined => {
                "the process that asks has a seccomp filter of its own, and can't be told from a guarded one. Ask from a terminal that has none"
            }
            RefusalCode::NoSuchSession => "you have no live session of that name",
            RefusalCode::AmbiguousSession => {
                "several users have a live session of that name: ask as the user whose session it is"
            }
            RefusalCode::NotTheOwner => "only the connection that registered a session may ask that of it",
            RefusalCode::NotRunning => "the session's agent has not begun",
            RefusalCode::NoAnswer => "the session did not answer in time",
            RefusalCode::BadPath => {
                "expected an absolute path without `.` and `..`, as the kernel resolves it"
            }
            RefusalCode::NotInAZone => "the session protects nothing there",
            RefusalCode::EsGuardsOwn => "es-guard's own files are there, which are let through for nobody",
            RefusalCode::AlreadyExpired => "that time is over already",
            RefusalCode::ReasonTooLong => "the reason is longer than 1024 bytes",
            RefusalCode::TooMany => "the session has 64 granted overrides already: revoke one",
            RefusalCode::NotGranted => {
                "that path was not granted (what the policy file lets through is changed there)"
            }
            RefusalCode::LetThroughAlready => "that is let through already: nothing has to be asked for",
            RefusalCode::NoReason => "a request needs a reason: whoever answers has nothing else to go by",
            RefusalCode::AskedTooOften => {
                "too much was asked for in a short time. What was asked before is not lost; ask again in a minute"
            }
            RefusalCode::TooManyRequests => {
                "16 requests wait for an answer already. Ask again when some have been answered"
            }
            RefusalCode::TooManyWaiting => {
                "32 wait for answers in this session already. The request itself is not lost"
            }
            RefusalCode::NoSuchRequest => "there is no such request in this session",
            RefusalCode::AnsweredAlready => "somebody has answered that request already",
            RefusalCode::BadOperation => {
                "expected unlink, rmdir or write with one path, or rename or exchange with two"
            }
            RefusalCode::NotJudged => "the session's engine can't guard by that policy",
        }
    }
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Self {
        Self { code, detail: code.words().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_stable() {
        let words = RefusalCode::ALL.map(|code| serde_json::to_value(code).unwrap());
        let words: Vec<_> = words.iter().filter_map(|word| word.as_str()).collect();
        assert_eq!(
            words,
            [
                "inside_a_tree",
                "confined",
                "no_such_session",
                "ambiguous_session",
                "not_the_owner",
                "not_running",
                "no_answer",
                "bad_path",
                "not_in_a_zone",
                "es_guards_own",
                "already_expired",
                "reason_too_long",
                "too_many",
                "not_granted",
                "let_through_already",
                "no_reason",
                "asked_too_often",
                "too_many_requests",
                "too_many_waiting",
                "no_such_request",
                "answered_already",
                "bad_operation",
                "not_judged",
            ]
        );
        for code in RefusalCode::ALL {
            assert_eq!(RefusalCode::from_byte(code.byte()), Some(code));
        }
        assert_eq!(RefusalCode::from_byte(23), None);
    }
}
