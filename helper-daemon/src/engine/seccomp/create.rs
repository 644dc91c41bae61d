//! Creations: what the session makes at a name that was free is its own.
//!
//! Creating is always allowed. It is performed here, not only watched, wherever it would make something the
//! session's own: a path that another thread flips under a continued call can land at another name than the
//! one that was seen. Where nothing would be recorded, or anything goes wrong, the kernel goes on: then the
//! file is simply not the session's own, which refuses and never loses.

use super::below::DirKey;
use super::link::how_linked;
use super::own::How;
use super::view::View;
use super::{Case, Outcome, Reply, Seen, Session, Stance, Where};
use crate::deeds::Deed;
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::caller::Unread;
use endpoint_sec::linux::event::{At, Creation};
use endpoint_sec::linux::handle::{self, Stat};
use endpoint_sec::linux::identity::identify_fd;
use endpoint_sec::linux::listener::Answer;
use endpoint_sec::linux::resolve::{self, Entry};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

/// A name that was just made, to be unmade should its descriptor not reach the caller.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) entry: Entry,
    pub(super) stat: Stat,
}

/// A file that was to be made.
pub(super) enum New {
    Made { fd: OwnedFd, made: Made, deed: Option<Box<Deed>> },
    Failed(Errno),
}

/// What becomes of a creation.
enum Done {
    Answered(Box<Outcome>),
    /// Nothing would be recorded, and nothing is refused.
    NotOurs,
    /// A file is opened by a symlink: if it is not there yet, it is made where that leads.
    ThroughLink,
}

impl From<Answer> for Done {
    fn from(answer: Answer) -> Self {
        Done::Answered(Box::new(answer.into()))
    }
}

impl Session {
    pub(super) fn create(&self, case: Case, at: &At, what: &Creation) -> Result<Outcome, Unread> {
        if let Creation::Open { flags, mode } = what
            && self.stance == Stance::Withstands
            && !self.confined()
        {
            return self.open(case, at, *flags, *mode);
        }
        match self.create_performed(case, at, what) {
            Ok(Done::Answered(outcome)) => return Ok(*outcome),
            Ok(Done::ThroughLink) => {
                if let Creation::Open { flags, mode } = what {
                    return self.open(case, at, *flags, *mode);
                }
            }
            Err(unread) if self.stance == Stance::Withstands => {
                // What is linked the kernel looks up before the new name.
                if let Creation::Link { from, flags } = what {
                    self.source(&self.own(), case, from, *flags)?;
                }
                return Err(unread);
            }
            Ok(Done::NotOurs) | Err(_) => {}
        }
        match what {
            // What is there already is opened for writing.
            Creation::Open { flags, .. }
                if flags & OFlag::O_EXCL.bits() == 0 && !self.is_plain_outside(case, at) =>
            {
                self.write_judged(case, at)
            }
            _ => Ok(Answer::Continue.into()),
        }
    }

    /// Whether a path ends, in a directory that was outside all zones a moment ago, with a name that stands for
    /// nothing or for a file of that one name.
    fn is_plain_outside(&self, case: Case, at: &At) -> bool {
        let Some(parent) = resolve::parent_text(&at.path).filter(|parent| parent.starts_with(b"/")) else {
            return false;
        };
        if !self.known.was_outside(parent) || !self.known.is_at_home(&case.caller) {
            return false;
        }
        let Ok(path) = CString::new(at.path.as_slice()) else { return false };
        match self.known.root().stat_entry(&path) {
            Ok(stat) => stat.kind != handle::Kind::Symlink && stat.nlink < 2,
            Err(errno) => errno == Errno::ENOENT,
        }
    }

    /// Makes a file at a name that was free, and hands over its descriptor.
    pub(super) fn make_file(
        &self,
        case: Case,
        view: &View,
        seen: Seen,
        flags: i32,
        mode: u32,
    ) -> Result<New, Unread> {
        let mut own = self.own();
        let recorded = self.recorded_as(view, case, &seen);
        let recorded = recorded.filter(|path| self.makes_own(&mut own, view, case, &seen, path));
        let mut own = recorded.is_some().then_some(&mut *own);
        self.known.take_on_mask(&case.caller)?;
        let act = Act::Open { dir: &seen.entry.dir, name: &seen.entry.name, flags, mode };
        let fd = match self.open_as(&case.caller, &act) {
            Ok(fd) => fd,
            Err(errno) => return Ok(New::Failed(errno)),
        };
        let stat = identify_fd(fd.as_fd()).map_err(Unread::Bare)?;
        if let Some(own) = &mut own {
            own.put((seen.dir.dev, seen.dir.ino), seen.entry.bare_name(), &stat, How::Made);
        }
        Ok(New::Made {
            fd,
            made: Made { entry: seen.entry, stat },
            deed: recorded.map(|path| Deed::Made(path).into()),
        })
    }

