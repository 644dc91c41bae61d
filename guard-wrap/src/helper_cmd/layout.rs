//! Where the parts of an installed helper lie.

use super::HelperError;
use helper_daemon::place::STATE;
use std::path::{Component, Path, PathBuf};

const MANIFEST: &str = "install.json";

/// One root directory, and a prefix in it. Paths of parts are as seen from inside the root.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
    prefix: PathBuf,
    state: PathBuf,
}

/// What is to be at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A text that people read.
    Text(String),
    /// A program, copied from a file.
    Program { from: PathBuf, bytes: Vec<u8> },
    /// What is no program, copied from a file.
    #[cfg_attr(not(any(test, target_os = "macos")), expect(dead_code, reason = "only macOS has bundles"))]
    Copy { from: PathBuf, bytes: Vec<u8> },
    /// A symlink.
    Link(PathBuf),
}

impl Layout {
    pub(super) fn new(root: Option<&Path>, prefix: &Path) -> Self {
        Self::with_state(root, prefix, Path::new(STATE))
    }

    /// The same with the folder that remembers what was written.
    pub(super) fn with_state(root: Option<&Path>, prefix: &Path, state: &Path) -> Self {
        let root = root.unwrap_or(Path::new("/")).to_owned();
        Self { root, prefix: prefix.to_owned(), state: state.to_owned() }
    }

    /// What the programs go below.
    pub(super) fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The folder that remembers what was written: root's alone.
    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    /// Whether the prefix is one that a unit can name.
    pub(super) fn check(&self) -> Result<(), HelperError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
        let parts =
            self.prefix.components().all(|part| !matches!(part, Component::ParentDir | Component::CurDir));
        if self.prefix.is_absolute()
            && parts
            && self.prefix.to_str().is_some_and(|text| text.chars().all(plain))
        {
            Ok(())
        } else {
            Err(HelperError::Prefix(self.prefix.clone()))
        }
    }

    /// Whether this is the machine itself, not an image of one.
    pub(super) fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The root directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a path of the layout is to be found from here.
    pub(super) fn real(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The list of what was written.
    pub(super) fn manifest(&self) -> PathBuf {
        self.state.join(MANIFEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_a_unit_can_not_name_is_refused() {
        for (prefix, well) in [
            ("/usr", true),
            ("/opt/es-guard_1.0", true),
            ("opt", false),
            ("/a b", false),
            ("/a/%h", false),
            ("/a/../b", false),
        ] {
            assert_eq!(Layout::new(None, prefix.as_ref()).check().is_ok(), well, "{prefix}");
        }
    }
}
