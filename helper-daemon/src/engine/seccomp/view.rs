//! Where the zones are, and whether a handle lies in one.
//!
//! A view is made once and read by every call until something moves: a mount, a zone, one of its ancestors
//! ([`keeper`](super::keeper) says when). It knows paths, mounts and zones, but no operation and nothing of what is the session's own.

use super::Seen;
use super::keeper::Anchor;
use super::mount;
use crate::policy::Policy;
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::handle::{Handle, Stat};
use endpoint_sec::linux::mounts::{Level, MountTable, below, join, text_of};
use std::collections::HashSet;
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
        }
    }

    pub(super) fn new(
        policy: Policy,
        table: MountTable,
        anchors: &[Vec<Anchor>],
        first_mounts: HashSet<u64>,
    ) -> Self {
        let mut view = Self { policy, table, first_mounts, ..Self::empty() };
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
        if !unclear {
            view.plainly_outside = view.mounts_outside();
        }
        view
    }

    fn mounts_outside(&self) -> HashSet<u64> {
        let zone_devices: HashSet<u64> =
            self.roots.iter().flat_map(|root| &root.levels).map(|level| level.dev).collect();
        let outside = |id: u64, dev: u64, point: &[u8]| {
            let levels = self.table.levels(id, point).unwrap_or_default();
            !zone_devices.contains(&dev)
                && !levels.is_empty()
                && self.first_mounts.contains(&id)
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
        if self.plainly_outside(seen.dir.mount) || seen.dir.nlink == 0 {
            return Where::Outside;
        }
        match self.levels(caller, &seen.entry.dir, &seen.dir) {
            None if self.devices.contains(&seen.dir.dev) => Where::Unclear,
            None => Where::Outside,
            Some(Levels { levels, also }) => {
                let mut paths = self.paths(&Level::entry(&levels, seen.entry.bare_name()));
                for levels in also {
                    paths.extend(self.paths(&Level::entry(&levels, seen.entry.bare_name())));
                }
                paths.dedup();
                if paths.is_empty() { Where::Outside } else { Where::Known(paths) }
            }
        }
    }

    /// Whether a directory is in a zone or holds one.
    pub(super) fn touches(&self, caller: &Caller, dir: &Handle) -> Option<PathBuf> {
        let stat = dir.stat().ok()?;
        match self.levels(caller, dir, &stat) {
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

    /// The chain of places of a directory, as the caller's mounts tell it. A table may be older than a mount
    /// that has just come; a few tries settle it.
    fn levels(&self, caller: &Caller, dir: &Handle, stat: &Stat) -> Option<Levels> {
        for _ in 0..3 {
            let (text, missing) = text_of(dir).ok()?;
            let foreign;
            let table = match self.table.get(stat.mount) {
                Some(_) => &self.table,
                None => {
                    foreign = MountTable::of(caller).ok()?;
                    &foreign
                }
            };
            let Some(mut levels) = table.levels(stat.mount, &text) else { continue };
            for name in &missing {
                levels = Level::entry(&levels, name);
            }
            let mount = table.get(stat.mount)?;
            let known = std::ptr::eq(table, &self.table) && self.first_mounts.contains(&stat.mount);
            if known || mount.fstype != b"overlay" {
                return Some(Levels { levels, also: Vec::new() });
            }
            // An overlay that the session made: its files are those of its upper directory.
            let upper = mount::upper(caller, mount)?;
            let below_root = below(&levels[0].path, &mount.root)?.to_vec();
            let upper_stat = upper.stat().ok()?;
            let Levels { levels: upper, .. } = self.levels(caller, &upper, &upper_stat)?;
            let inside = below_root.split(|&b| b == b'/').filter(|name| !name.is_empty());
            let upper = inside.fold(upper, |levels, name| Level::entry(&levels, name));
            return Some(Levels { levels, also: vec![upper] });
        }
        None
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

struct Levels {
    levels: Vec<Level>,
    /// Further chains: the same files under another file system.
    also: Vec<Vec<Level>>,
}

impl Levels {
    fn all(self) -> impl Iterator<Item = Vec<Level>> {
        std::iter::once(self.levels).chain(self.also)
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
