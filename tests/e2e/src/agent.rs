//! An agent that does what it is told, one line after another: a shell that reads from the test. Between two
//! lines the person can change things.

use crate::guard::Watchdog;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    words: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    stderr: JoinHandle<String>,
    _watchdog: Watchdog,
}

impl Agent {
    /// Starts a command that ends in running `sh` without arguments.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let words = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut errors = child.stderr.take().expect("a pipe");
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            errors.read_to_end(&mut text).expect("what was said on standard error");
            String::from_utf8_lossy(&text).into_owned()
        });
        let watchdog = Watchdog::of(child.id());
        Self { child, words, answers, stderr, _watchdog: watchdog }
    }

    /// The process that was started: `wrap`, when the agent is guarded.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Does one line of shell; answers its exit status. Nothing it prints is seen.
    pub fn does(&mut self, line: &str) -> i32 {
        let status = self.says(&format!("{{ {line}\n}} >/dev/null 2>&1; echo $?"));
        status.parse().unwrap_or_else(|_| panic!("{line}: {status}"))
    }

    /// Does one line of shell that prints one line; answers that.
    pub fn says(&mut self, line: &str) -> String {
        self.is_told(line);
        match self.answers.next() {
            Some(Ok(answer)) => answer,
            _ => panic!("{line}: no answer"),
        }
    }

    /// Is told a line; nothing is waited for.
    pub fn is_told(&mut self, line: &str) {
        let words = self.words.as_mut().expect("it has not been ended");
        writeln!(words, "{line}").unwrap_or_else(|error| panic!("{line}: {error}"));
    }

    /// Ends it: the status, and everything that came on standard error.
    pub fn ends(mut self) -> (ExitStatus, String) {
        drop(self.words.take());
        let status = self.child.wait().expect("its end");
        (status, self.stderr.join().expect("its standard error"))
    }
}
