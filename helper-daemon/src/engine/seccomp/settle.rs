//! What becomes of what is held, once its process has ended.
//!
//! If the tree has made the name again, it was an edit, and what is held is discarded. If nothing stands there, it
//! is put back, and recorded as denied. In every other case it stays in the stash, and is recorded as kept: a
//! person has put something there, it is of another type, or its directory is somewhere else.
//!
//! A thread waits for the processes. Before anything of the tree is judged, those that have ended are seen to:
//! whoever has waited for one finds what it removed at its place.

use super::held::{Held, Hold, Identity, Spot};
use super::{Session, Told, lock};
use crate::stash::Why;
use endpoint_sec::linux::handle::Handle;
use endpoint_sec::linux::listener::Listener;
use endpoint_sec::linux::process::PidFd;
use nix::errno::Errno;
use nix::poll::PollTimeout;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::cmp::Reverse;
use std::os::unix::ffi::OsStrExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The ends of processes that hold something.
pub(super) struct Ends {
    epoll: Epoll,
    /// How many processes are waited for.
    expected: AtomicUsize,
    has_thread: AtomicBool,
    /// Held while some are seen to.
    settling: Mutex<()>,
}

/// What becomes of one thing that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Replaced,
    PutBack,
    Kept,
}

impl Ends {
    pub(super) fn new(listener: &Listener) -> Result<Self, Errno> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        // That nobody is left in the tree is told unasked.
        epoll.add(listener, EpollEvent::new(EpollFlags::empty(), 0))?;
        let (expected, has_thread) = (AtomicUsize::new(0), AtomicBool::new(false));
        Ok(Self { epoll, expected, has_thread, settling: Mutex::new(()) })
    }

    /// Waits for the process's end until the descriptor is closed.
    pub(super) fn watch(&self, pidfd: &PidFd) -> Result<(), Errno> {
        self.epoll.add(pidfd, EpollEvent::new(EpollFlags::EPOLLIN, 0))
    }

    pub(super) fn expect(&self, processes: usize) {
        self.expected.store(processes, Ordering::SeqCst);
    }

    /// Whether a thread is to be started: true once.
    pub(super) fn want_thread(&self) -> bool {
        self.expected.load(Ordering::Relaxed) != 0 && !self.has_thread.swap(true, Ordering::SeqCst)
    }

    fn any(&self, timeout: EpollTimeout) -> bool {
        !matches!(self.epoll.wait(&mut [EpollEvent::empty()], timeout), Ok(0) | Err(_))
    }
}

impl Session {
    /// Sees to processes as they end, until none is left in the tree.
    pub(super) fn settle_as_they_end(&self) {
        while !self.listener.is_deserted(PollTimeout::ZERO) {
            if self.ends.any(EpollTimeout::NONE) {
                self.settle_ended();
            }
        }
        self.settle_ended();
    }

    /// Sees to what has ended, if anything has.
    pub(super) fn settle_due(&self) {
        if self.ends.expected.load(Ordering::SeqCst) != 0 && self.ends.any(EpollTimeout::ZERO) {
            self.settle_ended();
        }
    }

    /// Sees to every process that has ended, and returns when that is done, by whichever thread.
    pub(super) fn settle_ended(&self) {
        let _one_at_a_time = lock(&self.ends.settling);
        let mut fates = {
            let mut own = lock(&self.own);
            let fates = self.settle_names(&mut own.held);
            self.ends.expect(own.held.len());
            fates
        };
        fates.sort_by_key(|(hold, _)| hold.entry);
        for (hold, fate) in fates {
            let told = match fate {
                Fate::Replaced => {
                    self.discard_as(hold.entry, Why::Replaced);
                    continue;
                }
                Fate::PutBack => Told::Denied(hold.what),
                Fate::Kept => Told::Stashed(hold.what, vec![hold.entry]),
            };
            self.turns.tell(self.turns.take(), || self.tell(told));
        }
    }

    /// Puts back what is to be, under the lock around judge and act.
    fn settle_names(&self, held: &mut Held) -> Vec<(Hold, Fate)> {
        let ended = held.ended(self.listener.is_deserted(PollTimeout::ZERO));
        let mut holds: Vec<(i32, Hold)> = Vec::new();
        for pid in ended {
            holds.extend(held.take(pid).into_iter().map(|hold| (pid, hold)));
        }
        // Of several things that stood at one name, it is the last one that is put back.
        holds.sort_by_key(|(_, hold)| Reverse(hold.entry));
        let settle = |(pid, hold): (i32, Hold)| {
            let fate = self.fate(held, &hold);
            held.release(pid, &hold.awaited);
            (hold, fate)
        };
        holds.into_iter().map(settle).collect()
    }

    fn fate(&self, held: &Held, hold: &Hold) -> Fate {
        let awaited = &hold.awaited;
        let stands = directory(awaited).and_then(|dir| dir.stat_entry(&awaited.name).ok());
        match stands.as_ref().map(Identity::from) {
            Some(there) => {
                let made = held.made(awaited.dir, awaited.name.to_bytes()) == Some(there);
                if made && there.kind == hold.file.kind { Fate::Replaced } else { Fate::Kept }
            }
            None => {
                let back = directory(&hold.from)
                    .is_some_and(|dir| self.put_back_later(hold.entry, &dir, &hold.from.name));
                if back { Fate::PutBack } else { Fate::Kept }
            }
        }
    }
}

/// The directory of a name, if it is where it was.
fn directory(spot: &Spot) -> Option<Handle> {
    let path = spot.path.parent()?;
    let dir = Handle::open(path).ok()?;
    let stat = dir.stat().ok()?;
    let same = (stat.dev, stat.ino) == spot.dir && dir.text().ok()? == path.as_os_str().as_bytes();
    same.then_some(dir)
}
