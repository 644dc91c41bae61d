//! What is said between a guard and its clerk: one packet a question, one an answer, each with the question's
//! number first.

use super::super::holds::Sought;
use super::super::tracker::Kind;
use std::os::fd::OwnedFd;

/// Longer than any message: a name or a symlink's target, and a head.
pub(super) const MAX: usize = 4096 + 64;
const HEAD: usize = 8;

/// Said for a process that died over a question: there is no answer.
pub(super) const DIED: u64 = 0;

/// A question; its descriptors go beside it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question<'a> {
    /// Whether this name is tracked, in the directory that goes along.
    Tracked(&'a [u8]),
    /// Whether the file that goes along, after the repository's common directory, is held.
    File,
    /// Whether a symlink of this target is held by the repository whose common directory goes along.
    Link(&'a [u8]),
}

impl Question<'_> {
    pub(super) fn encode(&self, number: u64) -> Vec<u8> {
        let (kind, rest): (u8, &[u8]) = match self {
            Self::Tracked(name) => (0, name),
            Self::File => (1, b""),
            Self::Link(target) => (2, target),
        };
        [&number.to_ne_bytes(), [kind].as_slice(), rest].concat()
    }
}

/// A question as the clerk has it.
#[derive(Debug)]
pub(super) enum Asked {
    Tracked { dir: OwnedFd, name: Vec<u8> },
    Holds { common: OwnedFd, sought: Sought },
}

impl Asked {
    /// Its number, and what is asked.
    pub(super) fn decode(bytes: &[u8], fds: Vec<OwnedFd>) -> Option<(u64, Self)> {
        let (number, rest) = split(bytes)?;
        let (kind, rest) = rest.split_first()?;
        let mut fds = fds.into_iter();
        let mut fd = || fds.next();
        let asked = match kind {
            0 => Self::Tracked { dir: fd()?, name: rest.to_vec() },
            1 => Self::Holds { common: fd()?, sought: Sought::File(fd()?) },
            2 => Self::Holds { common: fd()?, sought: Sought::Link(rest.to_vec()) },
            _ => return None,
        };
        Some((number, asked))
    }
}

/// An answer. With [`File`](Self::File) and [`Directory`](Self::Directory) goes the repository's common directory, with
/// [`Held`](Self::Held) go the files that hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    No,
    File,
    Directory,
    Held,
}

impl Answer {
    pub(super) fn encode(self, number: u64) -> Vec<u8> {
        [&number.to_ne_bytes(), [self as u8].as_slice()].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<(u64, Self)> {
        let (number, rest) = split(bytes)?;
        let answers = [Self::No, Self::File, Self::Directory, Self::Held];
        let answer = answers.into_iter().find(|answer| rest == [*answer as u8])?;
        Some((number, answer))
    }
}

impl From<Kind> for Answer {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::File => Self::File,
            Kind::Directory => Self::Directory,
        }
    }
}

fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_at_checked(HEAD)?;
    Some((u64::from_ne_bytes(number.try_into().ok()?), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_none() {
        for bytes in [b"".as_slice(), b"1234567", b"12345678", b"12345678\x04", b"12345678\x00x"] {
            assert_eq!(Answer::decode(bytes), None);
        }
        assert_eq!(Answer::decode(&Answer::Held.encode(7)), Some((7, Answer::Held)));
        for question in [Question::Tracked(b"x"), Question::File, Question::Link(b"x")] {
            assert!(Asked::decode(&question.encode(1), Vec::new()).is_none(), "a descriptor is missing");
        }
    }
}
