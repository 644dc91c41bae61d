//! What is in the way goes into the stash first, as a further entry: so a restore can itself be undone.

use super::perform::{Job, Restoring, Result, Trouble, number, settle};
use super::place::{Place, look};
use crate::render::note;
use helper_daemon::policy::judge::Reason;
use helper_daemon::policy::operation::Op;
use helper_daemon::stash::{How, Kept, Kind, Meta, Why, copy, discard, shift};
use nix::errno::Errno;
use std::ffi::CString;
use std::os::fd::AsFd;

/// Who took what was in the way. No program of a session is called so: theirs are paths from the root.
const OURSELVES: &str = "es-guard";

/// Whether an entry was set aside by a restore. Such a one is put back only by its number: else to run a restore
/// again would undo it.
pub(super) fn is_aside(kept: &Kept) -> bool {
    kept.exe.as_os_str() == OURSELVES
}

/// Keeps what is at a place, and tells under which number. A directory in the way of one that was empty keeps
/// its place and all that is in it: how it looks now is noted.
pub(super) fn aside(restoring: &mut Restoring<'_>, place: &Place, job: &Job<'_>) -> Result<u64> {
    let there = place.thing()?.ok_or(Errno::ENOENT)?;
    let meta = Meta::of(&there)?;
    let here = there.stat()?.mount == restoring.data.stat()?.mount;
    let how = match (job.kept.how, meta.kind, here) {
        (How::Described, Kind::Directory, _) => How::Described,
        (_, _, true) => How::Moved,
        (_, _, false) => How::Copied,
    };
    let entry = restoring.next;
    restoring.next += 1;
    let kept = Kept {
        entry,
        op: Op::Rename,
        reason: Reason::Clobbered,
        path: job.place.clone(),
        zone: if job.place.starts_with(&job.kept.zone) { job.kept.zone.clone() } else { job.place.clone() },
        how,
        meta,
        pid: nix::unistd::getpid().as_raw(),
        exe: OURSELVES.into(),
    };
    restoring.step()?;
    restoring.notes.kept(kept).map_err(Trouble::Index)?;
    let taken = match how {
        How::Described => Ok(()),
        How::Moved => {
            restoring.step()?;
            shift(place.dir.as_fd(), &place.name, restoring.data.as_fd(), &number(entry))
                .map_err(Trouble::from)
        }
        How::Copied => copied(restoring, place, entry),
    };
    let stopped = matches!(taken, Err(Trouble::Stopped));
    if taken.is_err() && !stopped && look(&restoring.data, &number(entry)).is_ok_and(|kept| kept.is_none()) {
        // Without this line it counts as not taken all the same: nothing of that number is there.
        let _ = restoring.notes.gone(entry, Why::NotTaken);
    }
    taken.map(|()| entry)
}

/// Keeps a copy and removes the original. Only a whole copy gets its number.
fn copied(restoring: &mut Restoring<'_>, place: &Place, entry: u64) -> Result<()> {
    let part = CString::new(format!("{entry}.part")).unwrap_or_default();
    restoring.step()?;
    discard(restoring.data.as_fd(), &part)?;
    restoring.step()?;
    copy(place.dir.as_fd(), &place.name, restoring.data.as_fd(), &part)?;
    settle(&restoring.data, &part)?;
    restoring.step()?;
    shift(restoring.data.as_fd(), &part, restoring.data.as_fd(), &number(entry))?;
    restoring.step()?;
    discard(place.dir.as_fd(), &place.name)?;
    Ok(())
}

/// Puts back what was kept from a place that nothing came to after all.
pub(super) fn undo(restoring: &mut Restoring<'_>, place: &Place, entry: u64) {
    match shift(restoring.data.as_fd(), &number(entry), place.dir.as_fd(), &place.name) {
        Ok(()) => drop(restoring.notes.gone(entry, Why::Restored)),
        Err(_) => note(&format!("what was there is entry {entry} of the stash now")),
    }
}
