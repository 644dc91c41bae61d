//! The policy lowered to what an engine in the kernel can look up: places by number instead of by path.
//!
//! A kernel that refuses by itself sees no paths. It walks from a name upwards, and asks of each step: is this a zone's
//! root, does it hold one, is it let through? So every path of a policy is looked up once, here, and said by the directory
//! that is there, or, where what is there may be replaced or is not there yet, by its name in its directory. Pure: who
//! looks is given ([`Places`]). What can't be said so is an error, never a silent cut.

mod error;
mod layer;

pub use error::NotLowered;

use super::{EXEMPT_PREFIXES, Policy, Zone};
use crate::policy::operation::Op;
use layer::Layer;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A file as its kernel numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// The super block's device, as the kernel has it: the major number above 20 bits of the minor.
    pub device: u32,
    /// Inode number.
    pub inode: u64,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// A directory.
    Directory(FileId),
    /// Anything else.
    Other(FileId),
    /// Something on a file system that numbers several files alike.
    Alike,
    /// Nothing, or nothing that can be looked at.
    Nothing,
}

/// Who looks at paths.
pub trait Places {
    /// What is at an absolute, resolved path.
    fn look(&self, path: &Path) -> Looked;

    /// Where something is mounted.
    fn mounts(&self) -> Vec<PathBuf>;
}

/// What an entry of a table is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// A file, whatever it is called; in most cases a directory.
    File(FileId),
    /// A name in a directory, whatever is there.
    Name(FileId, Vec<u8>),
}

/// Zones: a bit for each, by its number.
pub type Zones = u64;

/// An end of time that never comes.
pub const FOREVER: u64 = u64::MAX;

/// The operations that an override may be for.
pub const OPERATIONS: [Op; 4] = [Op::Unlink, Op::Rmdir, Op::Rename, Op::Exchange];

/// Until when each of [`OPERATIONS`] is let through, in Unix seconds; 0: it is not.
pub type Ends = [u64; OPERATIONS.len()];

/// What a table says of a spot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Says {
    /// Zones whose root it is.
    pub zones: Zones,
    /// Zones whose root it is, or is below it.
    pub carried: Zones,
    /// Zones that end here.
    pub exempts: Zones,
    /// Zones from which what is here and below is let through.
    pub opens: Zones,
    /// Until when.
    pub until: Ends,
}

/// A policy, lowered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The zones that numbers mean.
    pub zones: Vec<PathBuf>,
    /// Those that es-guard keeps for itself.
    pub sealed: Zones,
    /// Until when a zone's root is let through.
    pub freed: Vec<Ends>,
    /// What is said of what.
    pub entries: BTreeMap<Spot, Says>,
    /// The names that are exempt, and from which zones.
    pub exempt_names: BTreeMap<Vec<u8>, Zones>,
    /// The zones of each layer of the policy, the session's own first. Each layer is judged by itself.
    pub layers: Vec<Zones>,
    /// The file systems that zones lie on.
    pub devices: BTreeSet<u32>,
}

/// The most zones of a table, es-guard's own included.
pub const MAX_ZONES: usize = 64;
/// The most zones of all layers but the session's own: an agent leaves a person room to guard more.
pub const MAX_INNER_ZONES: usize = MAX_ZONES / 2;
/// The most layers: the session's own policy, and those of sessions inside it.
pub const MAX_LAYERS: usize = 16;
/// The most file systems that zones lie on.
pub const MAX_DEVICES: usize = 16;
/// The longest exempt name, in bytes.
pub const MAX_NAME: usize = 63;

impl Table {
    /// Lowers a policy of which nothing is for a single use.
    ///
    /// Where overrides of one path in several layers end at different times, they end at the earliest.
    pub fn lower(policy: &Policy, places: &impl Places) -> Result<Self, NotLowered> {
        let layers = if policy.layers.is_empty() { std::slice::from_ref(policy) } else { &policy.layers };
        if layers.len() > MAX_LAYERS {
            return Err(NotLowered::TooManyLayers(layers.len()));
        }
        let count = |layers: &[Policy]| layers.iter().map(|layer| layer.zones.len()).sum::<usize>();
        if count(layers) > MAX_ZONES {
            return Err(NotLowered::TooManyZones(count(layers)));
        }
        if count(&layers[1..]) > MAX_INNER_ZONES {
            return Err(NotLowered::TooManyInnerZones(count(&layers[1..])));
        }
        let mut table = Self::default();
        for policy in layers {
            let layer = Layer { policy, first: table.zones.len() as u32 };
            table.add(&layer, places)?;
        }
        if table.devices.len() > MAX_DEVICES {
            return Err(NotLowered::TooManyDevices(table.devices.len()));
        }
        Ok(table)
    }

