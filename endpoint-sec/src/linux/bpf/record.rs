//! What the programs tell, read out of its bytes. Pure: the bytes may have come from another process.

use super::layout::*;
use std::mem::{offset_of, size_of};

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something was refused.
    Denial,
    /// The session's last thread has ended.
    TreeEnded,
}

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the layout")]
pub enum Op {
    Unlink,
    Rmdir,
    Rename,
    Exchange,
    Cover,
    Write,
    Signal,
    Meddle,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the layout")]
pub enum Reason {
    Removed,
    MovedOut,
    ZoneMoved,
    Clobbered,
    Sealed,
    Unclear,
}

/// A path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Its names, from the root down.
    pub names: Vec<Vec<u8>>,
    /// How many of the last ones lie below the root of the zone; `None` where that was not met.
    pub below: Option<usize>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The session's number.
    pub session: u32,
    /// The table's version.
    pub version: u32,
    /// Nanoseconds of `CLOCK_BOOTTIME`.
    pub time: u64,
    /// What was refused.
    pub op: Op,
    /// Why.
    pub reason: Reason,
    /// The zone's number in the table.
    pub zone: Option<u32>,
    /// The process.
    pub tgid: u32,
    /// When it began, in ticks, as [`AuditToken`](crate::linux::token::AuditToken) has it.
    pub start: u64,
    /// Its effective user.
    pub uid: u32,
    /// Of `Signal` and `Meddle`, the process that was aimed at; 0 for what is in the kernel.
    pub target: u32,
    /// The name, or the first of two. Empty of names for `Signal` and `Meddle`.
    pub path: Path,
    /// The second.
    pub dest: Option<Path>,
    /// Whether some of the text had no room.
    pub is_cut: bool,
    /// Whether the paths are inside their file system, as no mount was at hand.
    pub is_inside: bool,
    /// The names of the executable's path; empty where it is not known.
    pub exe: Vec<Vec<u8>>,
    /// The names of the working directory's path.
    pub cwd: Vec<Vec<u8>>,
    /// Arguments.
    pub argv: Vec<Vec<u8>>,
}

/// Bytes that are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read a record of the kernel's: its {0} is not as this build has it")]
pub struct Malformed(&'static str);

const TEXT: usize = offset_of!(es_record, text);

macro_rules! number {
    ($bytes:expr, $of:ty, $($field:tt)+) => {{
        let at = offset_of!(es_record, $($field)+);
        let part = $bytes.get(at..at + size_of::<$of>()).and_then(|part| part.try_into().ok());
        <$of>::from_ne_bytes(part.ok_or(Malformed("length"))?)
    }};
}

macro_rules! span {
    ($bytes:expr, $($field:tt)+) => {
        (number!($bytes, u32, $($field)+.at), number!($bytes, u32, $($field)+.length))
    };
}

impl Record {
    /// What it tells, and of which session, without reading the rest.
    pub fn head(bytes: &[u8]) -> Option<(Kind, u32)> {
        Self::read_head(bytes).ok()
    }

    fn read_head(bytes: &[u8]) -> Result<(Kind, u32), Malformed> {
        let kind = match number!(bytes, u32, kind) {
            ES_DENIAL => Kind::Denial,
            ES_TREE_ENDED => Kind::TreeEnded,
            _ => return Err(Malformed("kind")),
        };
        Ok((kind, number!(bytes, u32, session)))
    }

    /// Reads a denial.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (Kind::Denial, session) = Self::read_head(bytes)? else { return Err(Malformed("kind")) };
        let flags = number!(bytes, u32, flags);
        let zone = number!(bytes, u32, zone);
        let op = op(number!(bytes, u32, op))?;
        let two = matches!(op, Op::Rename | Op::Exchange);
        let (below, below_dest) = (number!(bytes, u32, below), number!(bytes[4..], u32, below));
        let dest = || path(bytes, span!(bytes, dest), below_dest);
        Ok(Self {
            session,
            version: number!(bytes, u32, version),
            time: number!(bytes, u64, time),
            op,
            reason: reason(number!(bytes, u32, reason))?,
            zone: (zone != ES_NO_ZONE).then_some(zone),
            tgid: number!(bytes, u32, tgid),
            start: number!(bytes, u64, start),
            uid: number!(bytes, u32, uid),
            target: number!(bytes, u32, target),
            path: path(bytes, span!(bytes, path), below)?,
            dest: if two { Some(dest()?) } else { None },
            is_cut: flags & ES_CUT != 0,
            is_inside: flags & ES_INSIDE != 0,
            exe: downwards(bytes, span!(bytes, exe))?,
            cwd: downwards(bytes, span!(bytes, cwd))?,
            argv: parts(text(bytes, span!(bytes, argv))?),
        })
    }
}

