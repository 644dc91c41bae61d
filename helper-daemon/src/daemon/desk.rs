//! A session's desk in its worker: questions of others than its owner arrive here by way of the monitor, and its
//! grants expire here.

use super::asking::{Answer, Asked};
use super::authority::{self, Ask, Relation};
use super::link::{self, Kind};
use super::returning::Home;
use crate::engine::seccomp::Ward;
use crate::guard::{Guard, Local};
use crate::policy::Override;
use crate::protocol::{Description, Event, Granter, RefusalCode, Request};
use endpoint_sec::linux::peer::Peer;
use endpoint_sec::linux::process::PidFd;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a worker without a monitor looks for one, in milliseconds.
const KNOCK_EVERY: u16 = 250;

/// How a session's worker finds the next monitor, and what it tells it.
pub(super) struct WayBack {
    /// `None`: there is none.
    pub(super) home: Option<Home>,
    /// Who registered the session, and how many filters that one carried.
    pub(super) registrar: PidFd,
    pub(super) filters: u32,
    /// The child's parent, below which the tree stays.
    pub(super) anchor: PidFd,
}

impl WayBack {
    fn take(&self) -> Option<(OwnedFd, Peer)> {
        self.home.as_ref()?.knock(&self.registrar, self.filters)
    }

    /// Tells a monitor that there is this session, and what its tree hangs below.
    pub(super) fn tell(&self, monitor: &OwnedFd, name: &str) -> Result<(), Errno> {
        link::send(monitor.as_fd(), Kind::Armed, name.as_bytes(), &[self.anchor.as_fd()])
    }
}

/// Where a session is asked by others than its owner, and its grants are looked after.
pub(super) struct Desk {
    guard: Arc<Local>,
    name: String,
    owner: Granter,
    description: Description,
    /// To the monitor; `None` while there is none.
    link: Mutex<Option<OwnedFd>>,
    way_back: WayBack,
    /// Read where it is looked when the next grant expires, written where the owner grants: on another thread.
    rung: (PipeReader, PipeWriter),
}

impl Desk {
    /// A desk for the session of this description, which `owner` has registered.
    pub(super) fn new(
        guard: Arc<Local>,
        owner: Granter,
        description: Description,
        monitor: OwnedFd,
        way_back: WayBack,
    ) -> std::io::Result<Self> {
        let name = description.session.id.to_string();
        Ok(Self { guard, name, owner, description, link: Mutex::new(Some(monitor)), way_back, rung: pipe()? })
    }

