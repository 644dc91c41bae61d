//! The policy file: what a person writes, checked to the character.
//!
//! Every mistake is told by line and column, with what was found and what was expected. Parsing knows no
//! file system: whether a zone exists is somebody else's question.

mod shape;

use crate::policy::operation::Op;
use crate::policy::{Asking, OnDelete};
use shape::{Object, RawName, Unique};
use std::path::{Path, PathBuf};

/// A policy file is a few lines; one of more than a mebibyte is a mistake.
pub const MAX_BYTES: u64 = 1 << 20;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFile {
    /// `protected_zones`.
    pub zones: Vec<FileZone>,
    /// `temporary_overrides`.
    pub overrides: Vec<FileOverride>,
    /// `exempt_names`.
    pub exempt_names: Vec<String>,
    /// `replacers`.
    pub replacers: Vec<String>,
    /// `requests`, `self_grant` (absolute, not resolved) and `self_grant_max`.
    pub asking: Asking,
}

/// One entry of `protected_zones`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileZone {
    /// Absolute, not resolved.
    pub path: PathBuf,
    /// What becomes of what would be lost there, where the entry says so.
    pub on_delete: Option<OnDelete>,
}

/// One entry of `temporary_overrides`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOverride {
    /// Absolute, not resolved.
    pub path: PathBuf,
    /// Unix seconds.
    pub expires_at: Option<u64>,
    /// Why.
    pub reason: Option<String>,
    /// For this operation alone.
    pub op: Option<Op>,
    /// The session that it was granted in: there the helper has it, and it lets nothing through by itself.
    pub session: Option<String>,
}

/// A mistake in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// From 1: where reading stopped, just after what was found.
    pub column: usize,
    /// What was found, and what was expected.
    pub what: String,
}

/// Parses the text of a policy file. `home` is what `~/` stands for.
pub fn parse(text: &[u8], home: &Path) -> Result<PolicyFile, Mistake> {
    let Object(raw) = serde_json::from_slice(text).map_err(mistake)?;
    let expand = |path: String| match path.strip_prefix("~/") {
        Some(below) => home.join(below),
        None if path == "~" => home.to_owned(),
        None => PathBuf::from(path),
    };
    let overrides = raw.temporary_overrides.0.into_iter().map(|o| FileOverride {
        path: expand(o.path.0),
        expires_at: o.expires_at,
        reason: o.reason,
        op: o.op,
        session: o.session,
    });
    let zones = raw.protected_zones.0.into_iter();
    let zones = zones.map(|zone| FileZone { path: expand(zone.path.0), on_delete: zone.on_delete });
    let names = |names: Unique<RawName>| names.0.into_iter().map(|name| name.0).collect();
    Ok(PolicyFile {
        zones: zones.collect(),
        overrides: overrides.collect(),
        exempt_names: names(raw.exempt_names),
        replacers: names(raw.replacers),
        asking: Asking {
            requests: raw.requests,
            self_grant: raw.self_grant.0.into_iter().map(|path| expand(path.0)).collect(),
            self_grant_max: raw.self_grant_max.map(|seconds| seconds.0),
        },
    })
}

