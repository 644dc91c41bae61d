//! Who answers at the door: one thread, which waits for nobody.
//!
//! A visitor asks one question and is answered. It is told by the kernel's word who that is, as the system's helper
//! does it ([`standing`](crate::desk::standing)); what it says of itself counts for nothing.

use super::door::Door;
use super::visitor::{Stage, Visitor};
use crate::desk::authority::{self, Ask, Relation};
use crate::desk::counter::{Counter, Reply, fitting, unix_now};
use crate::desk::standing::{Standing, Trees, Visiting};
use crate::desk::waiting::Waiters;
use crate::guard::failed;
use crate::protocol::{Event, Granter, RefusalCode, Request};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many may be at the door at once; of processes inside the tree half of that, so that a person always gets in.
const MOST: usize = 64;
/// How long a visitor may take to ask, and again to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer.
const ROOM: usize = 64 << 10;

/// The thread's own.
struct Porter<T: Trees> {
    door: Arc<Door>,
    counter: Counter,
    trees: T,
    user: u32,
    visitors: Vec<Visitor<T::Process>>,
    waiters: Waiters<u64>,
    last: u64,
}

/// Answers at the door from now on, in a thread of its own, until the process ends. Grants expire there, too. `trees`
/// tells how those who come stand to the session; where that can't be told (`None`), nobody is answered.
pub(super) fn open<T: Trees + 'static>(
    door: Arc<Door>,
    counter: Counter,
    trees: impl FnOnce() -> Option<T> + Send + 'static,
) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("door".into()).stack_size(512 << 10);
    thread.spawn(move || {
        if let Some(trees) = trees() {
            let (user, waiters) = (nix::unistd::geteuid().as_raw(), Waiters::default());
            Porter { door, counter, trees, user, visitors: Vec::new(), waiters, last: 0 }.serve();
        }
    })?;
    Ok(())
}

impl<T: Trees> Porter<T> {
    fn serve(mut self) {
        let mut expiry = None;
        loop {
            let (knocks, ready) = self.wait(expiry);
            for (visitor, ready) in self.visitors.iter_mut().zip(ready) {
                if ready {
                    visitor.attend(ROOM);
                }
            }
            for at in 0..self.visitors.len() {
                if let Stage::Asked(_) = self.visitors[at].stage {
                    self.answer(at);
                }
            }
            if knocks {
                self.let_in();
            }
            for (number, event) in self.waiters.answered(self.counter.guard()) {
                if let Some(visitor) = self.visitors.iter_mut().find(|visitor| visitor.number == number) {
                    visitor.is_told(&fitting(event, ROOM), PATIENCE);
                }
            }
            self.see_off();
            expiry = self.counter.guard().expire_grants(unix_now());
        }
    }

    /// Waits until somebody knocks, or something is to be done for somebody who is there.
    fn wait(&self, expiry: Option<u64>) -> (bool, Vec<bool>) {
        let mut fds: Vec<_> =
            self.visitors.iter().map(|visitor| PollFd::new(visitor.as_fd(), visitor.awaits())).collect();
        fds.push(PollFd::new(self.door.listener().as_fd(), PollFlags::POLLIN));
        // A signal, or whatever else ends the wait early, does no harm.
        let _ = poll(&mut fds, self.until(expiry));
        let mut ready: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
        let knocks = ready.pop() == Some(true);
        (knocks, ready)
    }

    /// How long there is nothing to do unless somebody comes; a clock that is set meanwhile is looked at now and then.
    fn until(&self, expiry: Option<u64>) -> PollTimeout {
        let moments = self.visitors.iter().filter_map(|visitor| visitor.patience).chain(self.waiters.next());
        let left = moments.min().map(|moment| moment.saturating_duration_since(Instant::now()));
        let expires = expiry.map(|end| {
            let left = i128::from(end) * 1000 - i128::from(jiff::Timestamp::now().as_millisecond());
            Duration::from_millis(left.clamp(0, 30_000) as u64)
        });
        match left.into_iter().chain(expires).min() {
            // At least one millisecond, or a wait that ends a little early is repeated many times.
            Some(left) => PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        }
    }

    fn let_in(&mut self) {
        // One that has gone again is nobody's.
        let Ok((socket, _)) = self.door.listener().accept() else { return };
        let Ok(process) = self.trees.process(socket.as_fd()) else { return };
        if process.uid() != self.user && process.uid() != 0 {
            return;
        }
        self.last += 1;
        let Ok(mut visitor) = Visitor::new(self.last, socket, process, PATIENCE) else { return };
        let full = self.visitors.len() >= MOST;
        if full || (self.visitors.len() >= MOST / 2 && self.standing(&visitor.process).is_inside()) {
            let event = Event::Failed(failed("too many ask at once: ask again in a moment"));
            visitor.is_told(&fitting(event, ROOM), PATIENCE);
            visitor.attend(ROOM);
            return;
        }
        self.visitors.push(visitor);
    }

    fn standing(&self, process: &T::Process) -> Standing<()> {
        self.trees.standing(process)
    }

    /// Answers the question that a visitor has asked, or has it wait.
    fn answer(&mut self, at: usize) {
        let visitor = &self.visitors[at];
        let Stage::Asked(words) = &visitor.stage else { return };
        let reply = match serde_json::from_slice::<Request>(words) {
            Ok(question) => self.put(question, &visitor.process),
            // As for any frame that is no message: that ends the conversation.
            Err(_) => {
                self.visitors[at].stage = Stage::Over;
                return;
            }
        };
        let number = visitor.number;
        let event = match reply {
            Reply::Now(event) => event,
            Reply::Later(waiting) => match self.waiters.add(number, waiting) {
                Ok(()) => return self.visitors[at].waits(),
                Err(code) => Event::Refused(code.into()),
            },
        };
        let words = fitting(event, ROOM);
        self.visitors[at].is_told(&words, PATIENCE);
        self.visitors[at].attend(ROOM);
    }

    fn put(&self, question: Request, process: &T::Process) -> Reply {
        let standing = self.standing(process);
        let relation = standing.to(&(), self.user);
        let sees = authority::may(relation, Ask::See).is_ok();
        let event = match question {
            Request::List => {
                let sessions = sees.then(|| {
                    // Without settling: that may take its time.
                    self.counter.describe(self.counter.guard().counts())
                });
                let sessions = sessions.into_iter().collect();
                Event::Sessions { sessions, helper: env!("CARGO_PKG_VERSION").into() }
            }
            Request::Where => {
                let inside = relation == Relation::Tree;
                let name = inside.then(|| self.counter.session());
                Event::Where { session: name }
            }
            Request::Register(_) => Event::Failed(failed("this helper has its session already")),
            question => match question.session() {
                None => Event::Refused(RefusalCode::NotTheOwner.into()),
                Some(session) if session.as_str() != self.counter.name() => {
                    Event::Refused(RefusalCode::NoSuchSession.into())
                }
                Some(_) => {
                    let exe = process.exe().to_string_lossy().into_owned();
                    let by = Granter { uid: process.uid(), pid: process.pid(), exe };
                    return self.counter.put(question, relation, by);
                }
            },
        };
        Reply::Now(event)
    }

    /// Lets go of those who have gone, are done, or took too long.
    fn see_off(&mut self) {
        let (now, waiters) = (Instant::now(), &mut self.waiters);
        self.visitors.retain(|visitor| {
            let stays = visitor.stage != Stage::Over && visitor.patience.is_none_or(|end| now < end);
            if !stays {
                waiters.forget(visitor.number);
            }
            stays
        });
    }
}