    fn add(&mut self, layer: &Layer<'_>, places: &impl Places) -> Result<(), NotLowered> {
        for (zone, number) in layer.zones() {
            self.zone(number, zone, places)?;
            self.freed.push(layer.freed(zone));
            self.zones.push(zone.path.clone());
        }
        self.layers.push(layer.all(|_| true));
        self.sealed |= layer.all(|zone| zone.internal);
        let exempt_from = layer.all(|zone| !zone.internal);
        for name in layer.exempt_names()? {
            *self.exempt_names.entry(name).or_default() |= exempt_from;
        }
        for prefix in EXEMPT_PREFIXES.map(Path::new) {
            let above = |zone: &Zone| !zone.internal && zone.path != prefix && prefix.starts_with(&zone.path);
            if let (ended @ 1.., Some(spot)) = (layer.all(above), spot(prefix, places)) {
                self.says(spot).exempts |= ended;
            }
        }
        for (spot, (opens, until)) in layer.opened(places) {
            let says = self.says(spot);
            if says.opens == 0 {
                says.until = until;
            } else if opens != 0 {
                says.until = std::array::from_fn(|op| says.until[op].min(until[op]));
            }
            says.opens |= opens;
        }
        self.mounts(layer, places);
        Ok(())
    }

    /// What is mounted in a zone is in the zone, by whatever other mount it is seen.
    fn mounts(&mut self, layer: &Layer<'_>, places: &impl Places) {
        for point in places.mounts() {
            let within = layer.all(|zone| {
                point.strip_prefix(&zone.path).is_ok_and(|below| {
                    !below.as_os_str().is_empty() && !layer.policy.exempt(zone, &point, below, false)
                })
            });
            if let (1.., Looked::Directory(id)) = (within, places.look(&point)) {
                self.says(Spot::File(id)).zones |= within;
                self.devices.insert(id.device);
            }
        }
    }

    fn says(&mut self, spot: Spot) -> &mut Says {
        self.entries.entry(spot).or_default()
    }

    fn zone(&mut self, number: Zones, zone: &Zone, places: &impl Places) -> Result<(), NotLowered> {
        let found = places.look(&zone.path);
        let name = name(&zone.path, places);
        match (found, &name) {
            (Looked::Alike, _) => return Err(NotLowered::Alike(zone.path.clone())),
            // One that a person asked for is taken up once its directory is there.
            (Looked::Other(_) | Looked::Nothing, None) if zone.internal => {
                return Err(NotLowered::NoDirectory(zone.path.clone()));
            }
            _ => {}
        }
        // What is no directory holds it by its name, should a directory take its place.
        let above = zone.path.ancestors().skip(1).filter_map(|path| match places.look(path) {
            Looked::Directory(id) => Some(Spot::File(id)),
            Looked::Other(_) => self::name(path, places),
            Looked::Alike | Looked::Nothing => None,
        });
        above.for_each(|spot| self.says(spot).carried |= number);
        let itself = match found {
            Looked::Directory(id) => Some(Spot::File(id)),
            // What es-guard keeps is the same file under whatever name.
            Looked::Other(id) if zone.internal => Some(Spot::File(id)),
            _ => None,
        };
        // By its name as well, where it is removed and made again.
        for spot in itself.into_iter().chain(name) {
            let (Spot::File(id) | Spot::Name(id, _)) = spot;
            self.devices.insert(id.device);
            let says = self.says(spot);
            says.zones |= number;
            says.carried |= number;
        }
        Ok(())
    }

    /// Says of files, whatever they are called, that they are es-guard's own: as its first zone of its own.
    pub fn seal(&mut self, files: impl IntoIterator<Item = FileId>) {
        let first = self.sealed & self.sealed.wrapping_neg();
        for file in files {
            self.says(Spot::File(file)).zones |= first;
        }
    }

    /// A directory that was a zone's root when a person moved it away is so still, wherever it is now; `above` are those
    /// that hold it there.
    pub fn follow(&mut self, zone: &Path, moved: FileId, above: &[FileId]) {
        let of_path = |(at, path): (usize, &PathBuf)| if path == zone { 1u64 << at } else { 0 };
        let number = self.zones.iter().enumerate().map(of_path).fold(0, |zones, zone| zones | zone);
        let says = self.says(Spot::File(moved));
        says.zones |= number;
        says.carried |= number;
        for id in above {
            self.says(Spot::File(*id)).carried |= number;
        }
        self.devices.insert(moved.device);
    }
}

/// What a path is said by: a directory by itself, anything else by its name. `None`: its directory is not there.
fn spot(path: &Path, places: &impl Places) -> Option<Spot> {
    match places.look(path) {
        Looked::Directory(id) => Some(Spot::File(id)),
        Looked::Alike => None,
        Looked::Other(_) | Looked::Nothing => name(path, places),
    }
}

fn name(path: &Path, places: &impl Places) -> Option<Spot> {
    let Looked::Directory(above) = places.look(path.parent()?) else { return None };
    Some(Spot::Name(above, path.file_name()?.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests;
