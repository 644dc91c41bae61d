//! `denials.jsonl`: the denials of all sessions, for simple consumers.

use crate::denial::Denial;
use crate::ledger::cut_to_newest_half;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

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
        let mut locked = lock(self.0.try_clone()?)?;
        locked.write_all(&line)?;
        cut_to_newest_half(&mut *locked, LIMIT)
    }
}

/// How long another session may hold the file, in looks of a millisecond. Its own append takes a fraction of one;
/// whoever holds it longer is a process of a tree that wants to hold up its guard.
const PATIENCE: u32 = 100;

fn lock(mut file: File) -> io::Result<Flock<File>> {
    for _ in 0..PATIENCE {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((given_back, Errno::EWOULDBLOCK)) => file = given_back,
            Err((_, errno)) => return Err(errno.into()),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(io::ErrorKind::WouldBlock.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_holds_the_file_does_not_hold_up_the_guard() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("denials.jsonl");
        let open = || File::options().create(true).read(true).append(true).open(&path).unwrap();
        let held = Flock::lock(open(), FlockArg::LockExclusive).unwrap();
        assert_eq!(lock(open()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        assert!(lock(open()).is_ok());
    }
}
