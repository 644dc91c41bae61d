//! Records of overrides that come and go.

use crate::encoding::hex_if_needed;
use crate::policy::Override;
use crate::policy::operation::Op;
use crate::protocol::Granter;
use serde::{Deserialize, Serialize};

/// An override came or went, in the policy file or by a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideRecord {
    /// `added`, `removed` or, of a grant, `expired` or `used` (of one that was for a single use).
    pub change: String,
    /// The path it covers.
    pub path: String,
    /// Its bytes, where they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// When it ends, in Unix seconds.
    pub expires_at: Option<u64>,
    /// Why it was given.
    pub reason: Option<String>,
    /// The operation that is let through, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<Op>,
    /// Whether it is for a single use.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// Of a grant: who granted it (`added`, `expired`, `used`) or took it back (`removed`). `None`: the policy file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Granter>,
}

impl OverrideRecord {
    /// What is recorded of an override.
    pub fn new(change: &str, what: &Override, by: Option<&Granter>) -> Self {
        Self {
            change: change.to_owned(),
            path: what.path.to_string_lossy().into_owned(),
            path_hex: hex_if_needed(&what.path),
            expires_at: what.expires_at,
            reason: what.reason.clone(),
            op: what.op,
            once: what.once.is_some(),
            by: by.cloned(),
        }
    }
}