fn op(number: u32) -> Result<Op, Malformed> {
    Ok(match number {
        ES_UNLINK => Op::Unlink,
        ES_RMDIR => Op::Rmdir,
        ES_RENAME => Op::Rename,
        ES_EXCHANGE => Op::Exchange,
        ES_COVER => Op::Cover,
        ES_WRITE => Op::Write,
        ES_SIGNAL => Op::Signal,
        ES_MEDDLE => Op::Meddle,
        _ => return Err(Malformed("operation")),
    })
}

fn reason(number: u32) -> Result<Reason, Malformed> {
    Ok(match number {
        ES_REMOVED => Reason::Removed,
        ES_MOVED_OUT => Reason::MovedOut,
        ES_ZONE_MOVED => Reason::ZoneMoved,
        ES_CLOBBERED => Reason::Clobbered,
        ES_SEALED => Reason::Sealed,
        ES_UNCLEAR => Reason::Unclear,
        _ => return Err(Malformed("reason")),
    })
}

fn text(bytes: &[u8], (at, length): (u32, u32)) -> Result<&[u8], Malformed> {
    let all = bytes.get(TEXT..).ok_or(Malformed("length"))?;
    all.get(at as usize..).and_then(|rest| rest.get(..length as usize)).ok_or(Malformed("text"))
}

/// What NULs end.
fn parts(text: &[u8]) -> Vec<Vec<u8>> {
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    if text.is_empty() { Vec::new() } else { text.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect() }
}

fn downwards(bytes: &[u8], span: (u32, u32)) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut names = parts(text(bytes, span)?);
    names.reverse();
    Ok(names)
}

fn path(bytes: &[u8], span: (u32, u32), below: u32) -> Result<Path, Malformed> {
    let names = downwards(bytes, span)?;
    let below = (below != ES_NO_ZONE).then_some(below as usize).filter(|below| *below <= names.len());
    Ok(Path { names, below })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> Vec<u8> {
        let mut bytes = vec![0; TEXT];
        let mut set = |at: usize, number: u32| bytes[at..at + 4].copy_from_slice(&number.to_ne_bytes());
        set(offset_of!(es_record, kind), ES_DENIAL);
        set(offset_of!(es_record, session), 7);
        set(offset_of!(es_record, op), ES_RENAME);
        set(offset_of!(es_record, reason), ES_MOVED_OUT);
        set(offset_of!(es_record, zone), 1);
        set(offset_of!(es_record, below), 1);
        set(offset_of!(es_record, below) + 4, ES_NO_ZONE);
        set(offset_of!(es_record, path.length), 6);
        set(offset_of!(es_record, dest.at), 6);
        set(offset_of!(es_record, dest.length), 2);
        set(offset_of!(es_record, argv.at), 8);
        set(offset_of!(es_record, argv.length), 5);
        bytes.extend(b"a\0dir\0b\0mv\0-f\0".iter().take(8));
        bytes.extend(b"mv\0-f");
        bytes
    }

    #[test]
    fn paths_come_from_the_root_down() {
        let record = Record::decode(&bytes()).unwrap();
        assert_eq!(Record::head(&bytes()), Some((Kind::Denial, 7)));
        assert_eq!((record.session, record.op, record.reason), (7, Op::Rename, Reason::MovedOut));
        assert_eq!(record.path, Path { names: vec![b"dir".to_vec(), b"a".to_vec()], below: Some(1) });
        assert_eq!(record.dest, Some(Path { names: vec![b"b".to_vec()], below: None }));
        assert_eq!(record.argv, [b"mv".to_vec(), b"-f".to_vec()]);
        assert!(record.exe.is_empty() && record.zone == Some(1));
    }

    #[test]
    fn what_is_no_record_is_refused_whatever_it_says() {
        assert_eq!(Record::head(&[]), None);
        let whole = bytes();
        for length in 0..whole.len() {
            assert!(Record::decode(&whole[..length]).is_err(), "{length} bytes");
        }
        for (at, wrong) in [(offset_of!(es_record, op), 99), (offset_of!(es_record, path.at), u32::MAX)] {
            let mut bytes = bytes();
            bytes[at..at + 4].copy_from_slice(&u32::to_ne_bytes(wrong));
            assert!(Record::decode(&bytes).is_err());
        }
    }
}