    fn link(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers for ever, to one monitor after another.
    pub(super) fn open(&self) {
        let mut next = None;
        loop {
            let monitor = self.link().as_ref().and_then(|link| link.try_clone().ok());
            match monitor {
                Some(monitor) => self.look(&monitor, next),
                None => self.return_to_a_monitor(next),
            }
            next = self.guard.expire_grants(now());
        }
    }

    fn look(&self, monitor: &OwnedFd, next: Option<u64>) {
        let mut fds = [monitor.as_fd(), self.rung.0.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        // A signal, or whatever else ends the wait early, does no harm.
        let _ = poll(&mut fds, until(next));
        self.hear_the_ring(&fds[1]);
        if fds[0].any() == Some(true) {
            match link::receive(monitor.as_fd()) {
                Ok(Some(message)) => self.answer(monitor, &message),
                _ => drop(self.link().take()),
            }
        }
    }

    /// Waits a moment for what else there is to do, and looks whether there is a monitor again.
    fn return_to_a_monitor(&self, next: Option<u64>) {
        let mut fds = [PollFd::new(self.rung.0.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, sooner(until(next), KNOCK_EVERY));
        self.hear_the_ring(&fds[0]);
        let Some((link, monitor)) = self.way_back.take() else { return };
        // The one before it was such a ward from the beginning.
        self.guard.add_ward(Ward::held(monitor.pid, monitor.pidfd));
        if self.way_back.tell(&link, &self.name).is_ok() {
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

    fn answer(&self, monitor: &OwnedFd, message: &link::Message) {
        match message.kind {
            Kind::Describe => {
                let counts = self.guard.settle();
                let zones = self.guard.zones();
                let now = Description { counts, zones, ..self.description.clone() };
                let bytes = serde_json::to_vec(&now).unwrap_or_default();
                let _ = link::send(monitor.as_fd(), Kind::Description, &bytes, &[]);
            }
            Kind::Asked => {
                let Some(asked) = Asked::decode(&message.bytes) else { return };
                let exe = asked.exe.to_string_lossy().into_owned();
                let by = Granter { uid: asked.uid, pid: asked.pid, exe };
                let event = match serde_json::from_slice(asked.words) {
                    Ok(question) => self.put(question, asked.relation, by),
                    Err(_) => Event::Refused(RefusalCode::NoAnswer.into()),
                };
                let words = fitting(event);
                let answer = Answer { number: asked.number, words: &words };
                let _ = link::send(monitor.as_fd(), Kind::Answer, &answer.encode(), &[]);
            }
            _ => {}
        }
    }

    /// A question on the owner's own connection, which is to no other session.
    pub(super) fn own(&self, question: Request) -> Event {
        let named = match &question {
            Request::Overrides { session }
            | Request::Grant { session, .. }
            | Request::Revoke { session, .. }
            | Request::Narrow { session, .. } => session.as_str() == self.name,
            _ => false,
        };
        if named {
            let answer = self.put(question, Relation::Owner, self.owner.clone());
            // A pipe that is full has rung.
            let _ = (&self.rung.1).write(&[0]);
            answer
        } else {
            Event::Refused(RefusalCode::NoSuchSession.into())
        }
    }

    fn put(&self, question: Request, relation: Relation, by: Granter) -> Event {
        let answered = match question {
            Request::Overrides { .. } => authority::may(relation, Ask::See).map(|()| {
                let overrides = self.guard.overrides(now());
                Event::Overrides { overrides, left_out: 0 }
            }),
            Request::Grant { path, expires_at, reason, .. } => authority::may(relation, Ask::Grant)
                .and_then(|()| self.guard.grant(Override { path, expires_at, reason }, by, now()))
                .map(|granted| Event::Granted { granted }),
            Request::Revoke { path, .. } => authority::may(relation, Ask::Revoke)
                .and_then(|()| self.guard.revoke(&path, &by))
                .map(|revoked| Event::Revoked { revoked }),
            Request::Narrow { policy, .. } => authority::may(relation, Ask::Narrow)
                .and_then(|()| self.guard.narrow(policy, &by))
                .map(|()| Event::Narrowed),
            _ => Err(RefusalCode::NotTheOwner),
        };
        answered.unwrap_or_else(|code| Event::Refused(code.into()))
    }
}

/// An answer that one message has room for.
fn fitting(event: Event) -> Vec<u8> {
    /// For the head of the message.
    const ROOM: usize = link::MAX_MESSAGE - 64;
    let bytes = |event: &Event| serde_json::to_vec(event).unwrap_or_default();
    let whole = bytes(&event);
    let Event::Overrides { mut overrides, .. } = event else { return whole };
    let mut out = whole;
    let all = overrides.len();
    while out.len() > ROOM && !overrides.is_empty() {
        overrides.truncate(overrides.len() / 2);
        let left_out = all - overrides.len();
        out = bytes(&Event::Overrides { overrides: overrides.clone(), left_out });
    }
    out
}

fn now() -> u64 {
    jiff::Timestamp::now().as_second().max(0) as u64
}

/// How long to wait for this time, in Unix seconds; a clock that is set meanwhile is looked at now and then.
fn until(end: Option<u64>) -> PollTimeout {
    let Some(end) = end else { return PollTimeout::NONE };
    let left = i128::from(end) * 1000 - i128::from(jiff::Timestamp::now().as_millisecond());
    // At least one, or a wait that ends a little early is repeated many times.
    PollTimeout::from(left.clamp(1, 30_000) as u16)
}

/// The shorter of two waits; one without end is the longest.
fn sooner(one: PollTimeout, milliseconds: u16) -> PollTimeout {
    let other = PollTimeout::from(milliseconds);
    if one.is_none() || one > other { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::LiveOverride;

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let one = LiveOverride {
            path: format!("/{}", "x".repeat(4000)).into(),
            expires_at: None,
            reason: None,
            by: None,
        };
        let overrides = vec![one; 64];
        let words = fitting(Event::Overrides { overrides, left_out: 0 });
        assert!(words.len() < link::MAX_MESSAGE - 16);
        let Ok(Event::Overrides { overrides, left_out }) = serde_json::from_slice(&words) else {
            panic!("another answer")
        };
        assert!(!overrides.is_empty() && overrides.len() + left_out == 64);
    }

    #[test]
    fn a_wait_is_at_least_a_moment_and_never_endless_once_something_ends() {
        assert_eq!(until(None), PollTimeout::NONE);
        assert_eq!(until(Some(0)), PollTimeout::from(1u16));
        assert_eq!(until(Some(u64::MAX)), PollTimeout::from(30_000u16));
        assert_eq!(sooner(PollTimeout::NONE, 250), PollTimeout::from(250u16));
        assert_eq!(sooner(PollTimeout::from(30_000u16), 250), PollTimeout::from(250u16));
        assert_eq!(sooner(PollTimeout::from(1u16), 250), PollTimeout::from(1u16));
    }
}
