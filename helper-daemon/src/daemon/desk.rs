//! A session's desk in its worker: questions of others than its owner arrive here by way of the monitor, and its
//! grants expire here.

use super::asking::{Answer, Asked};
use super::link::{self, Kind};
use super::returning::Home;
use crate::desk::authority::Relation;
use crate::desk::counter::{Counter, Reply, fitting, unix_now};
use crate::desk::waiting::Waiters;
use crate::engine::bpf_lsm::holder::Holder;
use crate::guard::Guard;
use crate::protocol::{Event, Granter, RefusalCode, Request};
use endpoint_sec::linux::peer::Peer;
use endpoint_sec::linux::process::PidFd;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a worker without a monitor looks for one.
const KNOCK_EVERY: Duration = Duration::from_millis(250);

/// How a session's worker finds the next monitor, and what it tells it.
pub(super) struct WayBack {
    /// `None`: there is none.
    pub(super) home: Option<Home>,
    /// Who registered the session, and how many filters that one carried.
    pub(super) registrar: PidFd,
    pub(super) filters: u32,
    /// The child's parent, below which the tree stays.
    pub(super) anchor: PidFd,
    /// Of a session that is judged in the kernel, what reaches who writes its tables: the monitor.
    pub(super) holder: Option<Arc<Holder>>,
}

impl WayBack {
    fn take(&self) -> Option<(OwnedFd, Peer)> {
        self.home.as_ref()?.knock(&self.registrar, self.filters)
    }

    /// Tells a monitor that there is this session, and what its tree hangs below.
    pub(super) fn tell(&self, monitor: &OwnedFd, name: &str) -> Result<(), Errno> {
        link::send(monitor.as_fd(), Kind::Armed, name.as_bytes(), &[self.anchor.as_fd()])
    }

    /// The same to another monitor than the one before, which has written the session's tables.
    fn tell_the_next(&self, monitor: &OwnedFd, name: &str) -> Result<(), Errno> {
        if let Some(holder) = self.holder.as_ref().filter(|holder| holder.has_tables()) {
            let link = holder.offer().map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
            let known_as = holder.known_as().map(u32::to_ne_bytes).concat();
            link::send(monitor.as_fd(), Kind::InKernel, &known_as, &[link.as_fd()])?;
        }
        self.tell(monitor, name)
    }
}

/// Where a session is asked by others than its owner, and its grants are looked after.
pub(super) struct Desk {
    counter: Counter,
    owner: Granter,
    /// To the monitor; `None` while there is none.
    link: Mutex<Option<OwnedFd>>,
    way_back: WayBack,
    /// Read where it is looked when the next grant expires, written where the owner grants: on another thread.
    rung: (PipeReader, PipeWriter),
}

impl Desk {
    /// A desk for a session that `owner` has registered.
    pub(super) fn new(
        counter: Counter,
        owner: Granter,
        monitor: OwnedFd,
        way_back: WayBack,
    ) -> std::io::Result<Self> {
        Ok(Self { counter, owner, link: Mutex::new(Some(monitor)), way_back, rung: pipe()? })
    }

