//! Opening for writing, and cutting: refused for what es-guard keeps for itself, an edit everywhere else.
//!
//! This room finds out which file is meant and has that judged. Where the guard has something to lose to the
//! tree (the system's helper) the call is then performed by [`open`](super::open), as the kernel would read
//! the path again; an embedded helper lets the kernel go on.

use super::view::{View, Where};
use super::{Case, Outcome, Seen, Session, Stance, bare};
use crate::policy::judge::{Circumstances, Loss, Reason, Verdict, judge};
use crate::policy::operation::{Op, Operation, Place};
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::caller::Unread;
use endpoint_sec::linux::event::{At, Writing};
use endpoint_sec::linux::handle::{Handle, Kind, Stat};
use endpoint_sec::linux::listener::Answer;
use endpoint_sec::linux::resolve::{self, Last};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

impl Session {
    /// Opening what is there for writing, or cutting it.
    pub(super) fn write(&self, case: Case, at: &At, how: Writing) -> Result<Outcome, Unread> {
        match (self.stance, how) {
            _ if self.confined() => self.write_judged(case, at),
            (Stance::Yields, _) => self.write_judged(case, at),
            (Stance::Withstands, Writing::Open { flags }) => self.open(case, at, flags, 0),
            (Stance::Withstands, Writing::Truncate { length }) => self.truncate(case, at, length),
        }
    }

    /// Judges, and lets the kernel go on. What can't be followed the kernel refuses by itself.
    pub(super) fn write_judged(&self, case: Case, at: &At) -> Result<Outcome, Unread> {
        let view = self.view();
        let refused = match self.last(case, at, true) {
            Ok(Last::Object(object)) => self.sealed_object(case, &view, &object),
            Ok(Last::Entry(entry)) => match entry.dir.stat() {
                Ok(dir) => self.sealed_entry(case, &view, &Seen { entry, dir }),
                Err(_) => None,
            },
            Err(Unread::Gone) => return Err(Unread::Gone),
            Err(_) => None,
        };
        Ok(refused.unwrap_or_else(|| Answer::Continue.into()))
    }

    /// What a path names, and with `follow` in the end.
    pub(super) fn last(&self, case: Case, at: &At, follow: bool) -> Result<Last, Unread> {
        let home = at.path.starts_with(b"/") && self.known.is_at_home(&case.caller);
        let root = home.then(|| self.known.root());
        let last = self.search(&case.caller, || resolve::last(&case.caller, at, root, follow))?;
        // Everything up to here was read through the caller's pid.
        if self.listener.still_valid(case.id) { Ok(last) } else { Err(Unread::Gone) }
    }

    /// The refusal, where the name is one that es-guard keeps, or its file has such a name too.
    pub(super) fn sealed_entry(&self, case: Case, view: &View, seen: &Seen) -> Option<Outcome> {
        if view.plainly_outside(seen.dir.mount) {
            return None;
        }
        // What is mounted over the name lies elsewhere.
        if seen.entry.stat().is_ok_and(|stat| stat.mount_root)
            && let Some(name) = seen.entry.plain_name()
            && let Ok(object) = Handle::open_at(seen.entry.dir.as_fd(), &name, OFlag::O_NOFOLLOW)
            && let Some(refused) = self.sealed_object(case, view, &object)
        {
            return Some(refused);
        }
        let shown = || view.shown(seen);
        match view.locate(&case.caller, seen) {
            Where::Known(paths) => {
                let refused = self.sealed_paths(case, view, paths);
                refused.or_else(|| self.sealed_twin(case, view, &seen.entry.stat().ok()?, shown))
            }
            Where::Outside => self.sealed_twin(case, view, &seen.entry.stat().ok()?, shown),
            // A mount that has no place: what lies above inside its file system tells.
            Where::Unclear if keeps_above(view, &seen.entry.dir) => {
                Some(self.unclear(case, Op::Write, view, seen))
            }
            Where::Unclear => self.sealed_file(case, view, &seen.entry.stat().ok()?, shown),
        }
    }

    pub(super) fn sealed_object(&self, case: Case, view: &View, object: &Handle) -> Option<Outcome> {
        let refused = self.sealed_paths(case, view, view.paths_of(&case.caller, object));
        refused.or_else(|| self.sealed_file(case, view, &object.stat().ok()?, PathBuf::new))
    }

    /// The refusal, where a file of more than one name, or one that is mounted over another, is one that es-guard keeps.
    pub(super) fn sealed_twin(
        &self,
        case: Case,
        view: &View,
        stat: &Stat,
        name: impl FnOnce() -> PathBuf,
    ) -> Option<Outcome> {
        if stat.nlink < 2 && !stat.mount_root { None } else { self.sealed_file(case, view, stat, name) }
    }

