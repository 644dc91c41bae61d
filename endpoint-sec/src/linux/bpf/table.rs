//! What the programs look up, written for one session and version.

use super::error::Error;
use super::floor::Floor;
use super::layout::*;
use super::maps::{self, Plain};

/// A directory or file, as the kernel tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Its file system: `s_dev`, major << 20 | minor, as in `/proc/PID/mountinfo`.
    pub dev: u32,
    /// `i_ino`, as `/proc/PID/fdinfo/N` says it.
    pub ino: u64,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The directory. Its entry in [`Table::places`] must say `ES_HAS_NAMES`.
    pub parent: Node,
    /// 1 to 255 bytes.
    pub name: Vec<u8>,
}

/// All that a version of a session's table has.
#[derive(Clone, Debug)]
pub struct Table {
    /// What it has once; `roots` is filled in where it is written.
    pub facts: es_table,
    /// Entries of directories, and of files that have several names.
    pub places: Vec<(Node, es_entry)>,
    /// Entries of names.
    pub names: Vec<(Name, es_entry)>,
    /// Names that are exempt wherever they are, of 1 to 63 bytes, each with the zones from which.
    pub exempt: Vec<(Vec<u8>, u64)>,
}

impl Floor {
    /// Writes a version of a session's table. It does not count before [`Floor::swap`]. Where it can't be written
    /// whole, nothing of it stays.
    pub fn write(&mut self, session: u32, version: u32, table: &Table) -> Result<(), Error> {
        let written = self.write_all(session, version, table);
        if written.is_err() {
            self.forget(session, version)?;
        }
        written
    }

    /// Makes a version count that was written, from one operation to the next.
    pub fn swap(&mut self, session: u32, version: u32) -> Result<(), Error> {
        self.maps.versions.insert(session, version, 0).map_err(Error::map("versions"))?;
        self.maps.turn_tables()
    }

    /// Takes a version away that does not count any more.
    pub fn forget(&mut self, session: u32, version: u32) -> Result<(), Error> {
        self.forget_tables(|of, number| (of, number) == (session, version))
    }

    pub(super) fn forget_tables(&mut self, goes: impl Fn(u32, u32) -> bool) -> Result<(), Error> {
        let maps = &mut self.maps;
        // First what all others are found by.
        maps::sweep(&mut maps.tables, "tables", |key, _| goes(key.0.session, key.0.version))?;
        maps::sweep(&mut maps.places, "places", |key, _| goes(key.0.session, key.0.version))?;
        maps::sweep(&mut maps.names, "names", |key, _| goes(key.0.parent.session, key.0.parent.version))?;
        maps::sweep(&mut maps.exempt, "exempt", |key, _| goes(key.0.session, key.0.version))
    }

    fn write_all(&mut self, session: u32, version: u32, table: &Table) -> Result<(), Error> {
        let maps = &mut self.maps;
        for (node, entry) in &table.places {
            let key = place_key(session, version, *node);
            maps.places.insert(Plain(key), Plain(*entry), 0).map_err(Error::map("places"))?;
        }
        for (name, entry) in &table.names {
            let key =
                es_name_key { parent: place_key(session, version, name.parent), name: padded(&name.name)? };
            maps.names.insert(Plain(key), Plain(*entry), 0).map_err(Error::map("names"))?;
        }
        for (name, zones) in &table.exempt {
            let key = es_exempt_key { session, version, name: padded(name)? };
            maps.exempt.insert(Plain(key), zones, 0).map_err(Error::map("exempt"))?;
        }
        let key = es_table_key { session, version };
        let facts = es_table { roots: roots(&table.places), ..table.facts };
        maps.tables.insert(Plain(key), Plain(facts), 0).map_err(Error::map("tables"))
    }
}

/// Bits by which most inode numbers are told from those of zones' roots.
fn roots(places: &[(Node, es_entry)]) -> [u64; ES_ROOTS as usize] {
    let mut roots = [0; ES_ROOTS as usize];
    for (node, _) in places.iter().filter(|(_, entry)| entry.zones != 0) {
        roots[(node.ino / 64 % u64::from(ES_ROOTS)) as usize] |= 1 << (node.ino % 64);
    }
    roots
}

fn place_key(session: u32, version: u32, node: Node) -> es_place_key {
    es_place_key { session, version, dev: node.dev, zero: 0, ino: node.ino }
}

/// A name with NULs behind it, one at least.
fn padded<const SIZE: usize>(name: &[u8]) -> Result<[u8; SIZE], Error> {
    let mut whole = [0; SIZE];
    match whole.get_mut(..name.len()) {
        Some(part) if name.len() < SIZE => part.copy_from_slice(name),
        _ => return Err(Error::TooMany { what: "bytes of a name", most: SIZE - 1, found: name.len() }),
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zones_root_is_never_told_from_itself() {
        let entry = |zones| es_entry { zones, carried: 1, ..es_entry::default() };
        let at = |ino| Node { dev: 1, ino };
        for ino in [0, 63, 64, 511, 512, 1 << 40 | 777, u64::MAX] {
            let roots = roots(&[(at(ino), entry(1)), (at(5), entry(0))]);
            assert_eq!(roots[(ino / 64 % 8) as usize] >> (ino % 64) & 1, 1);
            assert_eq!(
                roots.iter().map(|word| word.count_ones()).sum::<u32>(),
                1,
                "what only holds zones is none"
            );
        }
    }

    #[test]
    fn a_name_has_room_for_its_end() {
        assert_eq!(padded::<4>(b"abc").unwrap(), *b"abc\0");
        let error = padded::<4>(b"abcd").unwrap_err().to_string();
        assert_eq!(error, "write the table: bytes of a name: at most 3, found 4");
    }
}
