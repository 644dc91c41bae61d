//! What an installed helper consists of, and where each part lies.

use super::HelperError;
use helper_daemon::daemon::account::ACCOUNT;
use helper_daemon::daemon::state::STATE;
use helper_daemon::daemon::{INSTALLED, UNIT};
use std::path::{Component, Path, PathBuf};

/// Where the programs go by default.
pub(super) const PREFIX: &str = "/usr/local";
/// The unit's name.
pub(super) const SERVICE: &str = "es-guard-helper.service";
/// The unit's file.
pub(super) const UNIT_FILE: &str = "/etc/systemd/system/es-guard-helper.service";
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/es-guard-helper.service";
const ENABLED_TARGET: &str = "../es-guard-helper.service";
/// What `systemd-sysusers` makes the account from.
pub(super) const SYSUSERS_FILE: &str = "/etc/sysusers.d/es-guard.conf";
const MANIFEST: &str = "install.json";

/// One root directory, and a prefix in it. Paths of parts are as seen from inside the root.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
    prefix: PathBuf,
}

/// What is to be at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A text that people read.
    Text(String),
    /// A program, copied from a file.
    Program { from: PathBuf, bytes: Vec<u8> },
    /// A symlink.
    Link(PathBuf),
}

impl Layout {
    pub(super) fn new(root: Option<&Path>, prefix: &Path) -> Self {
        Self { root: root.unwrap_or(Path::new("/")).to_owned(), prefix: prefix.to_owned() }
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

    /// The helper itself: executed by systemd only.
    pub(super) fn helper(&self) -> PathBuf {
        self.prefix.join("libexec/es-guard/es-guard-helper")
    }

    /// The command, for everybody.
    pub(super) fn command(&self) -> PathBuf {
        self.prefix.join("bin/es-guard")
    }

    /// The list of what was written.
    pub(super) fn manifest(&self) -> PathBuf {
        Path::new(STATE).join(MANIFEST)
    }

    /// Everything but the programs, with its path.
    pub(super) fn configuration(&self) -> [(PathBuf, Part); 3] {
        let unit = UNIT.replace(INSTALLED, &self.helper().to_string_lossy());
        let account = format!("u {ACCOUNT} - \"Workers of es-guard\" - /usr/sbin/nologin\n");
        [
            (SYSUSERS_FILE.into(), Part::Text(account)),
            (UNIT_FILE.into(), Part::Text(unit)),
            (ENABLED.into(), Part::Link(ENABLED_TARGET.into())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_starts_the_helper_where_it_is_put() {
        let unit = |prefix: &str| match &Layout::new(None, prefix.as_ref()).configuration()[1].1 {
            Part::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(unit(PREFIX), UNIT);
        let moved = unit("/opt/es-guard");
        assert!(moved.contains("\nExecStart=/opt/es-guard/libexec/es-guard/es-guard-helper\n"));
        assert!(!moved.contains(PREFIX));
    }

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

    #[test]
    fn the_daemons_folders_are_the_ones_that_the_unit_makes() {
        let line = |line: &str| assert!(UNIT.lines().any(|there| there == line), "{line}");
        line(&format!("StateDirectory={}", Path::new(STATE).strip_prefix("/var/lib").unwrap().display()));
        let socket = Path::new(helper_daemon::daemon::SOCKET).parent().unwrap();
        line(&format!("RuntimeDirectory={}", socket.strip_prefix("/run").unwrap().display()));
    }
}
