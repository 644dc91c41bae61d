//! `denials.jsonl`: the denials of all sessions, for simple consumers.

use crate::denial::Denial;
use crate::ledger::cut_to_newest_half;
use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};

/// Above this it is cut to its newest half.
const LIMIT: u64 = 1 << 20;

/// The shared file. Several sessions append to it: each append, with the cut that may follow, is under the
/// file's lock.
#[derive(Debug)]
pub struct DenialsFile(File);

/// Exactly these keys, in this order.
#[derive(Serialize)]
struct Entry<'a> {
    ts: i64,
    op: &'a str,
    path: &'a str,
    dest: Option<&'a str>,
    zone: &'a str,
}

impl DenialsFile {
    /// Appends to this file, opened for reading and appending.
    pub fn new(file: File) -> Self {
        Self(file)
    }

    /// Appends one denial.
    pub fn append(&mut self, denial: &Denial, ts: i64) -> io::Result<()> {
        let dest = denial.dest.as_deref().map(|dest| dest.to_string_lossy());
        let entry = Entry {
            ts,
            op: denial.op.word(),
            path: &denial.path.to_string_lossy(),
            dest: dest.as_deref(),
            zone: &denial.zone.to_string_lossy(),
        };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        let mut locked = Flock::lock(self.0.try_clone()?, FlockArg::LockExclusive).map_err(|(_, e)| e)?;
        locked.write_all(&line)?;
        cut_to_newest_half(&mut *locked, LIMIT)
    }
}
