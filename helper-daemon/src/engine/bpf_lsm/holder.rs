//! The one who holds the kernel's tables, as a session's worker reaches it: root's process, which may be followed by
//! another one. What it tells is heard on a thread of its own.

use super::words::{self, Kind, MAX_TABLE, MAX_WORD};
use nix::sys::socket::{AddressFamily, Shutdown, SockFlag, SockType, shutdown, socketpair};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an answer may take. The first one may have to wait for programs to be loaded.
const PATIENCE: Duration = Duration::from_secs(110);

/// How often it is asked whether the tree has ended.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Who is told of what the kernel tells.
pub trait Hears: Send + Sync {
    /// A record, as the kernel has it.
    fn record(&self, bytes: &[u8]);
    /// So many removals and moves of the session's own were let through.
    fn own_went(&self, count: u64);
    /// So many denials could not be passed on.
    fn lost(&self, count: u64);
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// It was refused.
    #[error("{0}")]
    Refused(String),
    /// Nobody is there.
    #[error(
        "the process that writes the kernel's tables is gone. What it wrote holds. Look whether the system's helper runs: systemctl status es-guard-helper"
    )]
    Gone,
    /// No answer has come.
    #[error("the process that writes the kernel's tables has not answered")]
    Silent,
    /// The table is too long to be sent.
    #[error(
        "the policy names too many places: its table has {0} bytes of {MAX_TABLE}. Guard less, or take --engine seccomp"
    )]
    TooLong(usize),
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Done(Vec<u8>),
    Refused(String),
    Gone,
}

