//! Putting things back, in steps of which any may be the last.
//!
//! | | steps |
//! |---|---|
//! | on the same mount | it is moved to its place; the index says so |
//! | elsewhere | it is copied beside its place; the index says that it is back; the copy gets its name; what is in the stash is removed |
//! | a directory that was empty | it is made beside its place and gets its name; when everything that goes into it is back it gets its mode and times, and the index says so |
//!
//! After each of them the thing is in the stash as a whole, or at its place as a whole. What the index calls put
//! back and is in the stash all the same is what the next run finishes.

use super::aside::{aside, undo};
use super::directory::is_again;
use super::place::{Place, PlaceError, look};
use crate::stash::{Notes, Stash, StashError};
use endpoint_sec::linux::handle::{self, Handle};
use helper_daemon::stash::{
    DATA, How, Kept, Kind, Meta, Trait, TreeError, Why, copy, data_name, discard, shift,
};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// One thing to put back.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) kept: &'a Kept,
    /// Where to.
    pub(super) place: PathBuf,
    /// Why the index says that it is gone, if it does.
    pub(super) gone: Option<Why>,
    /// What the copy in the stash is without.
    pub(super) without: &'a [String],
}

/// How a thing came back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// It was there already: an earlier run was interrupted, or its directory was made again.
    pub(super) already: bool,
    /// What was in its place is this entry now.
    pub(super) aside: Option<u64>,
    /// Directories that had to be made, of which nothing is known.
    pub(super) made: Vec<PathBuf>,
    /// What it is without.
    pub(super) lost: Vec<Trait>,
}

/// Why a thing did not come back. It is in the stash as before.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("something is there now; --force replaces it and keeps it in the stash")]
    Occupied,
    #[error("something is there now, and the session still runs: move it away, or wait for its end")]
    Live,
    #[error("{0}")]
    Place(#[from] PlaceError),
    #[error("failed to {0}")]
    Tree(#[from] TreeError),
    #[error("the index can't be written: {0}")]
    Index(io::Error),
    #[error("{0}")]
    Refused(#[from] Errno),
    /// Only in tests: everything ends here.
    #[error("stopped")]
    Stopped,
}

/// What came of one thing.
pub(super) type Result<T = Done> = std::result::Result<T, Trouble>;

/// Asked before each step that changes anything; an error ends everything at once, as being killed does.
pub(super) type Go<'a> = &'a mut dyn FnMut() -> std::result::Result<(), ()>;

/// A stash that things are put back from.
pub(super) struct Restoring<'a> {
    pub(super) session: String,
    pub(super) data: Handle,
    pub(super) notes: &'a mut Notes,
    pub(super) next: u64,
    force: bool,
    live: bool,
    go: Go<'a>,
    /// Directories whose mode and times are to be given last, by entry and place.
    pub(super) pending: Vec<(u64, PathBuf, Meta)>,
}

impl<'a> Restoring<'a> {
    /// Begins.
    pub(super) fn new(
        stash: &Stash,
        notes: &'a mut Notes,
        force: bool,
        live: bool,
        go: Go<'a>,
    ) -> std::result::Result<Self, StashError> {
        let path = stash.path.join(DATA);
        let data =
            Handle::open(&path).map_err(|errno| StashError::Unreadable { path, source: errno.into() })?;
        let (session, next) = (stash.id.to_string(), stash.next());
        Ok(Self { session, data, notes, next, force, live, go, pending: Vec::new() })
    }

    /// A step begins.
    pub(super) fn step(&mut self) -> Result<()> {
        (self.go)().map_err(|()| Trouble::Stopped)
    }

    fn put_back(&mut self, job: &Job<'_>) -> Result {
        let place = Place::make(&job.place)?;
        let mut done = match job.kept.how {
            How::Described => self.directory(job, &place)?,
            How::Moved | How::Copied => self.thing(job, &place)?,
        };
        done.made = place.made;
        Ok(done)
    }

    fn thing(&mut self, job: &Job<'_>, place: &Place) -> Result {
        let number = number(job.kept.entry);
        let kept = look(&self.data, &number)?.ok_or(Errno::ENOENT)?;
        let here = kept.stat()?.mount == place.dir.stat()?.mount;
        let temporary = self.temporary(job);
        if self.finish(job, place, &kept, &temporary)? {
            return Ok(Done { already: true, ..Done::default() });
        }
        let there = place.thing()?;
        self.may_replace(there.is_some())?;
        let mut done = Done::default();
        if !here {
            self.step()?;
            discard(place.dir.as_fd(), &temporary)?;
            self.step()?;
            let lost = copy(self.data.as_fd(), &number, place.dir.as_fd(), &temporary)?;
            done.lost = lost.into_iter().map(|lost| lost.what).collect();
            settle(&place.dir, &temporary)?;
        }
        if there.is_some() {
            done.aside = Some(aside(self, place, job)?);
        }
        let named = if here { self.move_back(job, place) } else { self.name_copy(job, place, &temporary) };
        if let (Err(trouble), Some(entry)) = (&named, done.aside)
            && !matches!(trouble, Trouble::Stopped)
        {
            undo(self, place, entry);
        }
        named.map(|()| done)
    }

    /// On the same mount: it gets its name there.
    fn move_back(&mut self, job: &Job<'_>, place: &Place) -> Result<()> {
        self.step()?;
        let number = number(job.kept.entry);
        shift(self.data.as_fd(), &number, place.dir.as_fd(), &place.name).map_err(occupied)?;
        self.step()?;
        // That it is not in the stash any more says as much.
        let _ = self.notes.gone(job.kept.entry, Why::Restored);
        Ok(())
    }

    /// The copy beside its place gets its name, and what is in the stash goes.
    fn name_copy(&mut self, job: &Job<'_>, place: &Place, temporary: &CStr) -> Result<()> {
        self.step()?;
        let noted = self.notes.gone(job.kept.entry, Why::Restored).map_err(Trouble::Index);
        if noted.is_ok() {
            self.step()?;
        }
        let name = || shift(place.dir.as_fd(), temporary, place.dir.as_fd(), &place.name).map_err(occupied);
        let named = noted.and_then(|()| name());
        if named.is_err() {
            // A copy of what is in the stash.
            let _ = discard(place.dir.as_fd(), temporary);
        }
        named?;
        self.step()?;
        // What can't be removed is found by the next run, or goes with the stash.
        let _ = discard(self.data.as_fd(), &number(job.kept.entry));
        Ok(())
    }

    /// Ends what an earlier run began; tells whether it is done then.
    fn finish(&mut self, job: &Job<'_>, place: &Place, kept: &Handle, temporary: &CString) -> Result<bool> {
        let number = number(job.kept.entry);
        let there = place.thing()?;
        let original = Meta::of(kept)?;
        let one = |other: &Meta| (other.dev, other.ino) == (original.dev, original.ino);
        let there = there.map(|there| Meta::of(&there)).transpose()?;
        if there.as_ref().is_some_and(one) && original.kind != Kind::Directory {
            // It has two names: it was given its place by a hard link.
            self.step()?;
            discard(self.data.as_fd(), &number)?;
            self.step()?;
            let _ = self.notes.gone(job.kept.entry, Why::Restored);
            return Ok(true);
        }
        if job.gone != Some(Why::Restored) {
            return Ok(false);
        }
        let alike = |other: &Meta| {
            let size = |meta: &Meta| if meta.kind == Kind::Directory { 0 } else { meta.size };
            (other.kind, other.modified, size(other)) == (original.kind, original.modified, size(&original))
        };
        let mut back = there.as_ref().is_some_and(alike);
        if there.is_none() {
            let copied = look(&place.dir, temporary)?.map(|copied| Meta::of(&copied)).transpose()?;
            if copied.as_ref().is_some_and(alike) {
                self.step()?;
                shift(place.dir.as_fd(), temporary, place.dir.as_fd(), &place.name).map_err(occupied)?;
                back = true;
            }
        }
        if back {
            self.step()?;
            discard(self.data.as_fd(), &number)?;
        }
        Ok(back)
    }

    pub(super) fn may_replace(&self, there: bool) -> Result<()> {
        match (there, self.force, self.live) {
            (false, _, _) | (true, true, false) => Ok(()),
            (true, false, _) => Err(Trouble::Occupied),
            (true, true, true) => Err(Trouble::Live),
        }
    }

    /// The name of what is not complete yet. The same in every run: so one that was interrupted is found.
    pub(super) fn temporary(&self, job: &Job<'_>) -> CString {
        let name = format!(".es-guard-restore-{}-{}", self.session, job.kept.entry);
        CString::new(name).unwrap_or_default()
    }
}

/// Puts everything back; `None` when a test has stopped it.
pub(super) fn all(restoring: &mut Restoring<'_>, jobs: &[Job<'_>]) -> Option<Vec<Result>> {
    let mut done = Vec::new();
    for job in jobs {
        match restoring.put_back(job) {
            Err(Trouble::Stopped) => return None,
            other => done.push(other),
        }
    }
    restoring.close().is_ok().then_some(done)
}

