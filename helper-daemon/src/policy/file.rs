//! The policy file: what a person writes, checked to the character.
//!
//! Every mistake is told by line and column, with what was found and what was expected. Parsing knows no
//! file system: whether a zone exists is somebody else's question.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::path::{Component, Path, PathBuf};

/// A policy file is a few lines; one of more than a mebibyte is a mistake.
pub const MAX_BYTES: u64 = 1 << 20;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFile {
    /// `protected_zones`, absolute, not resolved.
    pub zones: Vec<PathBuf>,
    /// `temporary_overrides`.
    pub overrides: Vec<FileOverride>,
    /// `exempt_names`.
    pub exempt_names: Vec<String>,
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
    });
    Ok(PolicyFile {
        zones: raw.protected_zones.0.into_iter().map(|zone| expand(zone.path.0)).collect(),
        overrides: overrides.collect(),
        exempt_names: raw.exempt_names.0.into_iter().map(|name| name.0).collect(),
    })
}

fn mistake(error: serde_json::Error) -> Mistake {
    let (line, column) = (error.line(), error.column());
    let what = error.to_string();
    let place = format!(" at line {line} column {column}");
    let what = what.strip_suffix(&place).unwrap_or(&what).to_owned();
    Mistake { line: line.max(1), column: column.max(1), what }
}

/// A derived structure is read from a list, too; the file is an object and nothing else.
struct Object(Raw);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectOnly;
        impl<'de> Visitor<'de> for ObjectOnly {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `protected_zones` and `temporary_overrides`")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object, A::Error> {
                Raw::deserialize(de::value::MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_any(ObjectOnly)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    protected_zones: Unique<RawZone>,
    #[serde(default)]
    temporary_overrides: Unique<RawOverride>,
    #[serde(default)]
    exempt_names: Unique<RawName>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneObject {
    path: RawPath,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct OverrideObject {
    path: RawPath,
    #[serde(default)]
    expires_at: Option<u64>,
    #[serde(default)]
    reason: Option<String>,
}

struct RawZone {
    path: RawPath,
}

struct RawOverride {
    path: RawPath,
    expires_at: Option<u64>,
    reason: Option<String>,
}

struct RawPath(String);
struct RawName(String);

impl<'de> Deserialize<'de> for RawPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        check_path(String::deserialize(deserializer)?)
    }
}

fn check_path<E: de::Error>(path: String) -> Result<RawPath, E> {
    let absolute = path.starts_with('/') || path == "~" || path.starts_with("~/");
    if path.is_empty() {
        Err(E::custom("found an empty path, expected an absolute one"))
    } else if path.contains('\0') {
        Err(E::custom("found a path with a NUL character, which no file can have"))
    } else if !absolute {
        Err(E::custom(format!(
            "found the relative path \"{path}\", expected one that starts with `/` or `~/`"
        )))
    } else if Path::new(&path).components().any(|c| c == Component::ParentDir) {
        Err(E::custom(format!("found `..` in \"{path}\", expected the path without it")))
    } else {
        Ok(RawPath(path))
    }
}

impl<'de> Deserialize<'de> for RawName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." {
            return Err(de::Error::custom(format!("found \"{name}\", expected a single file name")));
        }
        Ok(Self(name))
    }
}

/// A string, or an object with a `path`.
struct StringOr<O>(PhantomData<O>);

impl<'de, O: Deserialize<'de> + From<RawPath>> Visitor<'de> for StringOr<O> {
    type Value = O;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path as a string, or an object with `path`")
    }

    fn visit_str<E: de::Error>(self, path: &str) -> Result<O, E> {
        check_path(path.to_owned()).map(O::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<O, A::Error> {
        O::deserialize(de::value::MapAccessDeserializer::new(map))
    }
}

impl From<RawPath> for ZoneObject {
    fn from(path: RawPath) -> Self {
        Self { path }
    }
}

impl From<RawPath> for OverrideObject {
    fn from(path: RawPath) -> Self {
        Self { path, expires_at: None, reason: None }
    }
}

impl<'de> Deserialize<'de> for RawZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ZoneObject { path } = deserializer.deserialize_any(StringOr(PhantomData))?;
        Ok(Self { path })
    }
}

impl<'de> Deserialize<'de> for RawOverride {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let OverrideObject { path, expires_at, reason } =
            deserializer.deserialize_any(StringOr(PhantomData))?;
        Ok(Self { path, expires_at, reason })
    }
}

trait Key {
    fn key(&self) -> &str;
}

impl Key for RawZone {
    fn key(&self) -> &str {
        &self.path.0
    }
}

impl Key for RawOverride {
    fn key(&self) -> &str {
        &self.path.0
    }
}

impl Key for RawName {
    fn key(&self) -> &str {
        &self.0
    }
}

/// A list in which nothing stands twice.
struct Unique<T>(Vec<T>);

impl<T> Default for Unique<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Key> Deserialize<'de> for Unique<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Key> Visitor<'de> for List<T> {
            type Value = Unique<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Unique<T>, A::Error> {
                let mut seen = HashSet::new();
                let mut out = Vec::new();
                while let Some(item) = list.next_element::<T>()? {
                    let trimmed = item.key().trim_end_matches('/').to_owned();
                    if !seen.insert(trimmed) {
                        let what = format!("found \"{}\" a second time, expected it once", item.key());
                        return Err(de::Error::custom(what));
                    }
                    out.push(item);
                }
                Ok(Unique(out))
            }
        }
        deserializer.deserialize_seq(List(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "protected_zones": ["~/important", {"path": "/srv/data"}],
            "temporary_overrides": ["/srv/data/tmp",
                {"path": "/srv/data/old.csv", "expires_at": 1772500000, "reason": "replaced by v2"}],
            "exempt_names": ["dist"]
        }"#,
        )
        .unwrap();
        assert_eq!(file.zones, [PathBuf::from("/home/u/important"), "/srv/data".into()]);
        assert_eq!(file.overrides[0].expires_at, None);
        assert_eq!(file.overrides[1].expires_at, Some(1_772_500_000));
        assert_eq!(file.overrides[1].reason.as_deref(), Some("replaced by v2"));
        assert_eq!(file.exempt_names, ["dist"]);
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
                "line 1, column 8: unknown field `zones`, expected one of `protected_zones`, `temporary_overrides`, `exempt_names`",
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
                "line 1, column 42: unknown field `mode`, expected `path`",
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
