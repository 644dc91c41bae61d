//! The index file of a work tree: which paths are tracked (`gitformat-index(5)`).
//!
//! Only names are kept, in the order of the file, which is that of their bytes. An index out of order hides some
//! of its own entries, and no others.

mod ewah;

use super::format::{Format, Oid};
use std::ops::Range;

/// The tracked paths of a work tree.
#[derive(Debug, Default)]
pub(super) struct Index {
    names: Vec<u8>,
    entries: Vec<Range<usize>>,
    /// Directories that stand for all that is in a tree, with a slash at their end; in order.
    sparse: Vec<(Vec<u8>, Oid)>,
    /// The other file that the most of a split index is in.
    base: Option<Base>,
}

/// What a split index says of its base.
#[derive(Debug)]
struct Base {
    oid: Oid,
    /// Positions in the base whose entries are gone, in order.
    deleted: Vec<Range<usize>>,
}

/// What an index has at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At<'a> {
    Nothing,
    Entry,
    /// A directory: entries are below it.
    Above,
    /// The path `rest` in this tree, if it is there.
    Tree {
        tree: Oid,
        rest: &'a [u8],
    },
}

/// Longer names no file system call takes.
const MAX_NAME: usize = 4096;
/// How much longer the names may be than the file that has them in short (version 4).
const MAX_GROWTH: usize = 16;
const HEADER: usize = 12;
/// Times, device, inode, mode, owner and size of an entry.
const STAT: usize = 40;
const MODE_AT: usize = 24;
const SPARSE_DIRECTORY: u32 = 0o040_000;
const EXTENDED: u16 = 0x4000;
const NAME_LENGTH: u16 = 0x0fff;

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

impl Index {
    /// Reads an index. `None` where it is none, or is cut off.
    pub(super) fn parse(bytes: &[u8], format: Format) -> Option<Self> {
        // The hash of all this comes last. It is not compared: nothing is believed for its sake.
        let bytes = bytes.get(..bytes.len().checked_sub(format.length())?)?;
        let (version, count) = (number(bytes, 4)?, number(bytes, 8)? as usize);
        if bytes.get(..4)? != b"DIRC" || !(2..=4).contains(&version) {
            return None;
        }
        let mut index = Self::default();
        let (mut at, mut name) = (HEADER, Vec::new());
        for _ in 0..count {
            at = index.entry(bytes, at, version, format, &mut name)?;
        }
        while at < bytes.len() {
            let length = number(bytes, at + 4)? as usize;
            let data = bytes.get(at + 8..(at + 8).checked_add(length)?)?;
            if bytes.get(at..at + 4)? == b"link" {
                let deleted = data.get(format.length()..).filter(|bitmaps| !bitmaps.is_empty());
                let deleted = match deleted {
                    Some(bitmaps) => ewah::ranges(bitmaps)?,
                    None => Vec::new(),
                };
                index.base = Some(Base { oid: format.oid(data)?, deleted });
            }
            at += 8 + length;
        }
        Some(index)
    }

    /// Reads one entry, and returns where the next one begins. `name` is that of the one before.
    fn entry(
        &mut self,
        bytes: &[u8],
        start: usize,
        version: u32,
        format: Format,
        name: &mut Vec<u8>,
    ) -> Option<usize> {
        let mode = number(bytes, start + MODE_AT)?;
        let oid = format.oid(bytes.get(start + STAT..)?)?;
        let mut at = start + STAT + format.length();
        let flags = short(bytes, at)?;
        at += 2;
        if version >= 3 && flags & EXTENDED != 0 {
            at += 2;
        }
        if version == 4 {
            let (cut, after) = offset(bytes, at)?;
            name.truncate(name.len().checked_sub(cut)?);
            at = after;
        } else {
            name.clear();
        }
        let rest = bytes.get(at..)?;
        let length = match usize::from(flags & NAME_LENGTH) {
            exact if version < 4 && exact < usize::from(NAME_LENGTH) => exact,
            _ => rest.iter().take(MAX_NAME + 1).position(|&byte| byte == 0)?,
        };
        name.extend(rest.get(..length)?);
        if name.len() > MAX_NAME || self.names.len() > MAX_GROWTH * bytes.len() {
            return None;
        }
        // An entry of a split index that stands for one of its base has no name: the base has it.
        if !name.is_empty() {
            if mode & 0o170_000 == SPARSE_DIRECTORY {
                self.sparse.push((name.clone(), oid));
            }
            let from = self.names.len();
            self.names.extend_from_slice(name);
            self.entries.push(from..self.names.len());
        }
        let end = at + length + 1;
        // Up to version 3 an entry is padded to eight bytes.
        Some(if version == 4 { end } else { start + (end - start).next_multiple_of(8) })
    }

    /// The name of the shared file that it builds upon.
    pub(super) fn base(&self) -> Option<Oid> {
        self.base.as_ref().map(|base| base.oid)
    }

    /// Builds upon its shared file.
    pub(super) fn upon(mut self, base: &Index) -> Self {
        let deleted = self.base.take().map(|base| base.deleted).unwrap_or_default();
        let mut deleted = deleted.into_iter().peekable();
        let mut all: Vec<&[u8]> = self.iter().collect();
        for (position, name) in base.iter().enumerate() {
            while deleted.next_if(|range| range.end <= position).is_some() {}
            if !deleted.peek().is_some_and(|range| range.contains(&position)) {
                all.push(name);
            }
        }
        all.sort_unstable();
        all.dedup();
        let mut whole = Self { sparse: [self.sparse.as_slice(), &base.sparse].concat(), ..Self::default() };
        for name in all {
            let from = whole.names.len();
            whole.names.extend_from_slice(name);
            whole.entries.push(from..whole.names.len());
        }
        whole.sparse.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        whole
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().map(|range| &self.names[range.clone()])
    }

    /// What is at a path.
    pub(super) fn look<'a>(&self, path: &'a [u8]) -> At<'a> {
        let before = |limit: &[u8]| self.entries.partition_point(|range| &self.names[range.clone()] < limit);
        let named = |at: usize| self.entries.get(at).map(|range| &self.names[range.clone()]);
        if named(before(path)) == Some(path) {
            return At::Entry;
        }
        let below = [path, b"/"].concat();
        if named(before(&below)).is_some_and(|name| name.starts_with(&below)) {
            return At::Above;
        }
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at + 1);
        for slash in slashes {
            let (directory, rest) = path.split_at(slash);
            if let Ok(at) = self.sparse.binary_search_by(|(name, _)| name.as_slice().cmp(directory)) {
                return At::Tree { tree: self.sparse[at].1, rest };
            }
        }
        At::Nothing
    }
}

/// A number of the kind that packs use for distances, too; and where it ends.
pub(super) fn offset(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut byte = *bytes.get(at)?;
    let mut value = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        at += 1;
        byte = *bytes.get(at)?;
        value = value.checked_add(1)?.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
    }
    Some((value, at + 1))
}
