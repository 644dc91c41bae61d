//! The index of a stash: appended to by whoever takes or puts back, read by whoever lists.

use super::{Gone, Kept, Line, Note, VERSION};
use crate::jsonl::each_line;
use jiff::Timestamp;
use std::collections::HashMap;
use std::io::{self, BufRead, Write};

/// Appends to an index. Several may, at the same time: the file is opened for appending.
#[derive(Debug)]
pub struct Index<W> {
    out: W,
    torn: bool,
}

impl<W: Write> Index<W> {
    /// An index that is written to `out`.
    pub fn new(out: W) -> Self {
        Self { out, torn: false }
    }

    /// Appends one line in one write. A line that was cut short is ended before the next one, so that it spoils
    /// nothing but itself.
    pub fn append(&mut self, note: Note, now: Timestamp) -> io::Result<()> {
        let line = Line { note, v: VERSION, ts: now.as_second(), time: format!("{now:.3}") };
        let mut bytes = if self.torn { b"\n".to_vec() } else { Vec::new() };
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
        let written = self.out.write(&bytes)?;
        self.torn = written != bytes.len();
        if self.torn { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// An index read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Everything that was ever about to be taken, with its line's time, in the order it was taken.
    pub kept: Vec<(Timestamp, Kept)>,
    /// What of it is in the stash no more, by number.
    pub gone: HashMap<u64, Gone>,
    /// What copies are without, by number.
    pub without: HashMap<u64, Vec<String>>,
    /// What was skipped, each with its line number.
    pub notes: Vec<String>,
}

impl Contents {
    /// What should still be in the stash.
    pub fn left(&self) -> impl DoubleEndedIterator<Item = &(Timestamp, Kept)> {
        self.kept.iter().filter(|(_, kept)| !self.gone.contains_key(&kept.entry))
    }
}

/// Reads an index. A torn line is skipped with a note; so is whatever else is no line of an index.
pub fn read(from: impl BufRead) -> io::Result<Contents> {
    let mut contents = Contents::default();
    each_line(from, |number, text, _| {
        let line = serde_json::from_slice::<Line>(text).map_err(|error| error.to_string());
        let line = line.and_then(|line| match line.time.parse() {
            Ok(time) => Ok((time, line.note)),
            Err(error) => Err(format!("{error}")),
        });
        match line {
            Ok((time, Note::Kept(kept))) => contents.kept.push((time, *kept)),
            Ok((_, Note::Without(without))) => {
                contents.without.entry(without.entry).or_default().extend(without.what);
            }
            Ok((_, Note::Gone(gone))) => drop(contents.gone.insert(gone.entry, gone)),
            Err(error) => {
                contents.notes.push(format!("line {number} can't be read and was skipped: {error}"))
            }
        }
    })?;
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::judge::Reason;
    use crate::policy::operation::Op;
    use crate::stash::{How, Meta, Why, Without};

    fn kept(entry: u64) -> Note {
        Note::Kept(Box::new(Kept {
            entry,
            op: Op::Unlink,
            reason: Reason::Removed,
            path: "/z/f".into(),
            zone: "/z".into(),
            how: How::Moved,
            meta: Meta::default(),
            pid: 7,
            exe: "/usr/bin/rm".into(),
        }))
    }

    #[test]
    fn what_has_gone_is_not_left() {
        let mut bytes = Vec::new();
        let mut index = Index::new(&mut bytes);
        let gone = Note::Gone(Gone { entry: 0, why: Why::Restored });
        let without = Note::Without(Without { entry: 1, what: vec!["its owner".into()] });
        for note in [kept(0), kept(1), gone, without] {
            index.append(note, Timestamp::UNIX_EPOCH).unwrap();
        }
        let contents = read(bytes.as_slice()).unwrap();
        assert_eq!(contents.left().map(|(_, kept)| kept.entry).collect::<Vec<_>>(), [1]);
        assert_eq!(contents.without[&1], ["its owner"]);
        assert_eq!(contents.kept[1].1, {
            let Note::Kept(kept) = kept(1) else { panic!() };
            *kept
        });
    }

    /// Takes a few bytes at first.
    struct Full(Vec<u8>, usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.1);
            self.0.extend(&bytes[..taken]);
            self.1 = usize::MAX;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_torn_line_spoils_nothing_but_itself() {
        let mut index = Index::new(Full(Vec::new(), 10));
        assert_eq!(
            index.append(kept(0), Timestamp::UNIX_EPOCH).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
        index.append(kept(1), Timestamp::UNIX_EPOCH).unwrap();
        let contents = read(index.out.0.as_slice()).unwrap();
        assert_eq!((contents.kept.len(), contents.notes.len()), (1, 1));
        assert_eq!(contents.kept[0].1.entry, 1);
    }
}
