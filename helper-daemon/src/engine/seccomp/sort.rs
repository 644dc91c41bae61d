//! What git took, looked at when git has gone on: what its repository holds need not be kept.
//!
//! A thread of its own asks, one thing after the other; what is not held, byte for byte, stays in the stash and is
//! told.

use super::explain::Asker;
use super::{Session, Told, lock, unix_now};
use crate::denial::Denial;
use crate::git::clerk::{Content, Repository};
use crate::stash::{Why, name_of};
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::handle::Handle;
use endpoint_sec::linux::identity::identify_fd;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;
use std::collections::VecDeque;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// What git took, and from where.
pub(super) struct Aside {
    pub(super) what: Denial,
    /// Of the stash.
    pub(super) entries: Vec<u64>,
    pub(super) repository: Repository,
    /// Whether nobody but git can take the repository away.
    pub(super) lasting: bool,
    /// Who is told, if it goes on for so long.
    pub(super) asker: Option<Asker>,
}

/// What is to be looked at.
#[derive(Default)]
pub(super) struct Heap {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Aside>,
    /// Something is being looked at.
    busy: bool,
    has_thread: bool,
}

impl Heap {
    /// Whether a thread is to be started: true once.
    pub(super) fn wants_thread(&self) -> bool {
        let mut state = lock(&self.state);
        !state.waiting.is_empty() && !std::mem::replace(&mut state.has_thread, true)
    }

    pub(super) fn put(&self, aside: Aside) {
        lock(&self.state).waiting.push_back(aside);
        self.changed.notify_all();
    }

    /// The next thing, waited for.
    fn next(&self) -> Aside {
        let mut state = lock(&self.state);
        loop {
            if let Some(aside) = state.waiting.pop_front() {
                state.busy = true;
                return aside;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self) {
        lock(&self.state).busy = false;
        self.changed.notify_all();
    }

    /// Waits until everything is looked at. What is not by then stays in the stash.
    pub(super) fn settle(&self, patience: Duration) {
        let state = lock(&self.state);
        let idle = |state: &mut State| state.has_thread && (state.busy || !state.waiting.is_empty());
        drop(self.changed.wait_timeout_while(state, patience, idle));
    }
}

impl Session {
    /// Looks at what git took, for ever.
    pub(super) fn sort(&self) {
        loop {
            let Aside { what, entries, repository, lasting, asker } = self.heap.next();
            let (held, kept): (Vec<u64>, Vec<u64>) =
                entries.into_iter().partition(|entry| lasting && self.is_held(*entry, &repository));
            for entry in held {
                self.discard_as(entry, Why::InGit);
            }
            if !kept.is_empty() {
                let told = Told::Stashed(what, kept);
                if let Some(asker) = asker {
                    self.explain_to(&asker, &told);
                }
                self.turns.tell(self.turns.take(), || self.tell(told));
            }
            self.heap.done();
        }
    }

    fn is_held(&self, entry: u64, repository: &Repository) -> bool {
        let Some(store) = &self.stash else { return false };
        let (data, name) = (store.data().as_fd(), name_of(entry));
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let holder = |content: Content<'_>| self.clerk.holder(repository, content);
        let files = match openat(data, name.as_c_str(), flags, Mode::empty()) {
            Ok(file) => holder(Content::File(file.as_fd())),
            Err(_) => readlinkat(data, name.as_c_str())
                .ok()
                .and_then(|target| holder(Content::Link(target.as_bytes()))),
        };
        files.is_some_and(|files| files.into_iter().all(|file| self.stays(file).unwrap_or(false)))
    }

    /// Whether a file is one that the session has not made for itself: an object that the agent has written holds what it
    /// holds until the agent removes it. Outside the zones nobody knows whose it is, but that it was there before.
    fn stays(&self, file: OwnedFd) -> Result<bool, Errno> {
        let is = identify_fd(file.as_fd())?;
        let path = PathBuf::from(OsString::from_vec(Handle::from_fd(file).text()?));
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
        let dir = Handle::open(parent)?;
        let (here, name) = (dir.stat()?, CString::new(name.as_bytes()).map_err(|_| Errno::EINVAL)?);
        let stands = dir.identify(&name)?;
        let view = self.view();
        let is_guarded = |dir: &PathBuf| {
            let path = dir.join(OsStr::from_bytes(name.as_bytes()));
            view.policy.guards(&path, unix_now(), false).is_some()
        };
        let me = Caller::new(std::process::id() as i32);
        let guarded = view.paths_of(&me, &dir).iter().any(is_guarded);
        let own = lock(&self.own).has((here.dev, here.ino), name.as_bytes(), &stands);
        let is_anothers = if guarded { !own } else { self.who.is_from_before(&is) };
        Ok(stands.is_the_same_as(&is) && is_anothers)
    }
}
