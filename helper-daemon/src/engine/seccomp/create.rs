//! Creations: what the session makes at a name that was free is its own.
//!
//! Creating is always allowed. It is performed here, not only watched, wherever it would make something the
//! session's own: a path that another thread flips under a continued call can land at another name than the
//! one that was seen. Where nothing would be recorded, or anything goes wrong, the kernel goes on: then the
//! file is simply not the session's own, which refuses and never loses.

use super::own::{DirKey, How};
use super::view::View;
use super::{Case, Outcome, Reply, Seen, Session, Where, lock};
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::caller::Unread;
use endpoint_sec::linux::event::{At, Creation};
use endpoint_sec::linux::handle::{self, Handle, Stat};
use endpoint_sec::linux::listener::Answer;
use endpoint_sec::linux::resolve::{self, Entry};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd};

/// A name that was just made, to be unmade should its descriptor not reach the caller.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) entry: Entry,
    pub(super) stat: Stat,
}

/// What a link is made from.
struct Source {
    handle: Handle,
    /// `None`: what the handle itself refers to.
    name: Option<CString>,
    stat: Stat,
    own: Option<How>,
}

impl Session {
    pub(super) fn create(&self, case: Case, at: &At, what: &Creation) -> Outcome {
        match self.create_recorded(case, at, what) {
            Ok(Some(outcome)) => outcome,
            Ok(None) | Err(_) => Answer::Continue.into(),
        }
    }

    /// `None`: the kernel may go on.
    fn create_recorded(&self, case: Case, at: &At, what: &Creation) -> Result<Option<Outcome>, Unread> {
        let parent = resolve::parent_text(&at.path).filter(|parent| parent.starts_with(b"/"));
        if self.confined() || parent.is_some_and(|parent| self.known.was_outside(parent)) {
            return Ok(None);
        }
        let seen = self.see(case, at)?;
        let view = self.view();
        // Under the lock no directory of the tree moves in or out of a zone.
        let mut own = lock(&self.own);
        if seen.entry.is_special() || !self.is_recorded(&view, case, &seen) {
            if let Some(parent) = parent.filter(|_| self.known.is_at_home(&case.caller)) {
                self.known.keep_outside(parent);
            }
            return Ok(None);
        }
        self.known.take_on_mask(&case.caller)?;
        let (dir, name) = (&seen.entry.dir, seen.entry.name.as_c_str());
        let dir_key = (seen.dir.dev, seen.dir.ino);
        let bare_name = seen.entry.bare_name().to_vec();
        let plain = |act: Act<'_>| match self.perform(&case.caller, &act) {
            Answer::Fail(errno) => Err(errno),
            _ => Ok(()),
        };
        let mut how = How::Made;
        let done = match what {
            Creation::Open { flags, mode } => {
                let act = Act::Open { dir, name, flags: *flags, mode: *mode };
                let fd = match self.open_as(&case.caller, &act) {
                    Ok(fd) => fd,
                    Err(Errno::EEXIST) if flags & OFlag::O_EXCL.bits() != 0 => {
                        return Ok(Some(Answer::Fail(Errno::EEXIST).into()));
                    }
                    Err(_) => return Ok(None),
                };
                let stat = handle::stat_fd(fd.as_fd()).map_err(Unread::Bare)?;
                own.put(dir_key, &bare_name, &stat, How::Made);
                let made = Made { entry: seen.entry, stat };
                let reply = Reply::Descriptor { fd, cloexec: flags & OFlag::O_CLOEXEC.bits() != 0, made };
                return Ok(Some(Outcome { reply, denial: None, own_removed: false }));
            }
            Creation::Directory { mode } => plain(Act::Mkdir { dir, name, mode: *mode }),
            Creation::Node { mode, dev } => plain(Act::Mknod { dir, name, mode: *mode, dev: *dev }),
            Creation::Symlink { target } => {
                let target = CString::new(target.as_slice()).map_err(|_| Unread::Bare(Errno::EINVAL))?;
                plain(Act::Symlink { target: &target, dir, name })
            }
            Creation::Link { from, flags } => {
                let Some(source) = self.source(&own, case, from, *flags)? else { return Ok(None) };
                how = how_linked(&source);
                let from_name = source.name.as_deref();
                plain(Act::Link { from: &source.handle, from_name, dir, name })
            }
            Creation::Socket { fd } => {
                let socket = case.caller.copy_descriptor(*fd)?;
                match plain(Act::Bind { socket: socket.as_raw_fd(), dir, name }) {
                    Err(Errno::EADDRINUSE) => return Ok(Some(Answer::Fail(Errno::EADDRINUSE).into())),
                    Err(_) => return Ok(None),
                    done => done,
                }
            }
        };
        Ok(Some(match done {
            Ok(()) => {
                self.record(&mut own, &seen, dir_key, how);
                Answer::Value(0).into()
            }
            Err(errno) => Answer::Fail(errno).into(),
        }))
    }

    fn record(&self, own: &mut super::Own, seen: &Seen, dir: DirKey, how: How) {
        if let Ok(stat) = seen.entry.stat() {
            own.put(dir, seen.entry.bare_name(), &stat, how);
        }
    }

    /// Whether what is made at the name is recorded: it is in a zone, and not exempt for everyone.
    fn is_recorded(&self, view: &View, case: Case, seen: &Seen) -> bool {
        match view.locate(&case.caller, seen) {
            Where::Known(paths) => paths.iter().any(|path| view.policy.covers(path)),
            Where::Outside | Where::Unclear => false,
        }
    }

    /// What a link is made from. `None`: it can't be told in a way that can be acted on.
    fn source(&self, own: &super::Own, case: Case, from: &At, flags: i32) -> Result<Option<Source>, Unread> {
        if from.path.is_empty() {
            let handle = case.caller.file(from.dirfd)?;
            let stat = handle.stat().map_err(Unread::Bare)?;
            return Ok(Some(Source { handle, name: None, stat, own: None }));
        }
        let seen = self.see(case, from)?;
        let Some(name) = seen.entry.plain_name().filter(|_| !seen.entry.is_special()) else {
            return Ok(None);
        };
        let stat = seen.entry.stat().map_err(Unread::Bare)?;
        if stat.kind == handle::Kind::Symlink && flags & AtFlags::AT_SYMLINK_FOLLOW.bits() != 0 {
            let handle = resolve::target(&case.caller, from)?;
            let stat = handle.stat().map_err(Unread::Bare)?;
            return Ok(Some(Source { handle, name: None, stat, own: None }));
        }
        let own = own.how((seen.dir.dev, seen.dir.ino), name.to_bytes(), &stat);
        Ok(Some(Source { handle: seen.entry.dir, name: Some(name), stat, own }))
    }
}

/// A link to the session's own is its own; one to a file without a name (`O_TMPFILE`) gives it its first.
fn how_linked(source: &Source) -> How {
    match source.own {
        Some(how) => how,
        None if source.stat.nlink == 0 => How::Made,
        None => How::Linked,
    }
}
