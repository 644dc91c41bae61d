//! Overlays that the session mounts: what they write to stays outside of the zones.
//!
//! An overlay removes files of its upper directory under another device, and finds that directory by the inode
//! it was mounted with, wherever it has moved since. None that touches a zone can be mounted. So that none comes to
//! touch one later, neither such a directory nor what holds it or lies in it moves into a zone.
//!
//! After that look the kernel reads everything about a mount again, and another thread may have changed it: the options,
//! or where a path in them leads. So what an overlay really writes to is told by its root, which shows the times of that
//! directory, and not by its name.

use super::{Case, Outcome, Seen, Session, View, lock};
use crate::policy::judge::Reason;
use crate::policy::operation::Op;
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::handle::{Handle, Kind, Stat};
use endpoint_sec::linux::identity::identify_fd;
use endpoint_sec::linux::mounts::{Mount, mount_root};
use nix::fcntl::OFlag;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Directories that are remembered, each by a descriptor. A session whose overlays write to more moves no directory
/// into its zones any more.
const MOST: usize = 256;
/// The deepest place that is looked at.
const DEEPEST: usize = 4096;

/// How often an overlay is looked at until what it writes to stays as it is for a moment.
const LOOKS: usize = 3;

/// What an overlay of the session writes to.
#[derive(Debug)]
pub(super) struct Written {
    stat: Stat,
    /// As it is seen from here, where that can be: then nothing that the tree mounts hides what it lies in.
    dir: Handle,
}

/// What the overlays of a session write to.
pub(super) type AllWritten = Arc<Mutex<Vec<Written>>>;

/// The directory that an overlay writes to, by a directory in it: the one that it is `called`, if that is it, or one of
/// those that were looked at. `None`: it is none of them, or that can't be told.
pub(super) fn really_written_to(
    mount: &Mount,
    dir: &Handle,
    called: Option<Handle>,
    all: &AllWritten,
) -> Option<Handle> {
    // Of a part of an overlay nobody knows whether it is in the upper directory at all.
    let root = mount_root(dir).filter(|_| mount.root == b"/")?;
    for _ in 0..LOOKS {
        let shown = root.stat().ok()?;
        let is_it = |upper: &Handle| upper.stat().is_ok_and(|stat| shows_its_times(&shown, &stat));
        if called.as_ref().is_some_and(is_it) {
            return called;
        }
        if let Some(known) = lock(all).iter().find(|known| is_it(&known.dir)) {
            return known.dir.duplicate().ok();
        }
    }
    None
}

fn shows_its_times(root: &Stat, upper: &Stat) -> bool {
    let times = |stat: &Stat| (stat.born, stat.changed, stat.modified, stat.uid, stat.gid, stat.mode);
    root.born != 0 && times(root) == times(upper)
}

impl Session {
    /// An overlay that writes to this directory is about to be mounted.
    pub(super) fn is_written_to(&self, view: &View, caller: &Caller, dir: &Handle) {
        let Ok(stat) = identify_fd(dir.as_fd()) else { return };
        let seen_here = view.as_seen_here(caller, dir);
        let mut all = lock(&self.written_to);
        // Once some had no room it stays so: nobody knows which.
        if all.len() >= MOST || all.iter().any(|known| known.stat.is_the_same_as(&stat)) {
            return;
        }
        all.retain(|known| known.dir.stat().is_ok_and(|stat| stat.nlink > 0));
        let dir = seen_here.map_or_else(|| dir.duplicate(), Ok);
        all.extend(dir.ok().map(|dir| Written { stat, dir }));
    }

    /// The refusal, where an overlay would come to write to a zone.
    pub(super) fn written_to_moves_in(
        &self,
        case: Case,
        view: &View,
        (what, stat, paths): (&Seen, &Stat, &[PathBuf]),
        dest: &[PathBuf],
    ) -> Option<Outcome> {
        let all = lock(&self.written_to);
        let covers = |path: &&PathBuf| view.policy.covers(path);
        if all.is_empty() || stat.kind != Kind::Directory || paths.iter().any(|path| covers(&path)) {
            return None;
        }
        let dest = dest.iter().find(covers)?;
        let written = |stat: &Stat| all.iter().any(|known| known.stat.is_the_same_as(stat));
        let is_it = |met: &Stat| (met.dev, met.ino) == (stat.dev, stat.ino);
        let touches =
            || all.iter().any(|known| lies_in(&known.dir, is_it)) || lies_in(&what.entry.dir, written);
        if all.len() < MOST && !written(stat) && !touches() {
            return None;
        }
        let path = paths.first().cloned().unwrap_or_else(|| view.shown(what));
        let zone = self.zone_at(view, dest);
        Some(self.deny(case, Op::Rename, path, Some(dest.clone()), zone, Reason::ZoneMoved))
    }
}

/// Whether a directory is, or lies in, one that is looked for, as far as that can be told.
fn lies_in(dir: &Handle, looked_for: impl Fn(&Stat) -> bool) -> bool {
    let Ok(mut here) = dir.duplicate() else { return true };
    let mut last = None;
    for _ in 0..DEEPEST {
        let Ok(stat) = identify_fd(here.as_fd()) else { return true };
        if looked_for(&stat) {
            return true;
        }
        let place = (stat.dev, stat.ino, stat.mount);
        if last.replace(place) == Some(place) {
            return false;
        }
        let Ok(above) = Handle::open_at(here.as_fd(), c"..", OFlag::O_DIRECTORY) else {
            return true;
        };
        here = above;
    }
    true
}
