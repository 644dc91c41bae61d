//! Who asks.

use super::programs::Program;
use endpoint_sec::macos::Process;
use std::path::Path;
use std::sync::Arc;

/// A process that asks for something, and when.
pub(super) struct Doer {
    pub(super) process: Process,
    pub(super) program: Arc<Program>,
    /// In seconds and nanoseconds since 1970.
    pub(super) time: (i64, i64),
}

impl Doer {
    /// Whether it runs git's or jj's own executable: a file of that name that was there, as it is, before the session
    /// began, so no copy, link or rename of another program. `began` in seconds since 1970.
    pub(super) fn is_git(&self, began: i64) -> bool {
        let executable = &self.process.executable;
        executable.changed.0 < began && executable.path().is_some_and(is_git)
    }
}

fn is_git(path: &Path) -> bool {
    let in_git_core = path.parent().and_then(Path::file_name).is_some_and(|dir| dir == "git-core");
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name == "git" || name == "jj" || (in_git_core && name.starts_with("git-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_is_told_by_its_file() {
        for path in [
            "/usr/bin/git",
            "/opt/homebrew/bin/jj",
            "/Library/Developer/CommandLineTools/usr/libexec/git-core/git-remote-http",
        ] {
            assert!(is_git(Path::new(path)), "{path}");
        }
        for path in ["/usr/bin/gitk", "/usr/bin/git-x", "/git/rm", "/"] {
            assert!(!is_git(Path::new(path)), "{path}");
        }
    }
}
