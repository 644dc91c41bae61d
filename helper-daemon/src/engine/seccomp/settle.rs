//! What becomes of what is held, once its process has ended.
//!
//! If the tree has made the name again, it was an edit, and what is held is discarded. If nothing stands there, it
//! is put back, and recorded as denied. In every other case it stays in the stash, and is recorded as kept: a
//! person has put something there, it is of another type, or its directory is somewhere else.
//!
//! What a process renamed and made again at the old name is its backup: the edit could as well have overwritten
//! the file, so the backup is the session's own.
//!
//! A thread waits for the processes. Before anything in a zone is judged, those that have ended are seen to, under
//! the same lock: whoever has waited for one can't come before what it removed.

use super::held::{Held, Hold, Identity, Moved, Spot};
use super::own::{How, Own};
use super::{Session, Told, lock};
use crate::stash::Why;
use endpoint_sec::linux::handle::{Handle, Stat};
use endpoint_sec::linux::listener::Listener;
use endpoint_sec::linux::process::PidFd;
use nix::errno::Errno;
use nix::poll::PollTimeout;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::cmp::Reverse;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

/// The ends of processes that hold something.
pub(super) struct Ends {
    epoll: Epoll,
    /// How many processes are waited for.
    expected: AtomicUsize,
    has_thread: AtomicBool,
    /// What became of what ended processes held, not yet discarded or recorded.
    settled: Mutex<Vec<(Hold, Fate)>>,
    unconcluded: AtomicBool,
    /// Whether some are being settled right now: whoever waits for that waits for no file system that hangs.
    settling: AtomicBool,
    /// Held while that is done.
    concluding: Mutex<()>,
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
        Ok(Self {
            epoll,
            expected: AtomicUsize::new(0),
            has_thread: AtomicBool::new(false),
            settled: Mutex::default(),
            unconcluded: AtomicBool::new(false),
            settling: AtomicBool::new(false),
            concluding: Mutex::default(),
        })
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

    pub(super) fn are_being_settled(&self) -> bool {
        self.settling.load(Ordering::SeqCst)
    }

    /// Whether something has been settled and not yet discarded or recorded.
    pub(super) fn has_settled(&self) -> bool {
        self.unconcluded.load(Ordering::Relaxed)
    }

    fn any(&self, timeout: EpollTimeout) -> bool {
        !matches!(self.epoll.wait(&mut [EpollEvent::empty()], timeout), Ok(0) | Err(_))
    }
}

impl Session {
    /// The lock around judge and act. What ended processes held has been settled by then.
    pub(super) fn own(&self) -> MutexGuard<'_, Own> {
        let mut own = lock(&self.own);
        if self.ends.expected.load(Ordering::SeqCst) != 0 && self.ends.any(EpollTimeout::ZERO) {
            self.settle(&mut own);
        }
        own
    }

    /// Sees to processes as they end, until none is left in the tree.
    pub(super) fn settle_as_they_end(&self) {
        while !self.listener.is_deserted(PollTimeout::ZERO) {
            if self.ends.any(EpollTimeout::NONE) {
                drop(self.own());
                self.conclude();
            }
        }
        self.settle(&mut lock(&self.own));
        self.conclude();
    }

    /// Sees to every process that has ended; `false` where a call that hangs in a file system has the lock.
    pub(super) fn settle_now(&self) -> bool {
        if self.ends.expected.load(Ordering::SeqCst) != 0 {
            match self.own.try_lock() {
                Ok(mut own) => self.settle(&mut own),
                Err(TryLockError::Poisoned(poisoned)) => self.settle(&mut poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => return false,
            }
        }
        self.conclude();
        true
    }

    /// Discards and records what has been settled. Returns when that is done, by whichever thread.
    pub(super) fn conclude(&self) {
        let _one_at_a_time = lock(&self.ends.concluding);
        self.ends.unconcluded.store(false, Ordering::SeqCst);
        let mut settled = std::mem::take(&mut *lock(&self.ends.settled));
        settled.sort_by_key(|(hold, _)| hold.entry);
        for (hold, fate) in settled {
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

    /// Puts back what is to be. What takes longer is left for later: nobody waits for it.
    fn settle(&self, own: &mut Own) {
        self.ends.settling.store(true, Ordering::SeqCst);
        let held = &mut own.held;
        let ended = held.ended(self.listener.is_deserted(PollTimeout::ZERO));
        let mut holds: Vec<(i32, Hold)> = Vec::new();
        let mut moves: Vec<(i32, Identity, Moved)> = Vec::new();
        for pid in ended {
            let left = held.take(pid);
            holds.extend(left.holds.into_iter().map(|hold| (pid, hold)));
            moves.extend(left.moved.into_iter().map(|(file, moved)| (pid, file, moved)));
        }
        // Before any name is released: one that something older was removed from is not free.
        let backups: Vec<_> = moves.iter().filter_map(|(_, file, moved)| backup(held, file, moved)).collect();
        // Of several things that stood at one name, it is the last one that is put back.
        holds.sort_by_key(|(_, hold)| Reverse(hold.entry));
        let mut settled = lock(&self.ends.settled);
        for (pid, hold) in holds {
            let fate = self.fate(held, &hold);
            held.release(pid, &hold.awaited);
            settled.push((hold, fate));
        }
        for (pid, _, moved) in &moves {
            held.release(*pid, &moved.first);
        }
        self.ends.unconcluded.store(!settled.is_empty(), Ordering::SeqCst);
        // Whoever finds that nothing is expected any more finds all of it settled.
        self.ends.expect(held.len());
        for (spot, stat) in backups {
            own.put(spot.dir, spot.name.to_bytes(), &stat, How::Made);
        }
        self.ends.settling.store(false, Ordering::SeqCst);
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

/// Where the older file stands that a process has made again under its first name, if it had renamed it to a name
/// that was free.
fn backup<'a>(held: &Held, file: &Identity, moved: &'a Moved) -> Option<(&'a Spot, Stat)> {
    let (first, now) = (&moved.first, moved.now.as_ref()?);
    if held.awaits(now.dir, now.name.to_bytes()) {
        return None;
    }
    let stands = |spot: &Spot| directory(spot)?.identify(&spot.name).ok();
    let anew = Identity::from(&stands(first)?);
    let backup = stands(now)?;
    let is_edit = anew.kind == file.kind && held.made(first.dir, first.name.to_bytes()) == Some(anew);
    (is_edit && Identity::from(&backup) == *file).then_some((now, backup))
}

/// The directory of a name, if it is where it was.
fn directory(spot: &Spot) -> Option<Handle> {
    let path = spot.path.parent()?;
    let dir = Handle::open(path).ok()?;
    let stat = dir.stat().ok()?;
    let same = (stat.dev, stat.ino) == spot.dir && dir.text().ok()? == path.as_os_str().as_bytes();
    same.then_some(dir)
}
