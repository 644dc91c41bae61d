//! Keeping what an operation takes, where its zone lets it through: in the session's stash.
//!
//! What is to be kept is written down first, then taken, by a rename where that is possible. Whether bare would
//! have allowed the operation is asked before. If keeping fails, nothing has happened, and the operation is
//! denied.

use super::{Case, Seen, Session, lock};
use crate::denial::Denial;
use crate::policy::judge::Reason;
use crate::stash::{Entry, How, Kept, Meta, Store, Why, copy_whole, discard, name_of};
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::handle::{Handle, Stat};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::ffi::CStr;
use std::os::fd::AsFd;
use std::path::Path;

/// What an operation takes.
pub(super) struct Lost<'a> {
    /// The name it stands at now.
    pub(super) seen: &'a Seen,
    pub(super) stat: &'a Stat,
    /// Where it was.
    pub(super) path: &'a Path,
}

impl Session {
    /// Moves what stands at a name into the stash; `Err` is why it is denied instead.
    pub(super) fn take_away(&self, case: Case, lost: &Lost<'_>, what: &Denial) -> Result<u64, Reason> {
        let store = self.store()?;
        if !store.can_move(lost.seen.dir.mount) {
            return self.take_away_by_copy(case, lost, what);
        }
        let entry = announce(store, what, Meta::from(lost.stat), lost, How::Moved)?;
        let act = store.move_in(&lost.seen.entry.dir, &lost.seen.entry.name, &entry);
        let taken = match act.perform() {
            // In a user namespace of its own a caller may do more to its files than this process may.
            Err(Errno::EACCES | Errno::EPERM) => self.ask(&case.caller, &act),
            other => other,
        };
        match taken {
            Ok(_) => {
                self.note_taken(lost.seen);
                Ok(entry.number)
            }
            Err(errno) => {
                store.withdraw(&entry);
                Err(why(errno))
            }
        }
    }

    /// Something was taken from its directory, which changed the directory's time.
    fn note_taken(&self, seen: &Seen) {
        if let Ok(after) = seen.entry.dir.stat() {
            lock(&self.dates).taken((after.dev, after.ino), seen.dir.modified, after.modified);
        }
    }

    fn take_away_by_copy(&self, case: Case, lost: &Lost<'_>, what: &Denial) -> Result<u64, Reason> {
        let entry = self.keep_copy(lost, what)?;
        let act = Act::Unlink { dir: &lost.seen.entry.dir, name: &lost.seen.entry.name };
        match self.ask(&case.caller, &act) {
            Ok(_) => {
                self.note_taken(lost.seen);
                Ok(entry.number)
            }
            Err(errno) => {
                self.discard(&entry);
                Err(why(errno))
            }
        }
    }

    /// Copies what stands at a name into the stash, with all below it.
    pub(super) fn keep_copy(&self, lost: &Lost<'_>, what: &Denial) -> Result<Entry, Reason> {
        let store = self.store()?;
        let entry = announce(store, what, Meta::from(lost.stat), lost, How::Copied)?;
        let (from, name) = (lost.seen.entry.dir.as_fd(), &lost.seen.entry.name);
        // A helper that is killed leaves no part of it that looks like all of it.
        match copy_whole(from, name, store.data().as_fd(), &entry.name) {
            Ok(without) => {
                store.without(&entry, &without);
                Ok(entry)
            }
            Err(error) => {
                store.withdraw(&entry);
                Err(why(error.errno()))
            }
        }
    }

    /// Writes down an empty directory that is about to go: there is nothing else of it. Its time is that before
    /// what was in it was taken.
    pub(super) fn describe(&self, lost: &Lost<'_>, what: &Denial) -> Result<Entry, Reason> {
        let store = self.store()?;
        let (dir, name) = (&lost.seen.entry.dir, &lost.seen.entry.name);
        let directory = Handle::open_at(dir.as_fd(), name, OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW);
        let mut meta = directory.and_then(|directory| Meta::of(&directory)).map_err(why)?;
        let first = lock(&self.dates).first((meta.dev, meta.ino), meta.modified.into());
        meta.modified = first.try_into().unwrap_or(meta.modified);
        announce(store, what, meta, lost, How::Described)
    }

    /// A directory that was written down is gone.
    pub(super) fn note_gone(&self, lost: &Lost<'_>) {
        lock(&self.dates).forget((lost.stat.dev, lost.stat.ino));
        self.note_taken(lost.seen);
    }

    /// What was announced has not happened.
    pub(super) fn withdraw(&self, entry: &Entry) {
        if let Ok(store) = self.store() {
            store.withdraw(entry);
        }
    }

    /// Takes a copy out of the stash again, as what it was made for has not happened.
    pub(super) fn discard(&self, entry: &Entry) {
        self.discard_as(entry.number, Why::NotTaken);
    }

    /// Takes something out of the stash for good.
    pub(super) fn discard_as(&self, entry: u64, why: Why) {
        let Some(store) = &self.stash else { return };
        // What can't be removed stays, and nobody misses it.
        let _ = discard(store.data().as_fd(), &name_of(entry));
        store.gone(entry, why);
    }

    /// Puts what was just taken away back.
    pub(super) fn put_back(&self, entry: u64, lost: &Lost<'_>) {
        if let Ok(store) = self.store() {
            let _ = store.put_back(entry, &lost.seen.entry.dir, &lost.seen.entry.name);
        }
    }

    /// Puts back what was taken away a while ago, if nothing stands there; `false` where it stays in the stash.
    pub(super) fn put_back_later(&self, entry: u64, dir: &Handle, name: &CStr) -> bool {
        let Some(store) = &self.stash else { return false };
        match store.put_back(entry, dir, name) {
            Err(Errno::EXDEV) => self.put_back_by_copy(store, entry, dir, name),
            done => done.is_ok(),
        }
    }

    /// The name stands for nothing until the copy is whole.
    fn put_back_by_copy(&self, store: &Store, entry: u64, dir: &Handle, name: &CStr) -> bool {
        let copied = copy_whole(store.data().as_fd(), &name_of(entry), dir.as_fd(), name);
        if copied.is_ok() {
            self.discard_as(entry, Why::NotTaken);
        }
        copied.is_ok()
    }

    /// Where this process may not act for the tree, it can keep nothing for it.
    fn store(&self) -> Result<&Store, Reason> {
        self.stash.as_ref().filter(|_| !self.confined()).ok_or(Reason::NotKept)
    }
}

fn announce(store: &Store, what: &Denial, meta: Meta, lost: &Lost<'_>, how: How) -> Result<Entry, Reason> {
    let kept = Kept {
        entry: 0,
        op: what.op,
        reason: what.reason,
        path: lost.path.to_owned(),
        zone: what.zone.clone(),
        how,
        meta,
        pid: what.pid,
        exe: what.exe.clone(),
    };
    store.announce(kept).map_err(|error| why(error.raw_os_error().map_or(Errno::ENOSPC, Errno::from_raw)))
}

fn why(errno: Errno) -> Reason {
    match errno {
        Errno::ENOSPC | Errno::EDQUOT => Reason::StashFull,
        _ => Reason::NotKept,
    }
}
