//! Overlays that the session mounts: what they write to stays outside of the zones.
//!
//! An overlay removes files of its upper directory under another device, and finds that directory by the inode
//! it was mounted with, wherever it has moved since. None that touches a zone can be mounted. So that none comes to
//! touch one later, neither such a directory nor what holds it or lies in it moves into a zone.

use super::below::all_below;
use super::{Case, Outcome, Seen, Session, View, lock};
use crate::policy::judge::Reason;
use crate::policy::operation::Op;
use endpoint_sec::linux::handle::{Handle, Kind, Stat};
use endpoint_sec::linux::identity::identify_fd;
use nix::fcntl::OFlag;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// Directories that are remembered. A session that mounts more moves no directory into its zones any more.
const MOST: usize = 10_000;
/// The deepest place that is looked at.
const DEEPEST: usize = 4096;

impl Session {
    /// An overlay that writes to this directory is about to be mounted.
    pub(super) fn is_written_to(&self, dir: &Handle) {
        let Ok(stat) = identify_fd(dir.as_fd()) else { return };
        let mut all = lock(&self.written_to);
        if all.len() < MOST && !all.iter().any(|known| known.is_the_same_as(&stat)) {
            all.push(stat);
        }
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
        let written = |stat: &Stat| all.iter().any(|known| known.is_the_same_as(stat));
        if all.len() < MOST && !written(stat) && !lies_in(what, written) && !holds(what, written) {
            return None;
        }
        let path = paths.first().cloned().unwrap_or_else(|| view.shown(what));
        let zone = self.zone_at(view, dest);
        Some(self.deny(case, Op::Rename, path, Some(dest.clone()), zone, Reason::ZoneMoved))
    }
}

fn holds(seen: &Seen, written: impl Fn(&Stat) -> bool) -> bool {
    !seen.entry.plain_name().is_some_and(|name| all_below(&seen.entry.dir, &name, |stat| !written(stat)))
}

fn lies_in(seen: &Seen, written: impl Fn(&Stat) -> bool) -> bool {
    let Ok(mut here) = seen.entry.dir.duplicate() else { return true };
    let mut last = None;
    for _ in 0..DEEPEST {
        let Ok(stat) = identify_fd(here.as_fd()) else { return true };
        if written(&stat) {
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
