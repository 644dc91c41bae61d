//! The maps, by name and type.

use super::error::Error;
use super::layout::*;
use aya::Pod;
use aya::maps::{Array, HashMap, Map, MapData, MapError};
use std::path::Path;

/// A structure of the layout, as a key or value.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct Plain<T: Copy>(pub(super) T);

macro_rules! plain {
    ($($of:ty),*) => { $(
        // SAFETY:
        // - a structure of the generated layout: numbers and arrays of numbers, for which any bytes are valid.
        // - it has no holes, as layout.h promises; what is written through it is made from zeroed memory or literals.
        unsafe impl Pod for Plain<$of> {}
    )* };
}
plain!(es_place_key, es_name_key, es_exempt_key, es_table_key, es_own_key, es_directory_key);
plain!(es_entry, es_table, es_session, es_member, es_joining, es_ward, es_own, es_directory);

pub(super) type Hash<K, V> = HashMap<MapData, K, V>;

/// All that the helper reads or writes.
pub(super) struct Maps {
    pub(super) places: Hash<Plain<es_place_key>, Plain<es_entry>>,
    pub(super) names: Hash<Plain<es_name_key>, Plain<es_entry>>,
    pub(super) exempt: Hash<Plain<es_exempt_key>, u64>,
    pub(super) tables: Hash<Plain<es_table_key>, Plain<es_table>>,
    pub(super) versions: Hash<u32, u32>,
    pub(super) sessions: Hash<u32, Plain<es_session>>,
    pub(super) members: Hash<u64, Plain<es_member>>,
    pub(super) joining: Hash<u32, Plain<es_joining>>,
    pub(super) wards: Hash<u32, Plain<es_ward>>,
    pub(super) own: Hash<Plain<es_own_key>, Plain<es_own>>,
    pub(super) own_directories: Hash<Plain<es_directory_key>, Plain<es_directory>>,
    pub(super) saved_over: Hash<Plain<es_directory_key>, u32>,
    pub(super) homes: Hash<u32, u32>,
    pub(super) guarded: Hash<u64, u32>,
    pub(super) turns: Array<MapData, u64>,
}

/// Every map that is pinned: these, and those that only the programs use.
pub(super) const NAMES: [&str; 20] = [
    "places",
    "names",
    "exempt",
    "tables",
    "versions",
    "sessions",
    "members",
    "joining",
    "wards",
    "own",
    "own_directories",
    "saved_over",
    "homes",
    "guarded",
    "crowd",
    "turns",
    "secret",
    "blank",
    "desks",
    "records",
];

impl std::fmt::Debug for Maps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maps").finish_non_exhaustive()
    }
}

impl Maps {
    /// Opens the pinned maps below `folder`.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        Ok(Self {
            places: hash(folder, "places")?,
            names: hash(folder, "names")?,
            exempt: hash(folder, "exempt")?,
            tables: hash(folder, "tables")?,
            versions: hash(folder, "versions")?,
            sessions: hash(folder, "sessions")?,
            members: hash(folder, "members")?,
            joining: hash(folder, "joining")?,
            wards: hash(folder, "wards")?,
            own: hash(folder, "own")?,
            own_directories: hash(folder, "own_directories")?,
            saved_over: hash(folder, "saved_over")?,
            homes: hash(folder, "homes")?,
            guarded: hash(folder, "guarded")?,
            turns: Array::try_from(Map::Array(pinned(folder, "turns")?)).map_err(Error::map("turns"))?,
        })
    }

    /// Says to the programs that tables have changed: what they found out by them before holds no more.
    pub(super) fn turn_tables(&mut self) -> Result<(), Error> {
        let failed = Error::map("turns");
        let before = self.turns.get(&ES_TABLES, 0).map_err(&failed)?;
        self.turns.set(ES_TABLES, before + 1, 0).map_err(&failed)
    }
}

/// A pinned map, untyped.
pub(super) fn pinned(folder: &Path, name: &'static str) -> Result<MapData, Error> {
    MapData::from_pin(folder.join(name)).map_err(Error::map(name))
}

fn hash<K: Pod, V: Pod>(folder: &Path, name: &'static str) -> Result<Hash<K, V>, Error> {
    HashMap::try_from(Map::HashMap(pinned(folder, name)?)).map_err(Error::map(name))
}

/// The value of a key, where there is one.
pub(super) fn find<K: Pod, V: Pod>(
    map: &Hash<K, V>,
    name: &'static str,
    key: &K,
) -> Result<Option<V>, Error> {
    match map.get(key, 0) {
        Ok(value) => Ok(Some(value)),
        Err(MapError::KeyNotFound) => Ok(None),
        Err(error) => Err(Error::map(name)(error)),
    }
}

/// Takes a key out, if it is there.
pub(super) fn take<K: Pod, V: Pod>(map: &mut Hash<K, V>, name: &'static str, key: &K) -> Result<(), Error> {
    match map.remove(key) {
        Ok(()) | Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        Err(error) => Err(Error::map(name)(error)),
    }
}

/// Takes out every key that `goes` says so of.
pub(super) fn sweep<K: Pod, V: Pod>(
    map: &mut Hash<K, V>,
    name: &'static str,
    goes: impl Fn(&K, &V) -> bool,
) -> Result<(), Error> {
    // Collected first: a map that is walked while keys go begins anew.
    let keys: Vec<K> =
        map.iter().flatten().filter(|(key, value)| goes(key, value)).map(|(key, _)| key).collect();
    keys.iter().try_for_each(|key| take(map, name, key))
}
