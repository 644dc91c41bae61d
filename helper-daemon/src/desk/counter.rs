//! The answer of one session to one question.

use super::authority::{self, Ask, Relation};
use super::waiting::{Awaited, Waiting};
use crate::guard::{Asked, Local};
use crate::ledger::Counts;
use crate::policy::Override;
use crate::protocol::{Description, Event, Granter, NumberedDenial, RefusalCode, Request};
use crate::session::SessionId;
use std::sync::Arc;

/// Where one session is asked.
pub struct Counter {
    guard: Arc<Local>,
    description: Description,
}

/// An answer, or what has to be waited for until there is one.
#[derive(Debug)]
pub enum Reply {
    /// That is it.
    Now(Event),
    /// Not yet.
    Later(Waiting),
}

impl Counter {
    /// Of a session that was started so.
    pub fn new(guard: Arc<Local>, description: Description) -> Self {
        Self { guard, description }
    }

    /// What guards the session.
    pub fn guard(&self) -> &Local {
        &self.guard
    }

    /// The session.
    pub fn session(&self) -> SessionId {
        self.description.session.id.clone()
    }

    /// The session's name.
    pub fn name(&self) -> &str {
        self.description.session.id.as_str()
    }

    /// The session as it is now, with what was counted so far.
    pub fn describe(&self, counts: Counts) -> Description {
        let (zones, requests) = (self.guard.zones(), self.guard.decided_by());
        Description { counts, zones, requests, ..self.description.clone() }
    }

    /// Answers one who stands so to the session, and is `by`.
    pub fn put(&self, question: Request, relation: Relation, by: Granter) -> Reply {
        let wait = question.patience();
        let person = matches!(relation, Relation::Owner | Relation::Person | Relation::Root);
        let answered = match question {
            Request::Requests { after, .. } => authority::may(relation, Ask::See).map(|()| {
                let awaited = Awaited::Requests { after };
                self.now_or_later(Waiting::new(awaited, wait, person))
            }),
            Request::Await { number, .. } => authority::may(relation, Ask::See)
                .and_then(|()| self.guard.one_request(number))
                .map(|_| self.now_or_later(Waiting::new(Awaited::Answer { number }, wait, person))),
            question => self.answer(question, relation, by).map(Reply::Now),
        };
        answered.unwrap_or_else(|code| Reply::Now(Event::Refused(code.into())))
    }

    fn now_or_later(&self, waiting: Waiting) -> Reply {
        match waiting.answer(&self.guard) {
            Some(event) => Reply::Now(event),
            None => Reply::Later(waiting),
        }
    }

    fn answer(&self, question: Request, relation: Relation, by: Granter) -> Result<Event, RefusalCode> {
        let may = |ask| authority::may(relation, ask);
        let (guard, now) = (&self.guard, unix_now());
        match question {
            Request::Overrides { .. } => {
                may(Ask::See).map(|()| Event::Overrides { overrides: guard.overrides(now), left_out: 0 })
            }
            Request::Grant { path, expires_at, reason, op, .. } => may(Ask::Grant)
                .and_then(|()| guard.grant(Override { path, expires_at, reason, op, once: None }, by, now))
                .map(|granted| Event::Granted { granted }),
            Request::Revoke { path, .. } => may(Ask::Revoke)
                .and_then(|()| guard.revoke(&path, &by))
                .map(|revoked| Event::Revoked { revoked }),
            Request::Narrow { policy, .. } => {
                may(Ask::Narrow).and_then(|()| guard.narrow(policy, &by)).map(|()| Event::Narrowed)
            }
            Request::Ask { path, op, reason, seconds, .. } => may(Ask::Request)
                .and_then(|()| guard.request(Asked { path, op, reason, seconds }, by, now))
                .map(|request| Event::Request { request: request.into() }),
            Request::Answer { number, decision, word, .. } => may(Ask::Grant)
                .and_then(|()| guard.answer(number, decision, word, &by, now))
                .map(|request| Event::Request { request: request.into() }),
            Request::Denials { since, reader, .. } => {
                may(Ask::See).and_then(|()| guard.denials(since, reader.as_deref()))
            }
            Request::Check { op, path, dest, .. } => may(Ask::See)
                .and_then(|()| guard.check(op, &path, dest.as_deref(), now))
                .map(|(checked, request)| Event::Checked { checked, request: request.map(Box::new) }),
            _ => Err(RefusalCode::NotTheOwner),
        }
    }
}

/// An answer in at most `room` bytes of JSON: what there is no room for is left out, and counted.
pub fn fitting(event: Event, room: usize) -> Vec<u8> {
    let bytes = |event: &Event| serde_json::to_vec(event).unwrap_or_default();
    let mut out = bytes(&event);
    match event {
        Event::Overrides { mut overrides, mut left_out } => {
            let all = overrides.len() + left_out;
            while out.len() > room && !overrides.is_empty() {
                overrides.truncate(overrides.len() / 2);
                left_out = all - overrides.len();
                out = bytes(&Event::Overrides { overrides: overrides.clone(), left_out });
            }
        }
        Event::Denials { denials, last, dropped } => {
            let mut denials: &[NumberedDenial] = &denials;
            let all = denials.len() as u64 + dropped;
            while out.len() > room && !denials.is_empty() {
                // The newest say what has just happened.
                denials = &denials[denials.len().div_ceil(2)..];
                let dropped = all - denials.len() as u64;
                out = bytes(&Event::Denials { denials: denials.to_vec(), last, dropped });
            }
        }
        Event::Requests { mut requests, version } => {
            while out.len() > room && !requests.is_empty() {
                requests.truncate(requests.len() / 2);
                out = bytes(&Event::Requests { requests: requests.clone(), version });
            }
        }
        _ => {}
    }
    out
}

/// Now, in Unix seconds.
pub fn unix_now() -> u64 {
    jiff::Timestamp::now().as_second().max(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denial::{Denial, DenialRecord};
    use crate::policy::judge::Reason;
    use crate::policy::operation::Op;
    use crate::protocol::LiveOverride;

    const ROOM: usize = 64 << 10;

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let path = format!("/{}", "x".repeat(4000));
        let one = LiveOverride::new(&Override { path: path.clone().into(), ..Override::default() }, None);
        let words = fitting(Event::Overrides { overrides: vec![one; 64], left_out: 0 }, ROOM);
        assert!(words.len() <= ROOM);
        let Ok(Event::Overrides { overrides, left_out }) = serde_json::from_slice(&words) else {
            panic!("another answer")
        };
        assert!(!overrides.is_empty() && overrides.len() + left_out == 64);
        let denial = DenialRecord::from(&Denial {
            op: Op::Unlink,
            path: path.into(),
            dest: None,
            zone: "/".into(),
            reason: Reason::Removed,
            pid: 1,
            exe: "/bin/rm".into(),
            argv: Vec::new(),
            cwd: "/".into(),
        });
        let one = |number| NumberedDenial { number, at: 0, denial: denial.clone() };
        let words =
            fitting(Event::Denials { denials: (5..69).map(one).collect(), last: 68, dropped: 4 }, ROOM);
        assert!(words.len() <= ROOM);
        let Ok(Event::Denials { denials, last, dropped }) = serde_json::from_slice(&words) else {
            panic!("another answer")
        };
        assert_eq!((denials.last().map(|denial| denial.number), last), (Some(68), 68));
        assert_eq!(denials.len() as u64 + dropped, 68);
    }
}
