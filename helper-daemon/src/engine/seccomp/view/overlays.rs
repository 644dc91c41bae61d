//! Where overlays write to, as far as it can be told.

use super::View;
use super::levels::Levels;
use crate::engine::seccomp::mount;
use crate::engine::seccomp::overlay::really_written_to;
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::handle::Handle;
use endpoint_sec::linux::mounts::{Level, Mount, MountTable, from_mount_root};
use endpoint_sec::linux::resolve;
use std::collections::HashMap;

impl View {
    /// Their files are those of their upper directories, as far as these can be found from here.
    pub(super) fn overlays_from_before(&self) -> HashMap<u64, Option<Vec<Level>>> {
        let overlays =
            self.table.iter().filter(|(id, m)| m.fstype == b"overlay" && self.first_mounts.contains(id));
        let upper = |mount: &Mount| {
            let upper = mount::upper_from_here(mount)?;
            self.table.levels(upper.stat().ok()?.mount, &upper.text().ok()?)
        };
        overlays.map(|(_, mount)| (mount.dev, upper(mount))).collect()
    }

    /// Where an overlay that somebody has mounted since the session began writes to, by a directory in it.
    pub(super) fn levels_of_upper(&self, caller: &Caller, mount: &Mount, dir: &Handle) -> Option<Vec<Level>> {
        let called = mount::upper(caller, mount);
        if mount.root == b"/" {
            return self.levels_written_to(caller, dir, called);
        }
        // What this mount shows need not be in the upper directory at all: another one may show the whole.
        let table = MountTable::of(caller).ok()?;
        let whole = table.iter().filter(|(_, other)| other.dev == mount.dev && other.root == b"/");
        let mut roots = whole.filter_map(|(_, other)| resolve::directory(caller, -1, &other.point).ok());
        let is_it = |root: &Handle| root.stat().is_ok_and(|stat| stat.dev == mount.dev && stat.mount_root);
        self.levels_written_to(caller, &roots.find(is_it)?, called)
    }

    /// Of an overlay whose mount is in no table, as it is detached or belongs to others, only what it writes to is told.
    pub(super) fn levels_in_an_overlay(&self, caller: &Caller, dir: &Handle) -> Levels {
        let looked = || {
            let upper = self.levels_written_to(caller, dir, None)?;
            let (_, inside) = from_mount_root(dir)?;
            let inside = inside.split(|&b| b == b'/').filter(|name| !name.is_empty());
            Some(inside.fold(upper, |levels, name| Level::entry(&levels, name)))
        };
        let levels = looked();
        Levels { writes_unseen: levels.is_none(), levels: levels.unwrap_or_default(), also: Vec::new() }
    }

    /// Where an overlay that somebody has mounted since the session began really writes to.
    fn levels_written_to(&self, caller: &Caller, dir: &Handle, called: Option<Handle>) -> Option<Vec<Level>> {
        let upper = really_written_to(dir, called, &self.written_to)?;
        let upper_stat = upper.stat().ok()?;
        match self.levels(caller, &upper, &upper_stat) {
            Some(levels) => Some(levels.levels),
            // As where it is mounted nowhere any more, once a container has begun.
            None => (!self.devices.contains(&upper_stat.dev)).then(Vec::new),
        }
    }
}
