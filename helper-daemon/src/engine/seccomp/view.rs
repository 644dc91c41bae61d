//! Where the zones are, and whether a handle lies in one.
//!
//! A view is made once and read by every call until something moves: a mount, a zone, one of its ancestors
//! ([`keeper`](super::keeper) says when). It knows paths, mounts and zones, but no operation and nothing of what is the session's own.

mod levels;
mod overlays;

use super::Seen;
use super::keeper::Anchor;
use super::overlay::AllWritten;
use crate::policy::Policy;
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::handle::{Handle, Stat};
use endpoint_sec::linux::mounts::{Level, Mount, MountTable, below, join};
use levels::Levels;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// One place that holds a zone.
#[derive(Debug)]
struct Root {
    zone: PathBuf,
    levels: Vec<Level>,
}

/// The zones as they lie now.
pub(super) struct View {
    pub(super) policy: Policy,
    pub(super) table: MountTable,
    roots: Vec<Root>,
    /// Devices, as `stat(2)` tells them, that a zone lies on.
    devices: HashSet<u64>,
    /// Mounts on which nothing is in a zone, holds a zone, or can be mistaken for it.
    plainly_outside: HashSet<u64>,
    first_mounts: HashSet<u64>,
    /// Mounts that show a part of their file system: which file system, and which part.
    parts: Vec<(u64, Vec<u8>)>,
    /// Overlays that were there when the session began, by device: where the upper directory lies, if that can be
    /// found.
    first_overlays: HashMap<u64, Option<Vec<Level>>>,
    /// What the session's overlays write to.
    written_to: AllWritten,
}

/// Where a name lies.
pub(super) enum Where {
    /// In no zone, and above none.
    Outside,
    /// In a zone or above one: its paths from the zones' point of view.
    Known(Vec<PathBuf>),
    /// It can't be told, and it is on a zone's file system.
    Unclear,
}

impl View {
    pub(super) fn empty() -> Self {
        Self {
            policy: Policy::default(),
            table: MountTable::default(),
            roots: Vec::new(),
            devices: HashSet::new(),
            plainly_outside: HashSet::new(),
            first_mounts: HashSet::new(),
            parts: Vec::new(),
            first_overlays: HashMap::new(),
            written_to: AllWritten::default(),
        }
    }

    pub(super) fn new(
        policy: Policy,
        table: MountTable,
        anchors: &[Vec<Anchor>],
        first_mounts: HashSet<u64>,
        written_to: AllWritten,
    ) -> Self {
        let mut view = Self { policy, table, first_mounts, written_to, ..Self::empty() };
        let mut unclear = false;
        for (zone, anchors) in view.policy.zones.iter().zip(anchors) {
            for anchor in anchors {
                view.devices.extend(anchor.handle().stat().map(|stat| stat.dev));
                match anchor.levels(&view.table) {
                    Some(levels) => view.roots.push(Root { zone: zone.path.clone(), levels }),
                    None => unclear = true,
                }
            }
        }
        let parts = view.table.iter().filter(|(_, mount)| mount.root != b"/");
        view.parts = parts.map(|(_, mount)| (mount.dev, mount.root.clone())).collect();
        view.add_mounts_in_zones();
        view.first_overlays = view.overlays_from_before();
        if !unclear {
            view.plainly_outside = view.mounts_outside();
        }
        view
    }

    /// What is mounted in a zone is in it by whatever other mount it is reached.
    fn add_mounts_in_zones(&mut self) {
        let mut roots = Vec::new();
        for (id, mount) in self.table.iter() {
            let levels = self.table.levels(id, &mount.point).unwrap_or_default();
            let inside = self.paths(&levels).into_iter().filter(|path| self.policy.covers(path));
            roots.extend(inside.map(|zone| (mount.dev, Root { zone, levels: levels.clone() })));
        }
        self.devices.extend(roots.iter().map(|(dev, _)| dev));
        self.roots.extend(roots.into_iter().map(|(_, root)| root));
    }

    /// Whether some mount shows only a part of its file system, which lies at this name or below: it goes with it.
    pub(super) fn shows_elsewhere(&self, caller: &Caller, seen: &Seen) -> bool {
        if self.parts.is_empty() {
            return false;
        }
        let Some(levels) = self.levels(caller, &seen.entry.dir, &seen.dir) else { return true };
        let place = Level::entry(&levels.levels, seen.entry.bare_name()).into_iter().next();
        place.is_none_or(|place| {
            self.parts.iter().any(|(dev, root)| *dev == place.dev && below(root, &place.path).is_some())
        })
    }

    /// The same directory as this process sees it, by the mount that shows most of its file system.
    pub(super) fn as_seen_here(&self, caller: &Caller, dir: &Handle) -> Option<Handle> {
        let stat = dir.stat().ok()?;
        let place = self.levels(caller, dir, &stat)?.levels.into_iter().next()?;
        let shows = |mount: &Mount| {
            let rest = below(&place.path, &mount.root).filter(|_| mount.dev == place.dev)?;
            let here = Handle::open(Path::new(OsStr::from_bytes(&join(&mount.point, rest)))).ok()?;
            here.stat().ok().filter(|found| (found.dev, found.ino) == (stat.dev, stat.ino)).map(|_| here)
        };
        let mut mounts: Vec<&Mount> = self.table.iter().map(|(_, mount)| mount).collect();
        mounts.sort_by_key(|mount| mount.root.len());
        mounts.into_iter().find_map(shows)
    }

