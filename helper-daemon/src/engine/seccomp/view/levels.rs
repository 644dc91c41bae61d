//! Where a directory lies, as mounts and overlays tell it: its chains of places. It knows no zone.

use super::View;
use crate::engine::seccomp::mount;
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::handle::{Handle, Stat};
use endpoint_sec::linux::mounts::{Level, Mount, MountTable, from_mount_root, join, text_of};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where a directory lies: chains of places.
pub(super) struct Levels {
    /// As it is seen.
    pub(super) levels: Vec<Level>,
    /// Further chains: the same files under another file system.
    pub(super) also: Vec<Vec<Level>>,
    /// It is in an overlay, and nobody knows what that writes to.
    pub(super) writes_unseen: bool,
}

impl Levels {
    pub(super) fn all(self) -> impl Iterator<Item = Vec<Level>> {
        std::iter::once(self.levels).chain(self.also)
    }
}

impl View {
    /// The chain of places of a directory, as the caller's mounts tell it. A table may be older than a mount
    /// that has just come; a few tries settle it.
    pub(super) fn levels(&self, caller: &Caller, dir: &Handle, stat: &Stat) -> Option<Levels> {
        for _ in 0..3 {
            let foreign;
            let found = match self.table.get(stat.mount) {
                Some(mount) => self.levels_here(dir, stat).map(|levels| (mount, levels)),
                None => {
                    foreign = MountTable::of(caller).ok()?;
                    match foreign.get(stat.mount) {
                        Some(mount) => foreign.levels_of(stat.mount, dir).map(|levels| (mount, levels)),
                        None => self.levels_from_a_root(dir),
                    }
                }
            };
            let Some((mount, levels)) = found else { continue };
            let alone = |levels| Levels { levels, also: Vec::new(), writes_unseen: false };
            if mount.fstype != b"overlay" || !mount::writes(mount) {
                return Some(alone(levels));
            }
            let upper = match self.first_overlays.get(&mount.dev) {
                // The session made it.
                None => self.levels_of_upper(caller, mount, dir),
                Some(None) => return Some(alone(levels)),
                Some(Some(upper)) => Some(upper.clone()),
            };
            let Some(upper) = upper else { return Some(Levels { writes_unseen: true, ..alone(levels) }) };
            let inside = levels[0].path.split(|&b| b == b'/').filter(|name| !name.is_empty());
            let upper = inside.fold(upper, |levels, name| Level::entry(&levels, name));
            return Some(Levels { also: vec![upper], ..alone(levels) });
        }
        dir.is_in_an_overlay().then(|| self.levels_in_an_overlay(caller, dir))
    }

    /// Where a directory lies whose mount is in no table: below a `chroot(2)` to what is no mount point, no table tells of
    /// the mount that holds it. A mount with the same root, seen here, does; what that is mounted on stays untold.
    fn levels_from_a_root(&self, dir: &Handle) -> Option<(&Mount, Vec<Level>)> {
        let (root, inside) = from_mount_root(dir)?;
        let root = root.stat().ok()?;
        let is_it = |mount: &Mount| {
            let here = Handle::open(Path::new(OsStr::from_bytes(&mount.point))).and_then(|here| here.stat());
            here.is_ok_and(|here| (here.dev, here.ino, here.mount_root) == (root.dev, root.ino, true))
        };
        let mut same_device = self.table.iter().map(|(_, mount)| mount).filter(|mount| mount.dev == root.dev);
        let mount = same_device.find(|mount| is_it(mount))?;
        let path = join(&mount.root, &inside);
        Some((mount, vec![Level { dev: mount.dev, path, tail: Vec::new() }]))
    }

    fn levels_here(&self, dir: &Handle, stat: &Stat) -> Option<Vec<Level>> {
        let (text, missing) = text_of(dir).ok()?;
        let levels = self.table.levels(stat.mount, &text)?;
        Some(missing.iter().fold(levels, |levels, name| Level::entry(&levels, name)))
    }
}
