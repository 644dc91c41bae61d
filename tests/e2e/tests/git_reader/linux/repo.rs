//! Repositories made by git, and questions about them.

use helper_daemon::git::clerk::{Clerk, Content, Tracked};
use nix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn has_git() -> bool {
    let found = Command::new("git").arg("--version").output().is_ok();
    if !found {
        e2e::require::skip("tools", "no git");
    }
    found
}

/// A temporary directory with a repository `repo` in it.
pub(crate) struct Repo {
    pub(crate) base: tempfile::TempDir,
}

/// What is said of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    No,
    File,
    Directory,
}

impl Repo {
    /// With one commit, in which are `a`, `dir/b`, and the symlink `link`.
    pub(crate) fn new(init: &[&str]) -> Self {
        let base = tempfile::tempdir().unwrap();
        let repo = Self { base };
        repo.git_in(repo.base.path(), &[&["init", "-q", "-b", "main", "repo"], init].concat());
        repo.write("a", b"first\n");
        repo.write("dir/b", b"second\n");
        std::os::unix::fs::symlink("dir/b", repo.path("link")).unwrap();
        repo.git(&["add", "."]);
        repo.git(&["commit", "-q", "-m", "one"]);
        repo
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.base.path().join("repo").join(below)
    }

    pub(crate) fn write(&self, below: &str, content: &[u8]) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.path(""), args)
    }

    /// What git says. It must succeed.
    pub(crate) fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let done = self.command(dir, args).output().unwrap();
        assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    pub(crate) fn command(&self, dir: &Path, args: &[&str]) -> Command {
        let mut git = Command::new("git");
        let who = ["user.name=x", "user.email=x@localhost", "protocol.file.allow=always", "gc.auto=0"];
        git.args(who.iter().flat_map(|option| ["-c", option])).args(args).current_dir(dir);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", self.base.path());
        git
    }

    /// A clerk to whom all that is there now was there before the session.
    pub(crate) fn clerk(&self) -> Clerk {
        // Files have finer times than the clock by which a session begins, which may be late by more than a tick.
        let made = clock_gettime(ClockId::CLOCK_REALTIME).unwrap();
        while clock_gettime(ClockId::CLOCK_REALTIME_COARSE).unwrap() <= made {
            std::thread::yield_now();
        }
        Clerk::start().unwrap()
    }
}

/// Asks about a path, its parent being there.
pub(crate) fn ask(clerk: &Clerk, path: &Path) -> Tracked {
    let dir = File::open(path.parent().unwrap()).unwrap();
    clerk.tracked(dir.as_fd(), path.file_name().unwrap().as_bytes())
}

pub(crate) fn said(clerk: &Clerk, path: &Path) -> Said {
    match ask(clerk, path) {
        Tracked::No => Said::No,
        Tracked::File(_) => Said::File,
        Tracked::Directory(_) => Said::Directory,
    }
}

/// Whether the repository that tracks a path holds what is there; as a guard asks, after it was taken away.
pub(crate) fn is_held(clerk: &Clerk, path: &Path) -> bool {
    let Tracked::File(repository) = ask(clerk, path) else { panic!("{} is not tracked", path.display()) };
    if let Ok(target) = fs::read_link(path) {
        return clerk.holder(&repository, Content::Link(target.as_os_str().as_bytes())).is_some();
    }
    let aside = path.with_file_name("aside");
    fs::rename(path, &aside).unwrap();
    let held = clerk.holder(&repository, Content::File(File::open(&aside).unwrap().as_fd())).is_some();
    fs::rename(&aside, path).unwrap();
    held
}

/// The only file in a directory tree whose path has this ending.
pub(crate) fn only(below: &Path, ending: &str) -> PathBuf {
    let found = Command::new("find").arg(below).args(["-type", "f"]).output().unwrap().stdout;
    let mut found = found.split(|byte| *byte == b'\n').filter(|path| path.ends_with(ending.as_bytes()));
    let path = found.next().expect("a file of that ending");
    assert!(found.next().is_none(), "several");
    PathBuf::from(OsStr::from_bytes(path))
}
