//! The session's append-only JSONL file, and the shared file of all denials.
//!
//! One object a line, written by one call each. It knows no session state and no engine; it writes to any
//! [`Write`] and reads from any [`BufRead`].

use crate::deeds::{Account, OwnRecord};
use crate::denial::{Denial, DenialRecord};
use crate::jsonl::each_line;
use crate::session::{SessionId, SessionInfo};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

mod asked;
mod denials_file;
mod overrides;
pub use asked::{AnswerRecord, RequestRecord};
pub use denials_file::DenialsFile;
pub use overrides::OverrideRecord;

/// The version of the format, in every line.
pub const VERSION: u32 = 1;

/// One thing that is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Record {
    /// The session was armed.
    SessionStart(Start),
    /// An operation was denied.
    Denial(DenialRecord),
    /// An operation was let through, and what it took was put into the session's stash.
    Stash(StashRecord),
    /// An override came or went.
    Override(OverrideRecord),
    /// Somebody has asked for a path to be let through.
    Request(RequestRecord),
    /// A request was answered.
    Answer(AnswerRecord),
    /// The policy was replaced, or a change to it was refused.
    Policy(PolicyRecord),
    /// What the session did with names of its own in a moment.
    Own(OwnRecord),
    /// The tree is empty.
    SessionEnd(End),
}

/// How a session began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// es-guard's version.
    pub version: String,
    /// The engine.
    pub engine: String,
    /// The agent's command line.
    pub argv: Vec<String>,
    /// Where it was started.
    pub cwd: String,
    /// The agent's process id.
    pub pid: i32,
    /// The zones, without es-guard's own.
    pub zones: Vec<String>,
}

/// What would have been denied, in a zone with a stash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StashRecord {
    /// The entries of the session's stash that were made.
    pub entries: Vec<u64>,
    /// The operation, as a denial has it.
    #[serde(flatten)]
    pub what: DenialRecord,
}

/// A change of policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// `replaced`, `refused` (a broken file: the last good policy stays), `narrowed` (by a session inside this
    /// one) or `restored`.
    pub change: String,
    /// What was wrong, or what is different.
    pub detail: String,
}

/// How a session ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The agent's exit status, 128 + n for a signal.
    pub status: Option<i32>,
    /// What happened, in numbers.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What happened in a session, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Operations denied.
    pub denied: u64,
    /// Operations let through whose losses are in the stash.
    #[serde(default)]
    pub stashed: u64,
    /// Removals and moves of the session's own that were let through.
    pub own_removed: u64,
    /// Records that could not be written.
    pub lost: u64,
}

/// What every line carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The record; its `type` is the first key.
    #[serde(flatten)]
    pub record: Record,
    /// Format version.
    pub v: u32,
    /// Unix seconds.
    pub ts: i64,
    /// RFC 3339, milliseconds, UTC.
    pub time: String,
    /// The session.
    pub session: SessionId,
    /// Number of the line in its session, from 0.
    pub seq: u64,
}

/// Appends a session's records.
#[derive(Debug)]
pub struct Ledger<W> {
    out: W,
    session: SessionId,
    seq: u64,
    lost: u64,
    torn: bool,
}

impl<W: Write> Ledger<W> {
    /// A ledger that appends to `out`.
    pub fn new(out: W, session: SessionId) -> Self {
        Self { out, session, seq: 0, lost: 0, torn: false }
    }

    /// Appends one record in one write. What can't be written is counted; a line that was cut short is ended
    /// before the next one, so that it spoils nothing but itself.
    pub fn append(&mut self, record: Record, now: Timestamp) {
        let line = Line {
            record,
            v: VERSION,
            ts: now.as_second(),
            time: format!("{now:.3}"),
            session: self.session.clone(),
            seq: self.seq,
        };
        self.seq += 1;
        let mut bytes = if self.torn { b"\n".to_vec() } else { Vec::new() };
        if serde_json::to_writer(&mut bytes, &line).is_err() {
            self.lost += 1;
            return;
        }
        bytes.push(b'\n');
        match self.out.write(&bytes) {
            Ok(written) if written == bytes.len() => self.torn = false,
            Ok(_) => {
                self.torn = true;
                self.lost += 1;
            }
            Err(_) => self.lost += 1,
        }
    }

    /// How many records could not be written.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

/// A ledger read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The lines that are records.
    pub lines: Vec<Line>,
    /// What was skipped, each with its line number.
    pub notes: Vec<String>,
}

/// Reads a ledger. A torn last line is skipped with a note; so is whatever else is not a record.
pub fn read(from: impl BufRead) -> io::Result<Contents> {
    let mut contents = Contents::default();
    each_line(from, |number, text, complete| match serde_json::from_slice::<Line>(text) {
        Ok(line) => contents.lines.push(line),
        Err(_) if !complete => contents.notes.push(format!("line {number} is torn and was skipped")),
        Err(error) => contents.notes.push(format!("line {number} is no record and was skipped: {error}")),
    })?;
    Ok(contents)
}

impl Contents {
    /// The denials with their times.
    pub fn denials(&self) -> impl Iterator<Item = (&Line, Denial)> {
        self.lines.iter().filter_map(|line| match &line.record {
            Record::Denial(record) => Some((line, Denial::from(record.clone()))),
            _ => None,
        })
    }

    /// What the session did with names of its own.
    pub fn own(&self) -> Account {
        let mut account = Account::default();
        for line in &self.lines {
            if let Record::Own(record) = &line.record {
                account.add(record);
            }
        }
        account
    }

    /// How the session began.
    pub fn start(&self) -> Option<(&Line, &Start)> {
        self.lines.iter().find_map(|line| match &line.record {
            Record::SessionStart(start) => Some((line, start)),
            _ => None,
        })
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<(&Line, &End)> {
        self.lines.iter().rev().find_map(|line| match &line.record {
            Record::SessionEnd(end) => Some((line, end)),
            _ => None,
        })
    }
}

/// What a session's first record says.
pub fn start_of(info: &SessionInfo, engine: &str, pid: i32, zones: impl Iterator<Item = String>) -> Record {
    Record::SessionStart(Start {
        version: info.version.clone(),
        engine: engine.to_owned(),
        argv: info.argv.clone(),
        cwd: info.cwd.to_string_lossy().into_owned(),
        pid,
        zones: zones.collect(),
    })
}

/// A file that can be read, written and cut.
pub trait Cut: Read + Write + Seek {
    /// Sets the length.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Cut for std::fs::File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Cuts a file of lines to its newest half when it is longer than `limit` bytes.
pub fn cut_to_newest_half(file: &mut impl Cut, limit: u64) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    if length <= limit {
        return Ok(());
    }
    file.seek(SeekFrom::Start(length - limit / 2))?;
    let mut newest = Vec::new();
    file.read_to_end(&mut newest)?;
    let whole = newest.iter().position(|&b| b == b'\n').map_or(newest.len(), |at| at + 1);
    file.cut(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&newest[whole..])
}

#[cfg(test)]
mod tests;