    fn sealed_paths(&self, case: Case, view: &View, paths: Vec<PathBuf>) -> Option<Outcome> {
        let place = Place { paths, ..Place::default() };
        let path = place.shown().to_owned();
        match judge(&view.policy, &Operation::Write(place), Circumstances::default()) {
            Verdict::Deny(Loss { zone, reason }) | Verdict::Hold(Loss { zone, reason }) => {
                Some(self.deny(case, Op::Write, path, None, zone, reason))
            }
            Verdict::Allow | Verdict::Stash(_) => None,
        }
    }

    /// The refusal, where the file itself, by whatever name, is one that es-guard keeps.
    fn sealed_file(
        &self,
        case: Case,
        view: &View,
        stat: &Stat,
        name: impl FnOnce() -> PathBuf,
    ) -> Option<Outcome> {
        if stat.kind != Kind::Regular {
            return None;
        }
        let of_zone = internal(view).find(|(_, kept)| same(kept, stat)).map(|(zone, _)| zone);
        let of_records = || internal(view).map(|(zone, _)| zone).next();
        let zone =
            of_zone.or_else(|| self.kept.contains(&(stat.dev, stat.ino)).then(of_records).flatten())?;
        let name = name();
        let path = if name.as_os_str().is_empty() { zone.clone() } else { name };
        Some(self.deny(case, Op::Write, path, None, zone, Reason::Sealed))
    }

    fn truncate(&self, case: Case, at: &At, length: i64) -> Result<Outcome, Unread> {
        let view = self.view();
        let file = match self.last(case, at, true)? {
            Last::Object(object) => object,
            Last::Entry(entry) => {
                let name = entry.plain_name().ok_or(Unread::Bare(Errno::EISDIR))?;
                let file = Handle::open_at(entry.dir.as_fd(), &name, OFlag::O_NOFOLLOW);
                let dir = entry.dir.stat().map_err(Unread::Bare)?;
                let wants_directory = entry.wants_directory();
                if let Some(refused) = self.sealed_entry(case, &view, &Seen { entry, dir }) {
                    return Ok(refused);
                }
                let file = file.map_err(Unread::Bare)?;
                if wants_directory && file.stat().map_err(Unread::Bare)?.kind != Kind::Directory {
                    return Err(Unread::Bare(Errno::ENOTDIR));
                }
                file
            }
        };
        // What the name stood for when it was opened is what is cut.
        if let Some(refused) = self.sealed_object(case, &view, &file) {
            return Ok(refused);
        }
        if let Some(refused) = self.too_long(case, &file, length)? {
            return Ok(refused);
        }
        let act = Act::Truncate { file: file.as_raw_fd(), length };
        Ok(self.perform(&case.caller, &act).into())
    }

    /// The refusal, where a file would become longer than the caller may make one (`RLIMIT_FSIZE`), and the signal that
    /// the kernel sends then. This process has a limit of its own, which is not asked.
    fn too_long(&self, case: Case, file: &Handle, length: i64) -> Result<Option<Outcome>, Unread> {
        let stat = file.stat().map_err(Unread::Bare)?;
        let length = u64::try_from(length).unwrap_or(0);
        if stat.kind != Kind::Regular || length <= stat.size {
            return Ok(None);
        }
        let limit = case.caller.file_size_limit()?;
        if limit.is_none_or(|limit| length <= limit) {
            return Ok(None);
        }
        // Whatever else is wrong with it comes first.
        let flags = (OFlag::O_WRONLY | OFlag::O_NONBLOCK).bits();
        let errno = match self.open_as(&case.caller, &Act::Reopen { object: file.as_raw_fd(), flags }) {
            Err(errno) => errno,
            Ok(_) if !self.listener.still_valid(case.id) => return Err(Unread::Gone),
            Ok(_) => {
                // One that can't be sent leaves the error.
                let _ = case.caller.signal(Signal::SIGXFSZ as i32);
                Errno::EFBIG
            }
        };
        Ok(Some(Answer::Fail(errno).into()))
    }
}

fn same(one: &Stat, other: &Stat) -> bool {
    (one.dev, one.ino) == (other.dev, other.ino)
}

/// What stands at es-guard's own zones now.
fn internal(view: &View) -> impl Iterator<Item = (PathBuf, Stat)> {
    let zones = view.policy.zones.iter().filter(|zone| zone.internal);
    zones.filter_map(|zone| Some((zone.path.clone(), Handle::open(&zone.path).ok()?.stat().ok()?)))
}

/// Whether a directory is one of es-guard's own, or lies below one inside its file system.
fn keeps_above(view: &View, dir: &Handle) -> bool {
    // Of a symlink only the name is kept, not where it leads.
    internal(view).any(|(zone, kept)| !zone.is_symlink() && bare::is_above(&kept, dir))
}
