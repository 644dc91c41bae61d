//! The shape of the policy file's JSON, and what is said where it has another: texts or objects, paths that are
//! absolute, nothing twice, no key that is not known.

use crate::policy::operation::Op;
use crate::policy::{OnDelete, Requests};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::path::{Component, Path};

/// A derived structure is read from a list, too; the file is an object and nothing else.
pub(super) struct Object(pub(super) Raw);

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
pub(super) struct Raw {
    #[serde(default)]
    pub(super) protected_zones: Unique<RawZone>,
    #[serde(default)]
    pub(super) temporary_overrides: Unique<RawOverride>,
    #[serde(default)]
    pub(super) exempt_names: Unique<RawName>,
    #[serde(default)]
    pub(super) replacers: Unique<RawName>,
    #[serde(default)]
    pub(super) requests: Requests,
    #[serde(default)]
    pub(super) self_grant: Unique<RawPath>,
    #[serde(default)]
    pub(super) self_grant_max: Option<Seconds>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneObject {
    path: RawPath,
    #[serde(default)]
    on_delete: Option<OnDelete>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct OverrideObject {
    path: RawPath,
    #[serde(default)]
    expires_at: Option<u64>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    op: Option<Op>,
    #[serde(default)]
    once: bool,
    #[serde(default)]
    session: Option<String>,
}

pub(super) struct RawZone {
    pub(super) path: RawPath,
    pub(super) on_delete: Option<OnDelete>,
}

pub(super) struct RawOverride {
    pub(super) path: RawPath,
    pub(super) expires_at: Option<u64>,
    pub(super) reason: Option<String>,
    pub(super) op: Option<Op>,
    pub(super) session: Option<String>,
    key: String,
}

/// At least one.
pub(super) struct Seconds(pub(super) u64);
/// Absolute, or below the home.
pub(super) struct RawPath(pub(super) String);
/// A single file name.
pub(super) struct RawName(pub(super) String);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            0 => Err(de::Error::custom("found 0 seconds, expected at least 1")),
            seconds => Ok(Self(seconds)),
        }
    }
}

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
        Self { path, on_delete: None }
    }
}

impl From<RawPath> for OverrideObject {
    fn from(path: RawPath) -> Self {
        Self { path, expires_at: None, reason: None, op: None, once: false, session: None }
    }
}

impl<'de> Deserialize<'de> for RawZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ZoneObject { path, on_delete } = deserializer.deserialize_any(StringOr(PhantomData))?;
        Ok(Self { path, on_delete })
    }
}

impl<'de> Deserialize<'de> for RawOverride {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let OverrideObject { path, expires_at, reason, op, once, session } =
            deserializer.deserialize_any(StringOr(PhantomData))?;
        if once && session.is_none() {
            let what = "found `once` without `session`, expected it of what was granted in a session alone";
            return Err(de::Error::custom(what));
        }
        // What was granted in a session stands beside what a person has written.
        let of = session.as_ref().map(|session| format!("\0{session}\0{}", op.map_or("", Op::word)));
        let key = path.0.trim_end_matches('/').to_owned() + &of.unwrap_or_default();
        Ok(Self { path, expires_at, reason, op, session, key })
    }
}

trait Key {
    /// What no other has.
    fn key(&self) -> &str;

    fn shown(&self) -> &str {
        self.key()
    }
}

impl Key for RawZone {
    fn key(&self) -> &str {
        &self.path.0
    }
}

impl Key for RawPath {
    fn key(&self) -> &str {
        &self.0
    }
}

impl Key for RawOverride {
    fn key(&self) -> &str {
        &self.key
    }

    fn shown(&self) -> &str {
        &self.path.0
    }
}

impl Key for RawName {
    fn key(&self) -> &str {
        &self.0
    }
}

/// A list in which nothing stands twice.
pub(super) struct Unique<T>(pub(super) Vec<T>);

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
                        let what = format!("found \"{}\" a second time, expected it once", item.shown());
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
