//! A session's desk in its worker: questions of others than its owner arrive here by way of the monitor, and its
//! grants expire here.

use super::asking::{Answer, Asked};
use super::authority::{self, Ask, Relation};
use super::link::{self, Kind};
use crate::guard::{Guard, Local};
use crate::policy::Override;
use crate::protocol::{Description, Event, Granter, RefusalCode, Request};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Where a session is asked by others than its owner, and its grants are looked after.
pub(super) struct Desk {
    guard: Arc<Local>,
    name: String,
    owner: Granter,
    description: Description,
    /// Read where it is looked when the next grant expires, written where the owner grants: on another thread.
    rung: (PipeReader, PipeWriter),
}

impl Desk {
    /// A desk for the session of this description, which `owner` has registered.
    pub(super) fn new(guard: Arc<Local>, owner: Granter, description: Description) -> std::io::Result<Self> {
        let name = description.session.id.to_string();
        Ok(Self { guard, name, owner, description, rung: pipe()? })
    }

    /// Answers until the monitor is gone, and ends this process then.
    pub(super) fn open(&self, monitor: &OwnedFd) {
        let mut next = None;
        loop {
            let mut fds = [monitor.as_fd(), self.rung.0.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            // A signal, or whatever else ends the wait early, does no harm.
            let _ = poll(&mut fds, until(next));
            if fds[1].any() == Some(true) {
                // What is left of it rings again.
                let _ = (&self.rung.0).read(&mut [0; 16]);
            }
            if fds[0].any() == Some(true) {
                match link::receive(monitor.as_fd()) {
                    Ok(Some(message)) => self.answer(monitor, &message),
                    // The monitor is gone. What it kept is taken up by the next one; two must not judge at once.
                    _ => std::process::exit(1),
                }
            }
            next = self.guard.expire_grants(now());
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
    }
}
