//! Directories that were empty: made again before what was in them, and given their looks after it.

use super::aside::aside;
use super::perform::{Done, Job, Restoring, Result, occupied};
use super::place::Place;
use endpoint_sec::linux::handle::{Handle, Kind as FileKind};
use helper_daemon::stash::{Kept, Kind, Meta, Why, discard, shift};
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, mkdirat};
use std::fs::Permissions;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;

impl Restoring<'_> {
    /// Puts it back, for other things to go into.
    pub(super) fn directory(&mut self, job: &Job<'_>, place: &Place) -> Result {
        let meta = &job.kept.meta;
        let pending = (job.kept.entry, job.place.clone(), meta.clone());
        let mut done = Done::default();
        if let Some(there) = place.thing()? {
            let now = Meta::of(&there)?;
            if now.kind == Kind::Directory && is_again(&now, meta) {
                self.pending.push(pending);
                return Ok(Done { already: true, ..done });
            }
            self.may_replace(true)?;
            done.aside = Some(aside(self, place, job)?);
            if now.kind == Kind::Directory {
                // What is in it stays.
                self.pending.push(pending);
                return Ok(done);
            }
        }
        let temporary = self.temporary(job);
        self.step()?;
        discard(place.dir.as_fd(), &temporary)?;
        self.step()?;
        mkdirat(&place.dir, temporary.as_c_str(), Mode::S_IRWXU)?;
        let made = Handle::open_at(place.dir.as_fd(), &temporary, OFlag::O_NOFOLLOW)?;
        let open = Meta { mode: meta.mode | 0o700, ..meta.clone() };
        done.lost = open.give(&made)?;
        self.step()?;
        if let Err(errno) = shift(place.dir.as_fd(), &temporary, place.dir.as_fd(), &place.name) {
            let _ = discard(place.dir.as_fd(), &temporary);
            return Err(occupied(errno));
        }
        self.pending.push(pending);
        Ok(done)
    }

    /// Gives directories their mode and times, the deepest first, now that nothing goes into them any more.
    pub(super) fn close(&mut self) -> Result<()> {
        while let Some((entry, path, meta)) = self.pending.pop() {
            self.step()?;
            let given = Place::find(&path).ok().flatten().and_then(|place| place.thing().ok().flatten());
            let is_directory =
                |thing: &Handle| thing.stat().is_ok_and(|stat| stat.kind == FileKind::Directory);
            if let Some(directory) = given.filter(is_directory)
                && meta.give(&directory).is_ok()
            {
                self.step()?;
                let _ = self.notes.gone(entry, Why::Restored);
            }
        }
        Ok(())
    }
}

/// Whether a directory is the one that was removed, made again: by an earlier run, or alike.
pub(super) fn is_again(now: &Meta, then: &Meta) -> bool {
    (now.uid, now.gid) == (then.uid, then.gid) && (now.mode == then.mode || now.mode == then.mode | 0o700)
}

/// Gives directories their mode again that were made writable to be moved, by a run that was killed then.
pub(super) fn close_again<'a>(moved: impl Iterator<Item = &'a Kept>) {
    for kept in moved {
        let Ok(Some(place)) = Place::find(&kept.path) else { continue };
        let Ok(Some(there)) = place.thing() else { continue };
        let Ok(now) = there.stat() else { continue };
        let same = (now.dev, now.ino) == (kept.meta.dev, kept.meta.ino);
        if same && now.mode != kept.meta.mode && now.mode == kept.meta.mode | 0o700 {
            let path = format!("/proc/self/fd/{}", there.as_raw_fd());
            // What can't be given is as before.
            let _ = std::fs::set_permissions(path, Permissions::from_mode(kept.meta.mode & 0o7777));
        }
    }
}