/// What would come of it.
pub(super) fn foresee(job: &Job<'_>, force: bool) -> Result {
    let Some(place) = Place::find(&job.place)? else { return Ok(Done::default()) };
    let Some(there) = place.thing()? else { return Ok(Done::default()) };
    let now = Meta::of(&there)?;
    let again =
        job.kept.how == How::Described && now.kind == Kind::Directory && is_again(&now, &job.kept.meta);
    match (again, force) {
        (true, _) => Ok(Done { already: true, ..Done::default() }),
        (false, true) => Ok(Done::default()),
        (false, false) => Err(Trouble::Occupied),
    }
}

/// The name of an entry in `data`.
pub(super) fn number(entry: u64) -> CString {
    CString::new(data_name(entry)).unwrap_or_default()
}

/// Writes to the disk what was copied: the original goes.
pub(super) fn settle(dir: &Handle, name: &CStr) -> std::result::Result<(), Errno> {
    let Some(thing) = look(dir, name)? else { return Err(Errno::ENOENT) };
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let open = |dir: &Handle, name: &CStr| nix::fcntl::openat(dir, name, flags, Mode::empty());
    // What may be written and not read: the kernel writes it in its own time.
    match thing.stat()?.kind {
        handle::Kind::Regular => open(dir, name).map_or(Ok(()), nix::unistd::fsync),
        // One call for the whole tree, and whatever else is to be written there.
        handle::Kind::Directory => open(dir, c".").map_or(Ok(()), nix::unistd::syncfs),
        handle::Kind::Symlink | handle::Kind::Other => Ok(()),
    }
}

pub(super) fn occupied(errno: Errno) -> Trouble {
    if errno == Errno::EEXIST { Trouble::Occupied } else { errno.into() }
}
