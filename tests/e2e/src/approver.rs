//! A person who answers what agents ask for, with `es-guard approve` and without a terminal; and what a session's
//! ledger tells of it.

use crate::guard::{eventually, ledgers, read};
use crate::play::Play;
use helper_daemon::ledger::{Contents, Record};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A running `es-guard approve`.
#[derive(Debug)]
pub struct Approver {
    child: Child,
    words: ChildStdin,
    lines: Receiver<String>,
}

impl Approver {
    /// Of the session's user, outside of it.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn start(play: &Play) -> Self {
        Self::of(play, &[])
    }

    /// The same, with these options.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn of(play: &Play, options: &[&str]) -> Self {
        let helper = play.helper();
        let args = [&["approve", "--helper", helper.as_str()], options].concat();
        let mut command = play.stage.guard(&play.sandbox, &args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("an approver");
        let words = child.stdin.take().expect("a pipe");
        let read = BufReader::new(child.stdout.take().expect("a pipe"));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            read.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
        Self { child, words, lines }
    }

    /// The next line that it shows.
    ///
    /// # Panics
    /// When none comes.
    pub fn shows(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(60)).expect("a line")
    }

    /// The person types a line.
    ///
    /// # Panics
    /// When nobody reads it.
    pub fn types(&mut self, line: &str) {
        writeln!(self.words, "{line}").expect("an approver that reads");
    }

    /// There is no more to type: whether every answer was taken.
    ///
    /// # Panics
    /// When it can't be waited for.
    pub fn ends(self) -> bool {
        let Self { mut child, words, .. } = self;
        drop(words);
        child.wait().expect("its end").success()
    }
}

/// What the agent's command prints as JSON, and its exit status.
///
/// # Panics
/// When it prints anything else.
pub fn agent_says(play: &mut Play, line: &str) -> (i32, Value) {
    let line = play.agents_words(&format!("{line} --json"));
    let told = play.agent.says(&format!("{line} > told; status=$?; echo $status $(cat told)"));
    let (status, told) = told.split_once(' ').expect("a status and JSON");
    (status.parse().expect("a number"), serde_json::from_str(told).expect("JSON"))
}

/// The same of a person's command.
///
/// # Panics
/// When it prints anything else.
pub fn person_says(play: &Play, args: &[&str]) -> (Option<i32>, Value) {
    let output = play.person(&[args, &["--json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}")))
}

/// What the session's ledger has.
///
/// # Panics
/// When there is none.
pub fn contents(play: &Play) -> Contents {
    read(&ledgers(&play.sandbox).pop().expect("a ledger"))
}

/// Waits until the session's ledger tells this story: a denial is noted once it has been answered.
///
/// # Panics
/// When it tells another one for too long.
pub fn tells(play: &Play, expected: &[&str]) {
    eventually(&format!("the ledger tells {expected:?}"), || story(&contents(play)) == expected);
}

/// The records of denials, requests, answers and overrides, a few words each.
pub fn story(contents: &Contents) -> Vec<String> {
    let word = |record: &Record| match record {
        Record::Denial(_) => Some("denied".to_owned()),
        Record::Request(request) => Some(format!("request {}", request.number)),
        Record::Answer(answer) => Some(format!("answer {} {}", answer.number, answer.decision)),
        Record::Override(change) => Some(format!("override {}", change.change)),
        _ => None,
    };
    contents.lines.iter().filter_map(|line| word(&line.record)).collect()
}
