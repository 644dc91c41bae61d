//! Where the zones are, and whether a handle lies in one.
//!
//! A view is made once and read by every call until something moves: a mount, a zone, one of its ancestors.
//! It knows paths, mounts and zones, but no operation and nothing of what is the session's own.

use super::Seen;
use super::overlay;
use crate::policy::{Policy, Zone};
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::changes::Changes;
use endpoint_sec::linux::handle::{Handle, Stat};
use endpoint_sec::linux::mounts::{Level, MountTable, below, join, text_of};
use nix::errno::Errno;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What holds a zone: for a directory the directory itself, for anything else its name in its directory.
#[derive(Debug)]
enum Anchor {
    Directory(Handle),
    Name(Handle, Vec<u8>),
}

/// Follows the zones of a policy.
pub(super) struct ViewKeeper {
    changes: Changes,
    policy: Policy,
    /// By zone, in the policy's order. More than one where a zone was moved away by somebody outside and made
    /// again: what was in it stays protected.
    anchors: Vec<Vec<Anchor>>,
    /// Mounts that were there when the session began.
    first_mounts: HashSet<u64>,
    /// Some directory can't be watched (no right to read it): look anew every time.
    blind: bool,
    view: Arc<View>,
}

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

impl ViewKeeper {
    pub(super) fn new(policy: Policy) -> Result<Self, Errno> {
        let changes = Changes::new()?;
        let table = MountTable::own().map_err(|_| Errno::EIO)?;
        let first_mounts = table.iter().map(|(id, _)| id).collect();
        let view = Arc::new(View::empty());
        let mut keeper = Self { changes, policy, anchors: Vec::new(), first_mounts, blind: false, view };
        keeper.rebuild();
        Ok(keeper)
    }

    /// The view that holds now. One system call while nothing moves.
    pub(super) fn current(&mut self) -> Arc<View> {
        let changed = self.changes.look();
        if changed.mounts || changed.names || self.blind {
            self.rebuild();
        }
        self.view.clone()
    }

    /// Judges by another policy from the next call on.
    pub(super) fn set_policy(&mut self, policy: Policy) {
        let mut old: Vec<(PathBuf, Vec<Anchor>)> =
            self.policy.zones.drain(..).map(|zone| zone.path).zip(self.anchors.drain(..)).collect();
        let mut keep = |zone: &Zone| {
            let at = old.iter().position(|(path, _)| *path == zone.path)?;
            Some(old.swap_remove(at).1)
        };
        self.anchors = policy.zones.iter().map(|zone| keep(zone).unwrap_or_default()).collect();
        self.policy = policy;
        self.rebuild();
    }

    fn rebuild(&mut self) {
        let Ok(table) = MountTable::own() else { return };
        self.anchors.resize_with(self.policy.zones.len(), Vec::new);
        self.blind = false;
        for (zone, anchors) in self.policy.zones.iter().zip(&mut self.anchors) {
            anchors.retain(|anchor| anchor.handle().stat().is_ok_and(|stat| stat.nlink > 0));
            if let Some(anchor) = Anchor::open(&zone.path)
                && !anchors.iter().any(|known| known.same(&anchor))
            {
                anchors.push(anchor);
            }
            self.blind |= watch(&self.changes, &zone.path, anchors).is_err();
        }
        // What moved while the watches were being set is seen by this look, and by the anchors below.
        self.blind |= self.changes.look().names;
        self.view = Arc::new(View::new(self.policy.clone(), table, &self.anchors, self.first_mounts.clone()));
    }
}

/// Watches the zone and every directory above it; a missing zone by the nearest directory that is there.
fn watch(changes: &Changes, path: &Path, anchors: &[Anchor]) -> Result<(), Errno> {
    for (i, ancestor) in path.ancestors().enumerate() {
        match changes.watch_self(ancestor) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            other => {
                other?;
                if i > 0 && !path.ancestors().nth(i - 1).is_some_and(Path::exists) {
                    changes.watch_names(ancestor)?;
                }
            }
        }
    }
    for anchor in anchors {
        let text = anchor.handle().text()?;
        for ancestor in Path::new(OsStr::from_bytes(&text)).ancestors() {
            match changes.watch_self(ancestor) {
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                other => other?,
            }
        }
    }
    Ok(())
}

impl Anchor {
    fn open(path: &Path) -> Option<Self> {
        let handle = Handle::open(path).ok()?;
        if handle.stat().ok()?.kind == endpoint_sec::linux::handle::Kind::Directory {
            return Some(Self::Directory(handle));
        }
        let dir = Handle::open(path.parent()?).ok()?;
        Some(Self::Name(dir, path.file_name()?.as_bytes().to_vec()))
    }

    fn handle(&self) -> &Handle {
        match self {
            Self::Directory(handle) | Self::Name(handle, _) => handle,
        }
    }

