//! The list of what an installation wrote: what undo removes, and nothing else.

use super::HelperError;
use super::layout::{Layout, Part};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;

/// What was, or is just being, written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// es-guard's version.
    pub(super) version: String,
    /// Whether everything was done; else some of what is listed may be missing, or be older.
    pub(super) complete: bool,
    /// Whether the account was made here.
    pub(super) account: bool,
    /// Paths in the root, and the marks of what was put there.
    pub(super) parts: BTreeMap<PathBuf, BTreeSet<String>>,
    /// Directories that were made.
    pub(super) directories: BTreeSet<PathBuf>,
}

impl Manifest {
    pub(super) fn new() -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            complete: false,
            account: false,
            parts: BTreeMap::new(),
            directories: BTreeSet::new(),
        }
    }

    /// The manifest of what is installed; `None`: nothing is.
    pub(super) fn read(layout: &Layout) -> Result<Option<Self>, HelperError> {
        let path = layout.real(&layout.manifest());
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(HelperError::not_root("see what is installed"));
            }
            Err(source) => return Err(HelperError::Read { path, source }),
        };
        let read = serde_json::from_slice::<Self>(&bytes).map_err(|error| error.to_string());
        let read = read.and_then(|manifest| match manifest.format {
            FORMAT => Ok(manifest),
            other => Err(format!("its format is {other}, and {FORMAT} is understood: use a newer es-guard")),
        });
        read.map(Some).map_err(|detail| HelperError::Manifest { path, detail })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        // Strings and lists: there is nothing in it that can't be written.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Whether what is at a path was put there.
    pub(super) fn wrote(&self, path: &Path, mark: &str) -> bool {
        self.parts.get(path).is_some_and(|marks| marks.contains(mark))
    }
}

/// The mark of what is to be at a path.
pub(super) fn mark_of(part: &Part) -> String {
    match part {
        Part::Text(text) => of_bytes(text.as_bytes()),
        Part::Program { bytes, .. } | Part::Copy { bytes, .. } => of_bytes(bytes),
        Part::Link(target) => of_link(target),
    }
}

/// The mark of what is at a path; `None`: nothing.
pub(super) fn mark_at(path: &Path) -> Result<Option<String>, HelperError> {
    let failed = |source: io::Error| HelperError::Read { path: path.to_owned(), source };
    match path.symlink_metadata() {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(failed(error)),
        Ok(stat) if stat.is_symlink() => {
            std::fs::read_link(path).map_err(failed).map(|to| Some(of_link(&to)))
        }
        Ok(stat) if stat.is_file() => std::fs::read(path).map_err(failed).map(|bytes| Some(of_bytes(&bytes))),
        Ok(_) => Ok(Some("something else".to_owned())),
    }
}

fn of_bytes(bytes: &[u8]) -> String {
    let mut mark = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        // Writing to a string does not fail.
        let _ = write!(mark, "{byte:02x}");
    }
    mark
}

fn of_link(target: &Path) -> String {
    format!("link:{}", target.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_contents_and_kinds_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        assert_eq!(mark_at(&path).unwrap(), None);
        std::fs::write(&path, "abc").unwrap();
        let file = mark_at(&path).unwrap().unwrap();
        assert_eq!(file, mark_of(&Part::Text("abc".into())));
        assert_eq!(file, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("abc", &path).unwrap();
        assert_eq!(mark_at(&path).unwrap().unwrap(), mark_of(&Part::Link("abc".into())));
    }

    #[test]
    fn a_manifest_of_another_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(Some(dir.path()), "/usr/local".as_ref());
        assert_eq!(Manifest::read(&layout).unwrap(), None);
        let path = layout.real(&layout.manifest());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, Manifest::new().bytes()).unwrap();
        assert_eq!(Manifest::read(&layout).unwrap(), Some(Manifest::new()));
        std::fs::write(&path, Manifest { format: 2, ..Manifest::new() }.bytes()).unwrap();
        assert!(Manifest::read(&layout).unwrap_err().to_string().contains("its format is 2"));
    }
}
