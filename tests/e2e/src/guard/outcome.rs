//! What came of a run: how it ended, what it said, what the ledger has.

use super::patience::{Watchdog, eventually};
use crate::sandbox::Sandbox;
use helper_daemon::denial::Denial;
use helper_daemon::ledger;
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

/// What came of a run.
pub struct Outcome {
    /// The status that came back.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// What the ledger has, in order.
    pub denials: Vec<Denial>,
}

/// How many denials are shown where a test fails.
const SHOWN: usize = 20;

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, stdout, stderr, denials } = self;
        let more = denials.len().saturating_sub(SHOWN);
        let mut outcome = f.debug_struct("Outcome");
        outcome.field("status", status).field("stdout", stdout).field("stderr", stderr);
        outcome.field("denials", &denials.iter().take(SHOWN).collect::<Vec<_>>());
        if more > 0 {
            outcome.field("more denials", &more);
        }
        outcome.finish()
    }
}

/// Runs a command to its end and reads the ledger.
pub fn run(sandbox: &Sandbox, mut command: Command) -> Outcome {
    let Output { status, stdout, stderr } = output(&mut command);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Outcome { status, stdout: text(stdout), stderr: text(stderr), denials: denials(sandbox) }
}

/// Runs a command until it has ended and nobody holds its output any more.
pub fn output(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("start {command:?}: {error}"));
    let _watchdog = Watchdog::of(child.id());
    child.wait_with_output().expect("its output")
}

/// The ledgers of the sandbox's sessions, oldest first.
pub fn ledgers(sandbox: &Sandbox) -> Vec<PathBuf> {
    let Ok(ledgers) = std::fs::read_dir(sandbox.state().join("sessions")) else { return Vec::new() };
    let mut paths: Vec<_> = ledgers.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    paths
}

/// The denials of the sandbox's sessions, which are waited for until they have ended.
///
/// # Panics
/// When a ledger has a line that is no record, or no end.
pub fn denials(sandbox: &Sandbox) -> Vec<Denial> {
    let mut found = Vec::new();
    for path in ledgers(sandbox) {
        let contents = ended(&path);
        assert!(contents.notes.is_empty(), "{}: {:?}", path.display(), contents.notes);
        found.extend(contents.denials().map(|(_, denial)| denial));
    }
    found
}

/// What was let through in the sandbox's sessions, and what it took is in their stashes.
pub fn kept(sandbox: &Sandbox) -> Vec<Denial> {
    let lines = ledgers(sandbox).iter().flat_map(|path| ended(path).lines).collect::<Vec<_>>();
    let kept = lines.into_iter().filter_map(|line| match line.record {
        ledger::Record::Stash(record) => Some(record.what.into()),
        _ => None,
    });
    kept.collect()
}

/// A ledger, once its session has ended.
fn ended(path: &Path) -> ledger::Contents {
    let mut contents = read(path);
    eventually(&format!("{}: the session's end", path.display()), || {
        contents = read(path);
        contents.end().is_some()
    });
    contents
}

/// A ledger as it is now.
pub fn read(path: &Path) -> ledger::Contents {
    ledger::read(BufReader::new(File::open(path).expect("a ledger"))).expect("a ledger")
}