    fn link(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers for ever, to one monitor after another.
    pub(super) fn open(&self) {
        let (mut next, mut waiters) = (None, Waiters::default());
        loop {
            let monitor = self.link().as_ref().and_then(|link| link.try_clone().ok());
            match monitor {
                Some(monitor) => self.look(&monitor, next, &mut waiters),
                None => {
                    // Who waited for an answer waited for it from that monitor, and asks the next one again.
                    waiters = Waiters::default();
                    self.return_to_a_monitor(next);
                }
            }
            next = self.counter.guard().expire_grants(unix_now());
        }
    }

    fn look(&self, monitor: &OwnedFd, next: Option<u64>, waiters: &mut Waiters<u64>) {
        let mut fds = [monitor.as_fd(), self.rung.0.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        // A signal, or whatever else ends the wait early, does no harm.
        let _ = poll(&mut fds, sooner(until(next), waiters.next()));
        self.hear_the_ring(&fds[1]);
        if fds[0].any() == Some(true) {
            match link::receive(monitor.as_fd()) {
                Ok(Some(message)) => self.answer(monitor, &message, waiters),
                _ => drop(self.link().take()),
            }
        }
        for (number, event) in waiters.answered(self.counter.guard()) {
            say(monitor, number, event);
        }
    }

    /// Waits a moment for what else there is to do, and looks whether there is a monitor again.
    fn return_to_a_monitor(&self, next: Option<u64>) {
        let mut fds = [PollFd::new(self.rung.0.as_fd(), PollFlags::POLLIN)];
        let soon = Instant::now() + KNOCK_EVERY;
        let _ = poll(&mut fds, sooner(until(next), Some(soon)));
        self.hear_the_ring(&fds[0]);
        let Some((link, monitor)) = self.way_back.take() else { return };
        // The one before it was such a ward from the beginning.
        if let Ok(held) = monitor.pidfd.as_fd().try_clone_to_owned() {
            self.counter.guard().defend(monitor.pid, held);
        }
        if self.way_back.tell_the_next(&link, self.counter.name()).is_ok() {
            *self.link() = Some(link);
        }
    }

    fn hear_the_ring(&self, ring: &PollFd<'_>) {
        if ring.any() == Some(true) {
            // What is left of it rings again.
            let _ = (&self.rung.0).read(&mut [0; 16]);
        }
    }

    /// The session is over.
    pub(super) fn close(&self) {
        if let Some(monitor) = &*self.link() {
            // A monitor that is gone needs no word.
            let _ = link::send(monitor.as_fd(), Kind::Over, &[], &[]);
        }
    }

    fn answer(&self, monitor: &OwnedFd, message: &link::Message, waiters: &mut Waiters<u64>) {
        match message.kind {
            Kind::Describe => {
                let counts = self.counter.guard().settle();
                let bytes = serde_json::to_vec(&self.counter.describe(counts)).unwrap_or_default();
                let _ = link::send(monitor.as_fd(), Kind::Description, &bytes, &[]);
            }
            Kind::Asked => {
                let Some(asked) = Asked::decode(&message.bytes) else { return };
                let exe = asked.exe.to_string_lossy().into_owned();
                let by = Granter { uid: asked.uid, pid: asked.pid, exe };
                let reply = match serde_json::from_slice(asked.words) {
                    Ok(question) => self.counter.put(question, asked.relation, by),
                    Err(_) => Reply::Now(Event::Refused(RefusalCode::NoAnswer.into())),
                };
                let event = match reply {
                    Reply::Now(event) => event,
                    Reply::Later(waiting) => match waiters.add(asked.number, waiting) {
                        Ok(()) => return,
                        Err(code) => Event::Refused(code.into()),
                    },
                };
                say(monitor, asked.number, event);
            }
            _ => {}
        }
    }

    /// A question on the owner's own connection, which is to no other session. It is answered at once.
    pub(super) fn own(&self, question: Request) -> Event {
        if question.session().is_none_or(|session| session.as_str() != self.counter.name()) {
            return Event::Refused(RefusalCode::NoSuchSession.into());
        }
        let reply = self.counter.put(question.at_once(), Relation::Owner, self.owner.clone());
        // A pipe that is full has rung.
        let _ = (&self.rung.1).write(&[0]);
        match reply {
            Reply::Now(event) => event,
            Reply::Later(_) => Event::Refused(RefusalCode::NoAnswer.into()),
        }
    }
}

fn say(monitor: &OwnedFd, number: u64, event: Event) {
    /// For the head of the message.
    const ROOM: usize = link::MAX_MESSAGE - 64;
    let words = fitting(event, ROOM);
    // A monitor that is gone passes nothing on.
    let _ = link::send(monitor.as_fd(), Kind::Answer, &Answer { number, words: &words }.encode(), &[]);
}

/// How long to wait for this time, in Unix seconds; a clock that is set meanwhile is looked at now and then.
fn until(end: Option<u64>) -> PollTimeout {
    let Some(end) = end else { return PollTimeout::NONE };
    let left = i128::from(end) * 1000 - i128::from(jiff::Timestamp::now().as_millisecond());
    // At least one, or a wait that ends a little early is repeated many times.
    PollTimeout::from(left.clamp(1, 30_000) as u16)
}

/// The shorter of two waits.
fn sooner(one: PollTimeout, moment: Option<Instant>) -> PollTimeout {
    let Some(moment) = moment else { return one };
    let left = moment.saturating_duration_since(Instant::now()).as_millis() + 1;
    let other = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    if one.is_none() || one > other { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_at_least_a_moment_and_never_endless_once_something_ends() {
        assert_eq!(until(None), PollTimeout::NONE);
        assert_eq!(until(Some(0)), PollTimeout::from(1u16));
        assert_eq!(until(Some(u64::MAX)), PollTimeout::from(30_000u16));
        assert_eq!(sooner(PollTimeout::NONE, None), PollTimeout::NONE);
        let long = Instant::now() + Duration::from_secs(3600);
        assert!(!sooner(PollTimeout::NONE, Some(long)).is_none());
        assert_eq!(sooner(PollTimeout::from(1u16), Some(long)), PollTimeout::from(1u16));
        assert_eq!(sooner(PollTimeout::from(9u16), Some(Instant::now())), PollTimeout::from(1u16));
    }
}