/// A worker's end.
#[derive(Debug)]
pub struct Holder {
    /// `None` while there is nobody at the other end.
    link: Mutex<Option<Arc<OwnedFd>>>,
    linked: Condvar,
    answers: Mutex<Receiver<Answer>>,
    answered: Sender<Answer>,
    empty: Mutex<bool>,
    emptied: Condvar,
    number: AtomicU32,
    version: AtomicU32,
    /// Of those that had no room in the kernel, how many it is known of.
    lost_there: AtomicU64,
    /// How many removals of the session's own it is known of.
    own: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Holder {
    /// Nobody is at the other end yet.
    pub fn new() -> Self {
        let (answered, answers) = channel();
        Self {
            link: Mutex::new(None),
            linked: Condvar::new(),
            answers: Mutex::new(answers),
            answered,
            empty: Mutex::new(false),
            emptied: Condvar::new(),
            number: AtomicU32::new(0),
            version: AtomicU32::new(0),
            lost_there: AtomicU64::new(0),
            own: AtomicU64::new(0),
        }
    }

    /// Whoever gets the other end of this is the one who holds the tables, from now on.
    pub fn offer(&self) -> io::Result<OwnedFd> {
        let (here, there) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let before = lock(&self.link).replace(Arc::new(here));
        // Whoever hears the one before hears no more of it.
        if let Some(before) = before {
            let _ = shutdown(before.as_raw_fd(), Shutdown::Both);
        }
        self.linked.notify_all();
        Ok(there)
    }

    /// Hears what is told, on a thread of its own, for as long as this process lives.
    pub fn listen(self: &Arc<Self>, hears: impl Hears + 'static) -> io::Result<()> {
        let holder = self.clone();
        let thread = std::thread::Builder::new().name("kernel".into()).stack_size(512 << 10);
        thread.spawn(move || holder.hear(&hears)).map(drop)
    }

    fn hear(&self, hears: &impl Hears) {
        loop {
            let mut link = lock(&self.link);
            let current = loop {
                match &*link {
                    Some(link) => break link.clone(),
                    None => link = self.linked.wait(link).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(link);
            while let Ok(Some((kind, bytes))) = words::hear(current.as_fd()) {
                self.heard(kind, &bytes, hears);
            }
            let mut link = lock(&self.link);
            // It may be another one already.
            if link.as_ref().is_some_and(|link| Arc::ptr_eq(link, &current)) {
                *link = None;
                let _ = self.answered.send(Answer::Gone);
            }
        }
    }

    fn heard(&self, kind: Kind, bytes: &[u8], hears: &impl Hears) {
        let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes);
        match kind {
            Kind::Record => hears.record(bytes),
            Kind::Own => {
                let own = number(0).unwrap_or(0);
                let before = self.own.fetch_max(own, Ordering::SeqCst);
                hears.own_went(own.saturating_sub(before));
            }
            Kind::Lost => {
                let (there, here) = (number(0).unwrap_or(0), number(8).unwrap_or(0));
                // Whoever holds the tables may tell for another, who has told some of it.
                let before = self.lost_there.fetch_max(there, Ordering::SeqCst);
                hears.lost(there.saturating_sub(before) + here);
            }
            Kind::Empty => {
                *lock(&self.empty) = true;
                self.emptied.notify_all();
            }
            // Whoever asked waits for it, or has given it up.
            Kind::Done => drop(self.answered.send(Answer::Done(bytes.to_vec()))),
            Kind::Refused => {
                let why = crate::denial::printable(&String::from_utf8_lossy(bytes));
                drop(self.answered.send(Answer::Refused(why)));
            }
            Kind::Part | Kind::Judge | Kind::Arm | Kind::Settle => {}
        }
    }

    /// Has the session judged by a table from now on.
    pub fn judge_by(&self, version: u32, table: &[u8]) -> Result<(), NotDone> {
        if table.len() > MAX_TABLE {
            return Err(NotDone::TooLong(table.len()));
        }
        let parts = table.chunks(MAX_WORD - 1).map(|part| (Kind::Part, part.to_vec()));
        self.ask(parts.chain([(Kind::Judge, version.to_ne_bytes().to_vec())]))?;
        self.version.store(version, Ordering::SeqCst);
        Ok(())
    }

    /// Whether there is a table that the session is judged by.
    pub fn has_tables(&self) -> bool {
        self.version.load(Ordering::SeqCst) > 0
    }

    /// Has the process guarded that was told of.
    pub fn arm(&self) -> Result<(), NotDone> {
        self.ask([(Kind::Arm, Vec::new())]).map(drop)
    }

    /// Waits until everything has been told that has happened.
    pub fn settle(&self) -> Result<(), NotDone> {
        self.ask([(Kind::Settle, Vec::new())]).map(drop)
    }

    /// Waits for the answer to the first offer: the kernel's number of the session.
    pub fn greeted(&self) -> Result<(), NotDone> {
        let number = self.ask([])?;
        self.number.store(number.as_slice().try_into().map_or(0, u32::from_ne_bytes), Ordering::SeqCst);
        Ok(())
    }

    /// The kernel's number of the session, and the version of its table: what the next one who holds the tables must
    /// know.
    pub fn known_as(&self) -> [u32; 2] {
        [self.number.load(Ordering::SeqCst), self.version.load(Ordering::SeqCst)]
    }

    fn ask(&self, words: impl IntoIterator<Item = (Kind, Vec<u8>)>) -> Result<Vec<u8>, NotDone> {
        let answers = lock(&self.answers);
        let link = lock(&self.link).clone().ok_or(NotDone::Gone)?;
        let mut asked = false;
        for (kind, bytes) in words {
            if !std::mem::replace(&mut asked, true) {
                // Of an earlier question that was given up.
                while answers.try_recv().is_ok() {}
            }
            words::say(link.as_fd(), kind, &bytes).map_err(|_| NotDone::Gone)?;
        }
        match answers.recv_timeout(PATIENCE) {
            Ok(Answer::Done(bytes)) => Ok(bytes),
            Ok(Answer::Refused(why)) => Err(NotDone::Refused(why)),
            Ok(Answer::Gone) | Err(RecvTimeoutError::Disconnected) => Err(NotDone::Gone),
            Err(RecvTimeoutError::Timeout) => Err(NotDone::Silent),
        }
    }

    /// Waits until the last process of the tree has ended. The kernel may have had no room to say so: it is asked now and
    /// then.
    pub fn wait_for_the_end(&self) {
        let mut empty = lock(&self.empty);
        while !*empty {
            let (now, waited) =
                self.emptied.wait_timeout(empty, ASK_EVERY).unwrap_or_else(PoisonError::into_inner);
            empty = now;
            if waited.timed_out() && !*empty {
                drop(empty);
                // Without anybody to ask it is asked again.
                let _ = self.settle();
                empty = lock(&self.empty);
            }
        }
    }

    /// Whether the last process of the tree has ended.
    pub fn has_ended(&self) -> bool {
        *lock(&self.empty)
    }
}

impl Default for Holder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
