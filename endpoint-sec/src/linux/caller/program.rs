//! What a record says of a caller.

use super::{AT_ONCE, Caller};
use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
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

thread_local! {
    /// The one that this thread has asked about last: many calls come from one caller in a row, and to find it in `/proc`
    /// is most of what a record costs.
    static LAST: RefCell<Option<Found>> = const { RefCell::new(None) };
}

/// A caller, found in `/proc`.
struct Found {
    tid: i32,
    pid: i32,
    /// Tells what the thread runs now, whatever it has executed since; and nothing any more once it has ended, whoever
    /// has its number then.
    command_line: File,
}

impl Found {
    fn new(caller: &Caller) -> io::Result<Self> {
        let command_line = File::open(format!("/proc/{}/cmdline", caller.tid))?;
        Ok(Self { tid: caller.tid, pid: caller.process_id().unwrap_or(caller.tid), command_line })
    }

    fn arguments(&self) -> io::Result<Vec<u8>> {
        let mut text = vec![0; AT_ONCE];
        let length = self.command_line.read_at(&mut text, 0)?;
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
}

impl Caller {
    /// What a record says of the program.
    pub fn program(&self) -> Program {
        let (pid, argv) = self.process_and_arguments().unwrap_or_else(|_| {
            // Nothing is kept of who can't be asked.
            LAST.set(None);
            (self.process_id().unwrap_or(self.tid), Vec::new())
        });
        let argv = argv.strip_suffix(b"\0").unwrap_or(&argv);
        Program {
            pid,
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

    fn process_and_arguments(&self) -> io::Result<(i32, Vec<u8>)> {
        LAST.with_borrow_mut(|last| {
            if let Some(found) = last.as_ref().filter(|found| found.tid == self.tid)
                && let Ok(arguments) = found.arguments()
            {
                return Ok((found.pid, arguments));
            }
            let found = last.insert(Found::new(self)?);
            Ok((found.pid, found.arguments()?))
        })
    }

    fn link(&self, what: &str) -> PathBuf {
        fs::read_link(format!("/proc/{}/{what}", self.tid)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
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

    #[test]
    fn a_program_that_takes_the_place_of_another_is_told_and_one_that_has_ended_is_not() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo; read word; exec sh -c 'echo; read word' second", "first"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let caller = Caller::new(child.id() as i32);
        for last in ["first", "second"] {
            child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
            for _ in 0..2 {
                let program = caller.program();
                assert_eq!(program.argv.last().unwrap(), last.as_bytes());
                assert_eq!(program.pid, child.id() as i32);
            }
            child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        }
        child.wait().unwrap();
        LAST.with_borrow(|last| assert!(last.as_ref().unwrap().arguments().is_err()));
        assert_eq!(caller.program().argv, Vec::<Vec<u8>>::new());
        LAST.with_borrow(|last| assert!(last.is_none()));
    }
}
