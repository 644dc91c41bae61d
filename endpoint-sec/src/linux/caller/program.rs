//! What a record says of a caller.

use super::Caller;
use std::fs;
use std::path::PathBuf;

/// What a record says of the program that made a call. Best effort: empty where it can't be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Process id (not thread id).
    pub pid: i32,
    /// Path of the executable.
    pub exe: PathBuf,
    /// Arguments.
    pub argv: Vec<Vec<u8>>,
    /// Working directory.
    pub cwd: PathBuf,
}

impl Caller {
    /// What a record says of the program.
    pub fn program(&self) -> Program {
        let argv = self.text("cmdline").unwrap_or_default();
        let argv = argv.strip_suffix(b"\0").unwrap_or(&argv);
        Program {
            pid: self.process_id().unwrap_or(self.tid),
            exe: self.executable_text(),
            argv: if argv.is_empty() { Vec::new() } else { argv.split(|&b| b == 0).map(Vec::from).collect() },
            cwd: self.link("cwd"),
        }
    }

    /// What the kernel calls the file that the caller runs; empty where that can't be told.
    pub fn executable_text(&self) -> PathBuf {
        self.link("exe")
    }

    fn link(&self, what: &str) -> PathBuf {
        fs::read_link(format!("/proc/{}/{what}", self.tid)).unwrap_or_default()
    }
}
