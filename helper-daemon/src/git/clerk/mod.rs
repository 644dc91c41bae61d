//! The clerk: a process that reads repositories for a guard, and how it is asked.
//!
//! Repositories are written by whoever is guarded. They are read in a process of its own, with the user's rights
//! and none beyond: a mistake in reading can crash that process, not the guard. One that crashes, or takes too
//! long, or says what is no answer, has said *no*: not tracked, and the removal is refused; not held, and the
//! content is kept. Then another one is started.
//!
//! There are two lines, so that a question that a caller waits for never waits behind a long comparison.

mod process;
mod wire;

use super::files::{self, Key};
use endpoint_sec::linux::handoff;
use endpoint_sec::linux::process::{ForkError, PidFd, reap_unseen};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wire::{Answer, DIED, Question};

const LINES: usize = 2;
/// What a question may take on each line, in seconds.
const PATIENCE: [u32; LINES] = [2, 30];
/// How much longer its answer is waited for.
const GRACE: Duration = Duration::from_millis(500);
/// How long nothing is asked on a line after an answer was waited for in vain: what hangs, hangs.
const REST: Duration = Duration::from_secs(10);
/// How many repositories are kept for later.
const MAX_KNOWN: usize = 256;

/// Why there is no clerk.
#[derive(Debug, thiserror::Error)]
pub enum ClerkError {
    /// No socket, or no clock.
    #[error("prepare the process that reads git repositories: {0}")]
    Refused(#[from] Errno),
    /// No process.
    #[error("start the process that reads git repositories: {0}")]
    Fork(#[from] ForkError),
}

/// A repository that tracks something, held open by its common directory.
#[derive(Clone, Debug)]
pub struct Repository(Arc<OwnedFd>);

impl Repository {
    /// Its common directory: where its objects are. `O_PATH`.
    pub fn dir(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What git can bring back at a name.
#[derive(Clone, Debug)]
pub enum Tracked {
    /// Nothing, or it can't be told.
    No,
    /// A path in the index (also one in conflict, or in a tree that a sparse index stands for).
    File(Repository),
    /// A directory with such paths below it.
    Directory(Repository),
}

/// What a repository may hold.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// What is in a regular file, open for reading; its position is left alone.
    File(BorrowedFd<'a>),
    /// What a symlink says.
    Link(&'a [u8]),
}

/// The process, and the lines to it.
#[derive(Debug)]
pub struct Clerk {
    lines: [Mutex<Line>; LINES],
    known: Mutex<HashMap<Key, Repository>>,
    pid: Pid,
    pidfd: PidFd,
}

#[derive(Debug)]
struct Line {
    socket: OwnedFd,
    patience: Duration,
    last: u64,
    rests_until: Option<Instant>,
}

impl Clerk {
    /// Starts it. This process must have a single thread; it is seen neither by waiting for any child nor by the
    /// user's other processes. It ends with this value, or with this process.
    ///
    /// What is born from now on does not count as held: it may be taken away again by whoever made it.
    pub fn start() -> Result<Self, ClerkError> {
        // The clock that file systems stamp with: what is born later has no earlier stamp.
        let now = clock_gettime(ClockId::CLOCK_REALTIME_COARSE)?;
        let began = i128::from(now.tv_sec()) * 1_000_000_000 + i128::from(now.tv_nsec());
        let pair = || socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC);
        let (index, its_index) = pair()?;
        let (objects, its_objects) = pair()?;
        let line = |socket: OwnedFd, patience: u32| -> Result<Mutex<Line>, Errno> {
            setsockopt(&socket, sockopt::SendTimeout, &TimeVal::new(patience.into(), 0))?;
            let patience = Duration::from_secs(patience.into()) + GRACE;
            Ok(Mutex::new(Line { socket, patience, last: DIED, rests_until: None }))
        };
        let lines = [line(index, PATIENCE[0])?, line(objects, PATIENCE[1])?];
        let pid = process::start([its_index, its_objects], began)?;
        Ok(Self { lines, known: Mutex::default(), pid, pidfd: PidFd::open(pid)? })
    }

    /// Its process, which the tree must not reach.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether git can bring back what is at `name` in `dir`. At most some two seconds.
    ///
    /// `dir` may be `O_PATH`; `name` is one component. The answer is no leave to destroy: see [`git`](super).
    pub fn tracked(&self, dir: BorrowedFd<'_>, name: &[u8]) -> Tracked {
        let (answer, fds) = self.ask(0, Question::Tracked(name), &[dir]).unwrap_or((Answer::No, Vec::new()));
        match (answer, fds.into_iter().next().and_then(|common| self.keep(common))) {
            (Answer::File, Some(repository)) => Tracked::File(repository),
            (Answer::Directory, Some(repository)) => Tracked::Directory(repository),
            _ => Tracked::No,
        }
    }

    /// The files of an object with exactly this content, in a repository that was there before the session: its own,
    /// or a pack and its index, open for reading. Whether they will stay is for the caller to see. At most some thirty
    /// seconds: not for a process of the tree to wait for.
    pub fn holder(&self, repository: &Repository, content: Content<'_>) -> Option<Vec<OwnedFd>> {
        let common = repository.dir();
        let asked = match content {
            Content::File(file) => self.ask(1, Question::File, &[common, file]),
            Content::Link(target) => self.ask(1, Question::Link(target), &[common]),
        };
        asked.filter(|(answer, files)| *answer == Answer::Held && !files.is_empty()).map(|(_, files)| files)
    }

    fn ask(&self, line: usize, what: Question<'_>, fds: &[BorrowedFd<'_>]) -> Option<(Answer, Vec<OwnedFd>)> {
        let mut line = self.lines[line].lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if line.rests_until.is_some_and(|until| now < until) {
            return None;
        }
        line.rests_until = None;
        // A reader may have died of something else: what this question does, it does twice.
        for _ in 0..2 {
            line.last += 1;
            match line.ask(what, fds, now + line.patience) {
                Ok(None) => {}
                Ok(answer) => return answer,
                Err(_) => {
                    line.rests_until = Some(Instant::now() + REST);
                    return None;
                }
            }
        }
        None
    }

    /// The same repository for the same directory: a checkout asks thousands of times.
    fn keep(&self, common: OwnedFd) -> Option<Repository> {
        let key = files::key_of(&common)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        Some(known.entry(key).or_insert_with(|| Repository(Arc::new(common))).clone())
    }
}

impl Line {
    /// Asks, and waits for the answer. `None` where a reader has died meanwhile, `Err` where none came in time.
    fn ask(
        &self,
        what: Question<'_>,
        fds: &[BorrowedFd<'_>],
        until: Instant,
    ) -> Result<Option<(Answer, Vec<OwnedFd>)>, Errno> {
        let bytes = what.encode(self.last);
        if bytes.len() > wire::MAX {
            return Ok(None);
        }
        handoff::send(self.socket.as_fd(), &bytes, fds)?;
        let mut message = [0; wire::MAX];
        loop {
            self.wait(until)?;
            let (count, fds) = handoff::receive(self.socket.as_fd(), &mut message)?;
            match Answer::decode(&message[..count]).ok_or(Errno::EPROTO)? {
                (number, answer) if number == self.last => return Ok(Some((answer, fds))),
                (DIED, _) => return Ok(None),
                // To a question that was given up.
                _ => {}
            }
        }
    }

    fn wait(&self, until: Instant) -> Result<(), Errno> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], left) {
                Ok(0) => return Err(Errno::ETIMEDOUT),
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        // Its readers die with it.
        let _ = self.pidfd.signal(Signal::SIGKILL as i32);
        let _ = reap_unseen(self.pid);
    }
}