    fn create_performed(&self, case: Case, at: &At, what: &Creation) -> Result<Done, Unread> {
        let parent = resolve::parent_text(&at.path).filter(|parent| parent.starts_with(b"/"));
        // A link gives a file another way to it, and a tree that attacks may have any name made among es-guard's
        // own, if the kernel reads the path again.
        let always = self.stance == Stance::Withstands || matches!(what, Creation::Link { .. });
        if self.confined() || (!always && parent.is_some_and(|parent| self.known.was_outside(parent))) {
            return Ok(Done::NotOurs);
        }
        let seen = self.see(case, at)?;
        let view = self.view();
        // Under the lock no directory of the tree moves in or out of a zone.
        let mut own = self.own();
        let paths = match view.locate(&case.caller, &seen) {
            Where::Known(paths) => paths,
            Where::Outside | Where::Unclear => Vec::new(),
        };
        if let Some(refused) = self.sealed_making(case, &view, &seen, &paths) {
            return Ok(Done::Answered(Box::new(refused)));
        }
        let covered = paths.into_iter().find(|path| view.policy.covers(path));
        let recorded = covered.filter(|_| !seen.entry.is_special());
        let recorded = recorded.filter(|path| self.makes_own(&mut own, &view, case, &seen, path));
        if recorded.is_none() && !always {
            // A directory that holds a zone is not plainly outside: a zone may be one name in it.
            let plainly = || view.touches(&case.caller, &seen.entry.dir).is_none();
            if let Some(parent) = parent.filter(|_| self.known.is_at_home(&case.caller) && plainly()) {
                self.known.keep_outside(parent);
            }
            return Ok(Done::NotOurs);
        }
        self.known.take_on_mask(&case.caller)?;
        let (dir, name) = (&seen.entry.dir, seen.entry.name.as_c_str());
        let dir_key = (seen.dir.dev, seen.dir.ino);
        let bare_name = seen.entry.bare_name().to_vec();
        let plain = |act: Act<'_>| match self.perform(&case.caller, &act) {
            Answer::Fail(errno) => Err(errno),
            _ => Ok(()),
        };
        let (mut how, mut linked) = (How::Made, None);
        let done = match what {
            Creation::Open { flags, mode } => {
                let act = Act::Open { dir, name, flags: *flags, mode: *mode };
                let fd = match self.open_as(&case.caller, &act) {
                    Ok(fd) => fd,
                    Err(Errno::EEXIST) if flags & OFlag::O_EXCL.bits() != 0 => {
                        return Ok(Answer::Fail(Errno::EEXIST).into());
                    }
                    Err(Errno::EEXIST) if is_symlink(&seen) => return Ok(Done::ThroughLink),
                    Err(_) => return Ok(Done::NotOurs),
                };
                let stat = identify_fd(fd.as_fd()).map_err(Unread::Bare)?;
                own.put(dir_key, &bare_name, &stat, How::Made);
                let made = Some(Made { entry: seen.entry, stat });
                let reply = Reply::Descriptor { fd, cloexec: flags & OFlag::O_CLOEXEC.bits() != 0, made };
                let deed = recorded.map(|path| Deed::Made(path).into());
                return Ok(Done::Answered(Box::new(Outcome { reply, told: None, deed })));
            }
            Creation::Directory { mode } => plain(Act::Mkdir { dir, name, mode: *mode }),
            Creation::Node { mode, dev } => plain(Act::Mknod { dir, name, mode: *mode, dev: *dev }),
            Creation::Symlink { target } => {
                let target = CString::new(target.as_slice()).map_err(|_| Unread::Bare(Errno::EINVAL))?;
                plain(Act::Symlink { target: &target, dir, name })
            }
            Creation::Link { from, flags } => {
                let source = self.source(&own, case, from, *flags)?;
                if let Some(refused) = self.sealed_source(case, &view, &source) {
                    return Ok(Done::Answered(Box::new(refused)));
                }
                (how, linked) = (how_linked(&source), Some(source.stat.ino));
                let from_name = source.name.as_deref();
                plain(Act::Link { from: &source.handle, from_name, dir, name })
            }
            Creation::Socket { fd } => {
                let Some(socket) = case.caller.copy_descriptor(*fd)? else { return Ok(Done::NotOurs) };
                match plain(Act::Bind { socket: socket.as_raw_fd(), dir, name }) {
                    Err(Errno::EADDRINUSE) => return Ok(Answer::Fail(Errno::EADDRINUSE).into()),
                    // Too long for the name that it is bound by here; to the caller it may be short. A socket
                    // can stand in no file's place.
                    Err(errno) if errno == Errno::ENAMETOOLONG || self.stance == Stance::Yields => {
                        return Ok(Done::NotOurs);
                    }
                    done => done,
                }
            }
        };
        Ok(match done {
            Ok(()) => {
                if recorded.is_some() {
                    self.record(&mut own, &seen, dir_key, how, linked);
                }
                let deed = recorded.map(|path| Deed::Made(path).into());
                Done::Answered(Box::new(Outcome { deed, ..Answer::Value(0).into() }))
            }
            Err(errno) => Answer::Fail(errno).into(),
        })
    }

    /// The refusal, where a new name would be among es-guard's own.
    fn sealed_making(&self, case: Case, view: &View, seen: &Seen, paths: &[PathBuf]) -> Option<Outcome> {
        let sealed = paths.iter().any(|path| view.policy.seals(path).is_some());
        // What is there already is opened, or fails with EEXIST, as the kernel would have it.
        let makes = sealed && !seen.entry.is_special() && seen.entry.stat() == Err(Errno::ENOENT);
        makes.then(|| self.sealed_entry(case, view, seen)).flatten()
    }

    /// Records what was made, unless somebody outside has put something else there already. `linked` is the inode
    /// that was linked.
    fn record(&self, own: &mut super::Own, seen: &Seen, dir: DirKey, how: How, linked: Option<u64>) {
        if let Ok(stat) = seen.entry.identify()
            && linked.is_none_or(|ino| ino == stat.ino)
        {
            own.put(dir, seen.entry.bare_name(), &stat, how);
        }
    }

    /// The name by which what is made is recorded, if it is: in a zone, and not exempt for everyone.
    fn recorded_as(&self, view: &View, case: Case, seen: &Seen) -> Option<PathBuf> {
        match view.locate(&case.caller, seen) {
            Where::Known(paths) => paths.into_iter().find(|path| view.policy.covers(path)),
            Where::Outside | Where::Unclear => None,
        }
    }
}

fn is_symlink(seen: &Seen) -> bool {
    seen.entry.stat().is_ok_and(|stat| stat.kind == handle::Kind::Symlink)
}
