//! The last denials of a session, for whoever asks what was denied since. Pure: it reads no clock.
//!
//! Each has a number. What is not remembered any more is counted: whoever asks learns exactly how many there were.

use crate::denial::{Denial, DenialRecord};
use crate::protocol::{MAX_READER, MAX_READERS, MAX_REMEMBERED, NumberedDenial, RefusalCode};
use std::collections::{HashMap, VecDeque};

/// The last denials.
#[derive(Debug, Default)]
pub(super) struct Recent {
    kept: VecDeque<NumberedDenial>,
    /// The number of the last one; 0: there was none.
    last: u64,
    /// Up to where each reader was told.
    readers: HashMap<String, u64>,
}

/// What was denied since.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Since {
    pub(super) denials: Vec<NumberedDenial>,
    pub(super) last: u64,
    pub(super) dropped: u64,
}

impl Recent {
    /// Remembers one, at this time in Unix milliseconds.
    pub(super) fn add(&mut self, denial: &Denial, at: i64) {
        self.last += 1;
        if self.kept.len() == MAX_REMEMBERED {
            self.kept.pop_front();
        }
        // Arguments may be long, and are in the ledger.
        let told = Denial { argv: Vec::new(), ..denial.clone() };
        self.kept.push_back(NumberedDenial { number: self.last, at, denial: DenialRecord::from(&told) });
    }

    /// What was denied after that number; or after what this reader was told of, which is then told of this.
    pub(super) fn since(&mut self, since: Option<u64>, reader: Option<&str>) -> Result<Since, RefusalCode> {
        let known = reader.and_then(|reader| self.readers.get(reader)).copied();
        let since = since.or(known).unwrap_or(0).min(self.last);
        if let Some(reader) = reader {
            if reader.len() > MAX_READER || (known.is_none() && self.readers.len() >= MAX_READERS) {
                return Err(RefusalCode::TooMany);
            }
            self.readers.insert(reader.to_owned(), self.last);
        }
        let denials: Vec<_> = self.kept.iter().filter(|denial| denial.number > since).cloned().collect();
        let dropped = self.last - since - denials.len() as u64;
        Ok(Since { denials, last: self.last, dropped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::judge::Reason;
    use crate::policy::operation::Op;

    fn recent(count: usize) -> Recent {
        let mut recent = Recent::default();
        let denial = Denial {
            op: Op::Unlink,
            path: "/p/a".into(),
            dest: None,
            zone: "/p".into(),
            reason: Reason::Removed,
            pid: 1,
            exe: "/bin/rm".into(),
            argv: vec!["rm".into()],
            cwd: "/".into(),
        };
        (0..count).for_each(|n| recent.add(&denial, n as i64));
        recent
    }

    fn numbers(since: &Since) -> Vec<u64> {
        since.denials.iter().map(|denial| denial.number).collect()
    }

    #[test]
    fn what_came_since_is_told_in_order_and_what_is_forgotten_is_counted() {
        let mut few = recent(3);
        let since = few.since(Some(1), None).unwrap();
        assert_eq!((numbers(&since), since.last, since.dropped), (vec![2, 3], 3, 0));
        assert_eq!(few.since(Some(3), None).unwrap().denials, []);
        // A number from another session, or made up.
        assert_eq!(few.since(Some(99), None).unwrap(), Since { denials: vec![], last: 3, dropped: 0 });
        let many = recent(MAX_REMEMBERED + 10).since(Some(4), None).unwrap();
        assert_eq!((many.denials.len(), many.dropped), (MAX_REMEMBERED, 6));
        assert_eq!(recent(0).since(None, None).unwrap(), Since { denials: vec![], last: 0, dropped: 0 });
    }

    #[test]
    fn a_reader_is_told_of_each_once() {
        let mut recent = recent(2);
        assert_eq!(numbers(&recent.since(None, Some("hook")).unwrap()), [1, 2]);
        assert_eq!(numbers(&recent.since(None, Some("hook")).unwrap()), [0u64; 0]);
        assert_eq!(numbers(&recent.since(None, Some("mcp")).unwrap()), [1, 2]);
        assert_eq!(numbers(&recent.since(Some(1), Some("hook")).unwrap()), [2]);
        for n in 2..MAX_READERS {
            recent.since(None, Some(&n.to_string())).unwrap();
        }
        assert_eq!(recent.since(None, Some("one more")), Err(RefusalCode::TooMany));
        assert!(recent.since(None, Some("hook")).is_ok());
        assert_eq!(recent.since(None, Some(&"x".repeat(MAX_READER + 1))), Err(RefusalCode::TooMany));
    }
}
