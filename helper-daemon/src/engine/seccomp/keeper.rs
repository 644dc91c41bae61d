//! Following the zones: what holds each of them, and when to look anew.
//!
//! A zone is a path that a person named, and the directory that stood there. Should somebody outside move that
//! directory away, what was in it stays protected; should something new appear at the path, it is protected
//! too. It judges nothing.

use super::overlay::AllWritten;
use super::view::View;
use crate::policy::{Policy, Zone};
use endpoint_sec::linux::changes::Changes;
use endpoint_sec::linux::handle::{Handle, Kind};
use endpoint_sec::linux::mounts::{Level, MountTable};
use nix::errno::Errno;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What holds a zone: for a directory the directory itself, for anything else its name in its directory.
#[derive(Debug)]
pub(super) enum Anchor {
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
    /// What the session's overlays write to.
    written_to: AllWritten,
    /// Some directory can't be watched (no right to read it): look anew every time.
    blind: bool,
    view: Arc<View>,
}

impl ViewKeeper {
    pub(super) fn new(policy: Policy, written_to: AllWritten) -> Result<Self, Errno> {
        let changes = Changes::new()?;
        let table = MountTable::own().map_err(|_| Errno::EIO)?;
        let first_mounts = table.iter().map(|(id, _)| id).collect();
        let view = Arc::new(View::empty());
        let anchors = Vec::new();
        let mut keeper = Self { changes, policy, anchors, first_mounts, written_to, blind: false, view };
        keeper.rebuild_with(table);
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

    /// The view that held when it was asked for last.
    pub(super) fn last(&self) -> Arc<View> {
        self.view.clone()
    }

    /// What no watch tells has moved: the part of its file system that a mount shows.
    pub(super) fn look_anew(&mut self) {
        self.rebuild();
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
        if let Ok(table) = MountTable::own() {
            self.rebuild_with(table);
        }
    }

    fn rebuild_with(&mut self, table: MountTable) {
        let mut watched = HashSet::new();
        self.anchors.resize_with(self.policy.zones.len(), Vec::new);
        self.blind = false;
        for (zone, anchors) in self.policy.zones.iter().zip(&mut self.anchors) {
            let lives =
                |anchor: &Handle| anchor.stat().is_ok_and(|stat| stat.nlink > 0) || anchor.is_in_user_space();
            anchors.retain(|anchor| lives(anchor.handle()));
            if let Some(anchor) = Anchor::open(zone)
                && !anchors.iter().any(|known| known.same(&anchor))
            {
                anchors.push(anchor);
            }
            self.blind |= watch(&self.changes, &zone.path, anchors, &mut watched).is_err();
            // It has appeared since it was looked for, and no watch will tell.
            self.blind |= anchors.is_empty() && zone.path.exists();
        }
        // What moved while the watches were being set is seen by this look, and by the anchors below.
        self.blind |= self.changes.look().names;
        let (policy, written_to) = (self.policy.clone(), self.written_to.clone());
        let first_mounts = self.first_mounts.clone();
        self.view = Arc::new(View::new(policy, table, &self.anchors, first_mounts, written_to));
    }
}

/// Watches the zone and every directory above it; a missing zone by the nearest directory that is there. What is
/// `watched` already is not asked for again.
fn watch(
    changes: &Changes,
    path: &Path,
    anchors: &[Anchor],
    watched: &mut HashSet<PathBuf>,
) -> Result<(), Errno> {
    let mut is_watched = |path: &Path| -> Result<bool, Errno> {
        if watched.contains(path) {
            return Ok(true);
        }
        match changes.watch_self(path) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(false),
            other => other.map(|()| watched.insert(path.to_owned())),
        }
    };
    let mut below_is_there = true;
    for ancestor in path.ancestors() {
        let is_there = is_watched(ancestor)?;
        if is_there && !below_is_there {
            changes.watch_names(ancestor)?;
        }
        below_is_there = is_there;
    }
    for anchor in anchors {
        let text = anchor.handle().text()?;
        for ancestor in Path::new(OsStr::from_bytes(&text)).ancestors() {
            is_watched(ancestor)?;
        }
    }
    Ok(())
}

impl Anchor {
    fn open(zone: &Zone) -> Option<Self> {
        // Of a symlink that es-guard keeps it is the name that leads to the right place, and not another.
        if zone.internal && zone.path.is_symlink() {
            return Self::name(zone);
        }
        match Handle::open(&zone.path) {
            Ok(handle) if handle.stat().ok()?.kind == Kind::Directory => {
                return Some(Self::Directory(handle));
            }
            Ok(_) => {}
            // What es-guard keeps for itself is kept before it is there, too: nobody but a person makes it.
            Err(Errno::ENOENT) if zone.internal => {}
            Err(_) => return None,
        }
        Self::name(zone)
    }

    fn name(zone: &Zone) -> Option<Self> {
        let dir = Handle::open(zone.path.parent()?).ok()?;
        Some(Self::Name(dir, zone.path.file_name()?.as_bytes().to_vec()))
    }

    pub(super) fn handle(&self) -> &Handle {
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

    /// The chain of places of the zone that is held.
    pub(super) fn levels(&self, table: &MountTable) -> Option<Vec<Level>> {
        let levels = table.levels(self.handle().stat().ok()?.mount, &self.handle().text().ok()?)?;
        Some(match self {
            Self::Directory(_) => levels,
            Self::Name(_, name) => Level::entry(&levels, name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Seen;
    use super::super::view::Where;
    use super::*;
    use crate::policy::Policy;
    use endpoint_sec::linux::caller::Caller;

    fn keeper(zones: &[&Path]) -> ViewKeeper {
        let zone = |path: &&Path| Zone::new(*path);
        let policy = Policy { zones: zones.iter().map(zone).collect(), ..Policy::default() };
        ViewKeeper::new(policy, AllWritten::default()).unwrap()
    }

    fn me() -> Caller {
        Caller::new(std::process::id() as i32)
    }

    fn locate(keeper: &mut ViewKeeper, path: &Path) -> Vec<PathBuf> {
        let at = endpoint_sec::linux::event::At {
            dirfd: libc_at_fdcwd(),
            path: path.as_os_str().as_bytes().to_vec(),
        };
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
        assert_eq!(locate(&mut keeper, &base), std::slice::from_ref(&base), "an ancestor");
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
    fn a_symlink_that_es_guard_keeps_is_a_name_and_does_not_keep_where_it_leads() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("real")).unwrap();
        std::os::unix::fs::symlink("real", base.join("link")).unwrap();
        let zone = Zone { internal: true, ..Zone::new(base.join("link")) };
        let policy = Policy { zones: vec![zone], ..Policy::default() };
        let mut keeper = ViewKeeper::new(policy, AllWritten::default()).unwrap();
        assert_eq!(locate(&mut keeper, &base.join("link")), [base.join("link")]);
        assert!(locate(&mut keeper, &base.join("link/x")).is_empty());
        assert!(locate(&mut keeper, &base.join("real")).is_empty());
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
        assert_eq!(locate(&mut keeper, &zone), std::slice::from_ref(&zone));
        assert!(locate(&mut keeper, &base.join("aside")).is_empty());
    }
}
