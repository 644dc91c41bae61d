//! A question to a session, on its way from the worker that was asked through the monitor to the session's
//! worker: a head of fixed form, and words that the monitor passes on unread.

use crate::desk::authority::Relation;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A worker asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask<'a> {
    /// The session's name.
    pub session: &'a [u8],
    /// The question.
    pub words: &'a [u8],
}

/// The session's worker is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The question's number, for the answer.
    pub number: u64,
    /// How whoever asks stands to the session.
    pub relation: Relation,
    /// Its user.
    pub uid: u32,
    /// Its process id.
    pub pid: i32,
    /// What it runs.
    pub exe: &'a Path,
    /// The question.
    pub words: &'a [u8],
}

/// The session's worker answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The question's number.
    pub number: u64,
    /// The answer.
    pub words: &'a [u8],
}

/// The longest name or path in a head: one of more bytes is left out, which names nothing.
const LONGEST: usize = u16::MAX as usize;

fn put(bytes: &mut Vec<u8>, text: &[u8]) {
    let text = if text.len() > LONGEST { &[] } else { text };
    bytes.extend((text.len() as u16).to_be_bytes());
    bytes.extend(text);
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u16::from_be_bytes(number(bytes)?);
    let (text, rest) = bytes.split_at_checked(usize::from(length))?;
    *bytes = rest;
    Some(text)
}

fn number<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*number)
}

impl<'a> Ask<'a> {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, self.session);
        bytes.extend(self.words);
        bytes
    }

    /// Back from bytes.
    pub fn decode(mut bytes: &'a [u8]) -> Option<Self> {
        let session = take(&mut bytes)?;
        Some(Self { session, words: bytes })
    }
}

impl<'a> Asked<'a> {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.number.to_be_bytes().to_vec();
        bytes.push(self.relation.byte());
        bytes.extend(self.uid.to_be_bytes());
        bytes.extend(self.pid.to_be_bytes());
        put(&mut bytes, self.exe.as_os_str().as_bytes());
        bytes.extend(self.words);
        bytes
    }

    /// Back from bytes.
    pub fn decode(mut bytes: &'a [u8]) -> Option<Self> {
        let rest = &mut bytes;
        Some(Self {
            number: u64::from_be_bytes(number(rest)?),
            relation: Relation::from_byte(number::<1>(rest)?[0])?,
            uid: u32::from_be_bytes(number(rest)?),
            pid: i32::from_be_bytes(number(rest)?),
            exe: Path::new(OsStr::from_bytes(take(rest)?)),
            words: rest,
        })
    }
}

impl<'a> Answer<'a> {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.number.to_be_bytes().to_vec();
        bytes.extend(self.words);
        bytes
    }

    /// Back from bytes.
    pub fn decode(mut bytes: &'a [u8]) -> Option<Self> {
        let number = u64::from_be_bytes(number(&mut bytes)?);
        Some(Self { number, words: bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_comes_back_and_what_is_cut_short_is_nothing() {
        let ask = Ask { session: b"20260102-030405-abcd", words: b"{}" };
        assert_eq!(Ask::decode(&ask.encode()), Some(ask));
        let exe = Path::new(OsStr::from_bytes(b"/bin/\xff"));
        let asked = Asked { number: 7, relation: Relation::Root, uid: 1, pid: 2, exe, words: b"{}" };
        let bytes = asked.encode();
        assert_eq!(Asked::decode(&bytes), Some(asked));
        assert!((0..bytes.len() - 2).all(|length| Asked::decode(&bytes[..length]).is_none()));
        let answer = Answer { number: 7, words: b"" };
        assert_eq!(Answer::decode(&answer.encode()), Some(answer));
        assert_eq!((Ask::decode(&[0, 9, 1]), Answer::decode(&[0; 7])), (None, None));
    }

    #[test]
    fn a_name_that_is_too_long_names_nothing() {
        let name = vec![b'x'; LONGEST + 1];
        let bytes = Ask { session: &name, words: b"y" }.encode();
        assert_eq!(Ask::decode(&bytes), Some(Ask { session: b"", words: b"y" }));
    }
}
