//! Packs: many objects in one file, and the index that finds them (`gitformat-pack(5)`, index version 2).
//!
//! Both are read piece by piece where they are needed; nothing is mapped, as a mapped file that another process
//! cuts off kills the reader.

use super::super::files;
use super::super::format::{Format, Oid};
use super::super::index::offset;
use super::{Kind, MAX_OBJECT, Object, delta, inflate};
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

/// `\377tOc`, version 2.
const MAGIC: &[u8] = b"\xfftOc\0\0\0\x02";
const FANOUT: u64 = 8;
const NAMES: u64 = FANOUT + 256 * 4;
/// The offset is one of the large ones.
const LARGE: u32 = 1 << 31;
/// Git's own limit (`pack.depth`).
const MAX_DEPTH: usize = 4095;
/// What the head of an entry takes at most.
const HEAD: usize = 64;

/// The object of this name in the pack of that name (without an ending), whatever the index says that it is: its
/// caller compares.
pub(super) fn read(store: BorrowedFd<'_>, name: &[u8], format: Format, oid: &Oid) -> Option<Object> {
    let file = |ending: &[u8]| Some(files::open_file(store, &[b"pack/", name, ending].concat())?.0);
    let index = Index::open(file(b".idx")?, format)?;
    let at = index.find(oid)?;
    let pack = Pack { index, file: file(b".pack")? };
    let (kind, bytes) = pack.read(at)?;
    Some(Object { kind, bytes, files: vec![pack.file, pack.index.file] })
}

struct Pack {
    index: Index,
    file: File,
}

/// Where each object of a pack is.
struct Index {
    format: Format,
    file: File,
    /// Objects in it.
    count: u64,
}

/// What a pack has at a place.
enum Entry {
    Whole(Kind),
    /// To be made from what is at this place.
    Delta(u64),
}

impl Pack {
    /// What is at a place, made from what it builds upon.
    fn read(&self, mut at: u64) -> Option<(Kind, Vec<u8>)> {
        let (mut deltas, mut total) = (Vec::new(), 0);
        let (kind, mut bytes) = loop {
            let (entry, size, data) = self.entry(at)?;
            if size > MAX_OBJECT - total {
                return None;
            }
            let bytes = inflate::at(&self.file, data, size).filter(|bytes| bytes.len() == size)?;
            match entry {
                Entry::Whole(kind) => break (kind, bytes),
                Entry::Delta(base) => {
                    total += size;
                    deltas.push(bytes);
                    at = base;
                }
            }
            // A circle has no end.
            if deltas.len() > MAX_DEPTH {
                return None;
            }
        };
        while let Some(delta) = deltas.pop() {
            bytes = delta::apply(&bytes, &delta)?;
        }
        Some((kind, bytes))
    }

    /// What is at a place: the size of its data, decompressed, and where that begins.
    fn entry(&self, at: u64) -> Option<(Entry, usize, u64)> {
        let mut head = [0; HEAD];
        let got = self.file.read_at(&mut head, at).ok()?;
        let head = &head[..got];
        let mut byte = *head.first()?;
        let kind = byte >> 4 & 7;
        let (mut size, mut shift, mut end) = (usize::from(byte & 0x0f), 4, 1);
        while byte & 0x80 != 0 {
            byte = *head.get(end)?;
            end += 1;
            if shift > 53 {
                return None;
            }
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
        }
        let entry = match kind {
            1 => Entry::Whole(Kind::Commit),
            2 => Entry::Whole(Kind::Tree),
            3 => Entry::Whole(Kind::Blob),
            4 => Entry::Whole(Kind::Tag),
            6 => {
                let (back, after) = offset(head, end)?;
                end = after;
                Entry::Delta(at.checked_sub(back as u64).filter(|base| *base < at)?)
            }
            7 => {
                let base = self.index.format.oid(head.get(end..)?)?;
                end += self.index.format.length();
                Entry::Delta(self.index.find(&base)?)
            }
            _ => return None,
        };
        Some((entry, size, at.checked_add(end as u64)?))
    }
}

impl Index {
    fn open(file: File, format: Format) -> Option<Self> {
        let mut magic = [0; 8];
        file.read_exact_at(&mut magic, 0).ok()?;
        let count = u64::from(word(&file, FANOUT + 255 * 4)?);
        let length = format.length() as u64;
        let whole = NAMES + count * (length + 8) + 2 * length <= files::size_of(&file)?;
        (magic == MAGIC && whole).then_some(Self { format, file, count })
    }

    /// Where the index says that an object is.
    fn find(&self, oid: &Oid) -> Option<u64> {
        let first = u64::from(*oid.bytes().first()?);
        let fanout = |at: u64| word(&self.file, FANOUT + at * 4).map(u64::from);
        let mut low = if first == 0 { 0 } else { fanout(first - 1)? };
        let mut high = fanout(first)?.min(self.count);
        let length = self.format.length() as u64;
        let mut name = [0; 32];
        let name = &mut name[..self.format.length()];
        while low < high {
            let middle = low + (high - low) / 2;
            self.file.read_exact_at(name, NAMES + middle * length).ok()?;
            match (*name).cmp(oid.bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    let offsets = NAMES + self.count * (length + 4);
                    let offset = word(&self.file, offsets + middle * 4)?;
                    if offset & LARGE == 0 {
                        return Some(u64::from(offset));
                    }
                    let at = offsets + self.count * 4 + u64::from(offset & !LARGE) * 8;
                    return Some(
                        u64::from(word(&self.file, at)?) << 32 | u64::from(word(&self.file, at + 4)?),
                    );
                }
            }
        }
        None
    }
}

fn word(file: &File, at: u64) -> Option<u32> {
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(u32::from_be_bytes(bytes))
}