    fn mounts_outside(&self) -> HashSet<u64> {
        let zone_devices: HashSet<u64> =
            self.roots.iter().flat_map(|root| &root.levels).map(|level| level.dev).collect();
        let outside = |id: u64, dev: u64, point: &[u8]| {
            let levels = self.table.levels(id, point).unwrap_or_default();
            !zone_devices.contains(&dev)
                && !levels.is_empty()
                && self.first_mounts.contains(&id)
                && self.first_overlays.get(&dev).is_none_or(Option::is_none)
                && self.paths(&levels).is_empty()
        };
        self.table.iter().filter(|(id, m)| outside(*id, m.dev, &m.point)).map(|(id, _)| id).collect()
    }

    /// Whether nothing on this mount concerns any zone.
    pub(super) fn plainly_outside(&self, mount: u64) -> bool {
        self.plainly_outside.contains(&mount)
    }

    /// Where the name `seen` lies.
    pub(super) fn locate(&self, caller: &Caller, seen: &Seen) -> Where {
        // Some file systems in user space tell no number of names.
        let gone = seen.dir.nlink == 0 && !seen.entry.dir.is_in_user_space();
        if self.plainly_outside(seen.dir.mount) || gone {
            return Where::Outside;
        }
        match self.levels(caller, &seen.entry.dir, &seen.dir) {
            None if self.devices.contains(&seen.dir.dev) => Where::Unclear,
            None => Where::Outside,
            Some(Levels { writes_unseen: true, .. }) => Where::Unclear,
            Some(Levels { levels, also, .. }) => {
                let mut paths = self.paths(&Level::entry(&levels, seen.entry.bare_name()));
                for levels in also {
                    paths.extend(self.paths(&Level::entry(&levels, seen.entry.bare_name())));
                }
                paths.dedup();
                if paths.is_empty() { Where::Outside } else { Where::Known(paths) }
            }
        }
    }

    /// The paths of a name by where its files lie, whatever mount it is seen through: those that it keeps when all
    /// mounts are gone.
    pub(super) fn lies_at(&self, caller: &Caller, seen: &Seen) -> Vec<PathBuf> {
        let Some(Levels { levels, also, .. }) = self.levels(caller, &seen.entry.dir, &seen.dir) else {
            return Vec::new();
        };
        let chains = std::iter::once(levels).chain(also);
        let own = chains.filter_map(|levels| {
            Level::entry(&levels, seen.entry.bare_name()).into_iter().next().map(|level| vec![level])
        });
        own.flat_map(|level| self.paths(&level)).collect()
    }

    /// Whether a directory is in a zone or holds one.
    pub(super) fn touches(&self, caller: &Caller, dir: &Handle) -> Option<PathBuf> {
        let stat = dir.stat().ok()?;
        match self.levels(caller, dir, &stat) {
            Some(levels) if levels.writes_unseen => self.roots.first().map(|root| root.zone.clone()),
            Some(levels) => levels.all().flat_map(|levels| self.paths(&levels)).next(),
            None => self.devices.contains(&stat.dev).then(|| self.roots.first().map(|r| r.zone.clone()))?,
        }
    }

    /// The paths of what a handle stands for, from the zones' point of view; none where they can't be told.
    pub(super) fn paths_of(&self, caller: &Caller, handle: &Handle) -> Vec<PathBuf> {
        let Ok(stat) = handle.stat() else { return Vec::new() };
        if self.plainly_outside(stat.mount) {
            return Vec::new();
        }
        let levels = self.levels(caller, handle, &stat);
        levels.into_iter().flat_map(Levels::all).flat_map(|levels| self.paths(&levels)).collect()
    }

    /// Whether a directory is on the file system of a zone.
    pub(super) fn on_a_zones_device(&self, stat: &Stat) -> bool {
        self.devices.contains(&stat.dev)
    }

    /// A path to show for a name that is in no zone.
    pub(super) fn shown(&self, seen: &Seen) -> PathBuf {
        let text = seen.entry.dir.text().unwrap_or_default();
        PathBuf::from(OsStr::from_bytes(&join(&text, seen.entry.bare_name())))
    }

    /// The paths of a place from the zones' point of view: below a zone, or an ancestor of one.
    fn paths(&self, levels: &[Level]) -> Vec<PathBuf> {
        let mut out: Vec<PathBuf> = Vec::new();
        let mut add = |path: PathBuf| {
            if !out.contains(&path) {
                out.push(path);
            }
        };
        for root in &self.roots {
            let Some(home) = root.levels.first() else { continue };
            for level in levels.iter().filter(|level| level.dev == home.dev) {
                if let Some(rest) = below(&level.path, &home.path) {
                    add(descend(&root.zone, &[rest, &level.tail]));
                }
            }
            for above in root.levels.iter().filter(|above| Some(above.dev) == levels.first().map(|l| l.dev)) {
                if let Some(rest) = levels.first().and_then(|level| below(&above.path, &level.path)) {
                    add(ascend(&root.zone, &[rest, &above.tail]));
                }
            }
        }
        out
    }
}

fn descend(zone: &Path, parts: &[&[u8]]) -> PathBuf {
    let text = parts.iter().fold(zone.as_os_str().as_bytes().to_vec(), |path, part| join(&path, part));
    PathBuf::from(OsStr::from_bytes(&text))
}

/// The ancestor of `zone` that is as many components up as `parts` have.
fn ascend(zone: &Path, parts: &[&[u8]]) -> PathBuf {
    let components = |part: &&[u8]| part.split(|&b| b == b'/').filter(|name| !name.is_empty()).count();
    let up = parts.iter().map(components).sum();
    zone.ancestors().nth(up).unwrap_or(Path::new("/")).to_owned()
}