fn mistake(error: serde_json::Error) -> Mistake {
    let (line, column) = (error.line(), error.column());
    let what = error.to_string();
    let place = format!(" at line {line} column {column}");
    let what = what.strip_suffix(&place).unwrap_or(&what).to_owned();
    Mistake { line: line.max(1), column: column.max(1), what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Requests;

    fn read(text: &str) -> Result<PolicyFile, Mistake> {
        parse(text.as_bytes(), Path::new("/home/u"))
    }

    fn mistake_in(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn strings_and_objects_both() {
        let file = read(
            r#"{
            "protected_zones": ["~/important", {"path": "/srv/data", "on_delete": "stash"}],
            "temporary_overrides": ["/srv/data/tmp",
                {"path": "/srv/data/old.csv", "expires_at": 1772500000, "reason": "replaced by v2"}],
            "exempt_names": ["dist"],
            "replacers": ["patch"]
        }"#,
        )
        .unwrap();
        let zone = |path: &str, on_delete| FileZone { path: path.into(), on_delete };
        let zones = [zone("/home/u/important", None), zone("/srv/data", Some(OnDelete::Stash))];
        assert_eq!(file.zones, zones);
        assert_eq!(file.overrides[0].expires_at, None);
        assert_eq!(file.overrides[1].expires_at, Some(1_772_500_000));
        assert_eq!(file.overrides[1].reason.as_deref(), Some("replaced by v2"));
        assert_eq!((file.exempt_names, file.replacers), (vec!["dist".into()], vec!["patch".into()]));
    }

    #[test]
    fn who_decides_may_be_said() {
        let file = read(r#"{"requests": "self", "self_grant": ["~/out"], "self_grant_max": 60}"#).unwrap();
        assert_eq!(file.asking.requests, Requests::Itself);
        assert_eq!(
            (file.asking.self_grant, file.asking.self_grant_max),
            (vec!["/home/u/out".into()], Some(60))
        );
    }

    #[test]
    fn an_empty_object_is_an_empty_policy() {
        assert_eq!(read("{}").unwrap(), PolicyFile::default());
    }

    #[test]
    fn every_mistake_is_placed_and_explained() {
        let cases = [
            ("", "line 1, column 1: EOF while parsing a value"),
            (
                "{\n \"protected_zones\": [\"a/b\"]}",
                "line 2, column 26: found the relative path \"a/b\", expected one that starts with `/` or `~/`",
            ),
            (
                "{\"zones\": []}",
                "line 1, column 8: unknown field `zones`, expected one of `protected_zones`, `temporary_overrides`, `exempt_names`, `replacers`, `requests`, `self_grant`, `self_grant_max`",
            ),
            (
                "{\"protected_zones\": \"/a\"}",
                "line 1, column 24: invalid type: string \"/a\", expected a list",
            ),
            (
                "{\"protected_zones\": [3]}",
                "line 1, column 22: invalid type: integer `3`, expected a path as a string, or an object with `path`",
            ),
            (
                "{\"protected_zones\": [\"/a\", \"/a/\"]}",
                "line 1, column 33: found \"/a/\" a second time, expected it once",
            ),
            (
                "{\"protected_zones\": [], \"protected_zones\": []}",
                "line 1, column 41: duplicate field `protected_zones`",
            ),
            (
                "{\"protected_zones\": [{\"path\": \"/a\", \"mode\": 1}]}",
                "line 1, column 42: unknown field `mode`, expected `path` or `on_delete`",
            ),
            (
                "{\"protected_zones\": [{\"path\": \"/a\", \"on_delete\": \"keep\"}]}",
                "line 1, column 55: unknown variant `keep`, expected `stash` or `deny`",
            ),
            ("{\"protected_zones\": [{}]}", "line 1, column 23: missing field `path`"),
            (
                "{\"protected_zones\": [\"\"]}",
                "line 1, column 23: found an empty path, expected an absolute one",
            ),
            (
                "{\"protected_zones\": [\"/a/../b\"]}",
                "line 1, column 30: found `..` in \"/a/../b\", expected the path without it",
            ),
            (
                "{\"temporary_overrides\": [{\"path\": \"/a\", \"expires_at\": \"soon\"}]}",
                "line 1, column 60: invalid type: string \"soon\", expected u64",
            ),
            (
                "{\"temporary_overrides\": [{\"path\": \"/a\", \"expires_at\": -1}]}",
                "line 1, column 56: invalid value: integer `-1`, expected u64",
            ),
            (
                "{\"temporary_overrides\": [{\"path\": \"/a\", \"once\": true}]}",
                "line 1, column 54: found `once` without `session`, expected it of what was granted in a session alone",
            ),
            (
                "{\"replacers\": [\"bin/patch\"]}",
                "line 1, column 27: found \"bin/patch\", expected a single file name",
            ),
            (
                "{\"requests\": \"yes\"}",
                "line 1, column 18: unknown variant `yes`, expected one of `ask`, `deny`, `self`",
            ),
            (
                "{\"self_grant\": [\"out\"]}",
                "line 1, column 22: found the relative path \"out\", expected one that starts with `/` or `~/`",
            ),
            ("{\"self_grant_max\": 0}", "line 1, column 21: found 0 seconds, expected at least 1"),
            ("{\"protected_zones\": [],}", "line 1, column 24: trailing comma"),
            ("{} x", "line 1, column 4: trailing characters"),
            (
                "[]",
                "line 1, column 2: invalid type: sequence, expected an object with `protected_zones` and `temporary_overrides`",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(mistake_in(text), expected, "{text}");
        }
    }
}
