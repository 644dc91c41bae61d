//! Paths as text, without loss.
//!
//! A path is bytes; JSON holds text. A path that is UTF-8 is written as it is; one that is not is written as
//! an object with its bytes in hexadecimal, or, in the ledger, as readable text beside its bytes.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The bytes of a path in hexadecimal when it is not UTF-8, else nothing: its text says it all.
pub fn hex_if_needed(path: &Path) -> Option<String> {
    path.to_str().is_none().then(|| hex(path.as_os_str().as_bytes()))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// A path from its readable text and, where it is not UTF-8, its bytes.
pub fn path_from(text: &str, hex: Option<&str>) -> PathBuf {
    hex.and_then(unhex_path).unwrap_or_else(|| PathBuf::from(text))
}

/// Bytes from hexadecimal.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pairs = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes: Option<Vec<u8>> = pairs.collect();
    bytes.filter(|_| digits.len().is_multiple_of(2))
}

fn unhex_path(text: &str) -> Option<PathBuf> {
    Some(PathBuf::from(OsString::from_vec(unhex(text)?)))
}

/// For `#[serde(with = "path_text")]`: a string, or `{"hex": "…"}`.
pub mod path_text {
    use super::{hex, unhex_path};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Text {
        Utf8(String),
        Bytes { hex: String },
    }

    /// Writes a path.
    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => Text::Utf8(text.to_owned()),
            None => Text::Bytes { hex: hex(path.as_os_str().as_bytes()) },
        }
        .serialize(serializer)
    }

    /// Reads a path.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        match Text::deserialize(deserializer)? {
            Text::Utf8(text) => Ok(PathBuf::from(text)),
            Text::Bytes { hex } => unhex_path(&hex).ok_or_else(|| D::Error::custom("not hexadecimal")),
        }
    }
}

/// The same for a path that may be missing: `null` where it is.
pub mod optional_path_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::path::PathBuf;

    #[derive(Serialize, Deserialize)]
    struct Whole(#[serde(with = "super::path_text")] PathBuf);

    /// Writes a path.
    pub fn serialize<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        path.clone().map(Whole).serialize(serializer)
    }

    /// Reads a path.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<Whole>::deserialize(deserializer)?.map(|Whole(path)| path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_path_comes_back(bytes in prop::collection::vec(1u8.., 1..40)) {
            let path = PathBuf::from(OsString::from_vec(bytes));
            let text = path.to_string_lossy().into_owned();
            prop_assert_eq!(path_from(&text, hex_if_needed(&path).as_deref()), path);
        }
    }
}
