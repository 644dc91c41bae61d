//! One `wrap`: its name and what it was started with.

use crate::encoding::path_text;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A session's name: the time it started, to the second, and four random hexadecimal digits. Names sort by
/// time, and are short enough to type a prefix of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// A new name for a session that starts at `now`, with `random` telling it from others of the same second.
    pub fn new(now: jiff::Timestamp, random: u16) -> Self {
        Self(format!("{}-{random:04x}", now.strftime("%Y%m%d-%H%M%S")))
    }

    /// A name read back: digits, hyphens and lower-case letters, so that it is a safe file name.
    pub fn parse(text: &str) -> Option<Self> {
        let safe = !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'-');
        safe.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a session was started with, as `wrap` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Its name.
    pub id: SessionId,
    /// The agent's command line.
    pub argv: Vec<String>,
    /// Where it was started.
    #[serde(with = "path_text")]
    pub cwd: PathBuf,
    /// es-guard's version.
    pub version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_are_safe_file_names() {
        let first = SessionId::new("2026-01-02T03:04:05Z".parse().unwrap(), 0xffff);
        let later = SessionId::new("2026-01-02T03:04:06Z".parse().unwrap(), 0);
        assert_eq!(first.as_str(), "20260102-030405-ffff");
        assert!(first < later);
        assert_eq!(SessionId::parse(first.as_str()), Some(first));
        for bad in ["", "../x", "a/b", "A", "x\n"] {
            assert_eq!(SessionId::parse(bad), None);
        }
    }
}
