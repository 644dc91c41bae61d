//! What a record says of a caller.

use super::{AT_ONCE, Caller};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

/// What a record says of the program that made a call. Best effort: empty where it can't be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Process id (not thread id).
    pub pid: i32,
    /// Path of the executable.
    pub exe: PathBuf,
    /// Arguments, as many as there is room for in a page; what is missing then is `…`.
    pub argv: Vec<Vec<u8>>,
    /// Working directory.
    pub cwd: PathBuf,
}

impl Caller {
    /// What a record says of the program.
    pub fn program(&self) -> Program {
        let argv = self.command_line().unwrap_or_default();
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

    /// The environment that the program was started with; empty where it can't be read. It is the caller's to write.
    pub fn environment(&self) -> Vec<Vec<u8>> {
        let text = self.text("environ").unwrap_or_default();
        text.split(|&b| b == 0).map(Vec::from).collect()
    }

    fn command_line(&self) -> io::Result<Vec<u8>> {
        let mut file = File::open(format!("/proc/{}/cmdline", self.tid))?;
        let mut text = vec![0; AT_ONCE];
        let length = file.read(&mut text)?;
        text.truncate(length);
        // The kernel gives what there is room for: less is all of it. A command with thousands of names has a record
        // for each of them.
        if length == AT_ONCE {
            let whole = text.iter().rposition(|&b| b == 0).map_or(0, |end| end + 1);
            text.truncate(whole);
            text.extend("…\0".bytes());
        }
        Ok(text)
    }

    fn link(&self, what: &str) -> PathBuf {
        fs::read_link(format!("/proc/{}/{what}", self.tid)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_command_line_is_whole_up_to_a_page() {
        for (more, whole) in [(0, true), (1, true), (1000, true), (3000, false)] {
            let mut command = Command::new("sh");
            command.args(["-c", "echo; read word", "sh"]).args(vec!["0"; more]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            // It runs, so it has its command line.
            child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
            let program = Caller::new(child.id() as i32).program();
            drop(child.stdin.take());
            child.wait().unwrap();
            assert_eq!(program.pid, child.id() as i32);
            assert_eq!(program.argv.len() == 4 + more, whole);
            assert_eq!(program.argv.last().unwrap() == "…".as_bytes(), !whole);
            assert!(whole || program.argv.iter().map(|arg| arg.len() + 1).sum::<usize>() > AT_ONCE - 16);
            assert_eq!(program.argv[1], b"-c");
        }
    }
}