    fn same(&self, other: &Self) -> bool {
        let name = |anchor: &Self| match anchor {
            Self::Directory(_) => None,
            Self::Name(_, name) => Some(name.clone()),
        };
        let place = |anchor: &Self| anchor.handle().stat().ok().map(|s| (s.dev, s.ino, s.mount));
        name(self) == name(other) && place(self).is_some() && place(self) == place(other)
    }

    fn levels(&self, table: &MountTable) -> Option<Vec<Level>> {
        let levels = table.levels(self.handle().stat().ok()?.mount, &self.handle().text().ok()?)?;
        Some(match self {
            Self::Directory(_) => levels,
            Self::Name(_, name) => Level::entry(&levels, name),
        })
    }
}

impl View {
    fn empty() -> Self {
        Self {
            policy: Policy::default(),
            table: MountTable::default(),
            roots: Vec::new(),
            devices: HashSet::new(),
            plainly_outside: HashSet::new(),
            first_mounts: HashSet::new(),
        }
    }

    fn new(policy: Policy, table: MountTable, anchors: &[Vec<Anchor>], first_mounts: HashSet<u64>) -> Self {
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
            Some(Levels { levels, also }) => {
                let all = std::iter::once(levels).chain(also);
                all.flat_map(|levels| self.paths(&levels)).next()
            }
            None => self.devices.contains(&stat.dev).then(|| self.roots.first().map(|r| r.zone.clone()))?,
        }
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
            for _ in 0..missing {
                levels = Level::entry(&levels, b"...");
            }
            let mount = table.get(stat.mount)?;
            let known = std::ptr::eq(table, &self.table) && self.first_mounts.contains(&stat.mount);
            if known || mount.fstype != b"overlay" {
                return Some(Levels { levels, also: Vec::new() });
            }
            // An overlay that the session made: its files are those of its upper directory.
            let upper = overlay::upper(caller, mount)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn keeper(zones: &[&Path]) -> ViewKeeper {
        let zone = |path: &&Path| Zone { path: path.to_path_buf(), internal: false };
        ViewKeeper::new(Policy { zones: zones.iter().map(zone).collect(), ..Policy::default() }).unwrap()
    }

    fn me() -> Caller {
        Caller::new(std::process::id() as i32)
    }

    fn locate(keeper: &mut ViewKeeper, path: &Path) -> Vec<PathBuf> {
        let at = endpoint_sec::linux::event::At { dirfd: libc_at_fdcwd(), path: path.as_os_str().as_bytes().to_vec() };
        let entry = endpoint_sec::linux::resolve::Entry::resolve(&me(), &at).unwrap();
        let dir = entry.dir.stat().unwrap();
        match keeper.current().locate(&me(), &Seen { entry, dir }) {
            Where::Known(paths) => paths,
            Where::Outside => Vec::new(),
            Where::Unclear => panic!("unclear"),
        }
    }

    fn libc_at_fdcwd() -> i32 {
        -100
    }

    #[test]
    fn a_place_is_told_by_the_zones_own_path() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("zone/d")).unwrap();
        std::os::unix::fs::symlink(base.join("zone"), base.join("alias")).unwrap();
        let mut keeper = keeper(&[&base.join("zone")]);
        assert_eq!(locate(&mut keeper, &base.join("alias/d/x")), [base.join("zone/d/x")]);
        assert_eq!(locate(&mut keeper, &base.join("zone")), [base.join("zone")]);
        assert_eq!(locate(&mut keeper, &base), [base.clone()], "an ancestor");
        assert!(locate(&mut keeper, &base.join("zone2")).is_empty());
    }

    #[test]
    fn a_zone_that_a_person_moves_is_followed_and_one_made_again_is_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let (zone, moved) = (base.join("zone"), base.join("moved"));
        std::fs::create_dir(&zone).unwrap();
        let mut keeper = keeper(&[&zone]);
        std::fs::rename(&zone, &moved).unwrap();
        assert_eq!(locate(&mut keeper, &moved.join("x")), [zone.join("x")]);
        std::fs::create_dir(&zone).unwrap();
        assert_eq!(locate(&mut keeper, &zone.join("x")), [zone.join("x")]);
        assert_eq!(locate(&mut keeper, &moved.join("x")), [zone.join("x")]);
    }

    #[test]
    fn a_missing_zone_arms_when_it_appears() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let zone = base.join("a/b");
        let mut keeper = keeper(&[&zone]);
        assert!(locate(&mut keeper, &base.join("x")).is_empty());
        std::fs::create_dir(base.join("a")).unwrap();
        std::fs::create_dir(&zone).unwrap();
        assert_eq!(locate(&mut keeper, &zone.join("x")), [zone.join("x")]);
    }

    #[test]
    fn a_zone_that_is_a_file_is_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let zone = base.join("conf");
        std::fs::write(&zone, "").unwrap();
        let mut keeper = keeper(&[&zone]);
        std::fs::rename(&zone, base.join("aside")).unwrap();
        std::fs::write(&zone, "").unwrap();
        assert_eq!(locate(&mut keeper, &zone), [zone.clone()]);
        assert!(locate(&mut keeper, &base.join("aside")).is_empty());
    }
}
