//! A place of its own for every run: the sandbox itself, es-guard's state, a home.

use crate::person;
use crate::row::{Row, Who};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The ordinary user that rows run as when the tests run as root.
pub const USER: u32 = 1000;

/// Whether the tests run as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// As whom everything is run here: as root and as a user when there is a choice.
pub fn everyone() -> Vec<Who> {
    if is_root() { vec![Who::Root, Who::User] } else { vec![Who::User] }
}

/// A temporary directory that ends with the value.
#[derive(Debug)]
pub struct Sandbox {
    base: tempfile::TempDir,
    /// Whose it is.
    pub who: Who,
}

impl Sandbox {
    /// An empty one.
    pub fn new(who: Who) -> Self {
        let base = tempfile::Builder::new().prefix("es-guard-e2e.").tempdir_in("/tmp").expect("a sandbox");
        fs::set_permissions(base.path(), Permissions::from_mode(0o755)).expect("a sandbox others may enter");
        let sandbox = Self { base, who };
        for dir in [sandbox.root(), sandbox.state(), sandbox.home()] {
            fs::create_dir(dir).expect("an empty sandbox");
        }
        sandbox
    }

    /// One that is set up as a row says.
    pub fn of(row: &Row, who: Who) -> Self {
        let sandbox = Self::new(who);
        for step in &row.setup {
            person::does(&sandbox.root(), step);
        }
        sandbox.hand_over();
        for kept in row.setup.iter().filter_map(|step| step.strip_prefix("roots ")).filter(|_| is_root()) {
            std::os::unix::fs::lchown(sandbox.root().join(kept), Some(0), Some(0)).expect("root's own");
        }
        sandbox
    }

    /// Gives everything to the one who runs.
    pub fn hand_over(&self) {
        if is_root() && self.who == Who::User {
            // By the tool, which goes down where paths are longer than the kernel takes.
            let owner = format!("{USER}:{USER}");
            let status = Command::new("chown").args(["-hR", &owner]).arg(self.base.path()).status();
            assert!(status.is_ok_and(|s| s.success()), "chown of the sandbox");
        }
    }

    /// The sandbox itself.
    pub fn root(&self) -> PathBuf {
        self.base.path().join("sb")
    }

    /// `ES_GUARD_HOME`.
    pub fn state(&self) -> PathBuf {
        self.base.path().join("state")
    }

    /// `HOME`.
    pub fn home(&self) -> PathBuf {
        self.base.path().join("home")
    }

    /// A path beside the sandbox.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    /// What of these expectations does not hold.
    pub fn unmet(&self, expectations: &[String]) -> Vec<String> {
        expectations.iter().filter_map(|text| person::finds(&self.root(), text)).collect()
    }
}

/// Copies a program to where everybody may execute it.
///
/// By another process: while this one has the copy open for writing, a child that another thread forks has it
/// too, and it can't be executed.
pub fn publish(program: &Path, to: &Path) {
    let copied = Command::new("cp").arg("--").args([program, to]).status();
    assert!(copied.is_ok_and(|status| status.success()), "copy {} to {}", program.display(), to.display());
    fs::set_permissions(to, Permissions::from_mode(0o755)).expect("an executable");
}
