//! Those whose answer is not there yet. They are bounded in number, and none waits for ever.

use crate::guard::Local;
use crate::protocol::{Event, MAX_WAITING, RefusalCode};
use std::time::{Duration, Instant};

/// What is waited for, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    awaited: Awaited,
    until: Instant,
    /// Whether a person waits: then there is room that no process of a tree takes.
    person: bool,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The answer to a request.
    Answer { number: u64 },
    /// A list of requests of another version than this.
    Requests { after: Option<u64> },
}

impl Waiting {
    pub(super) fn new(awaited: Awaited, seconds: u64, person: bool) -> Self {
        Self { awaited, until: Instant::now() + Duration::from_secs(seconds), person }
    }

    /// The answer, if it is there, or the time is over.
    pub fn answer(&self, guard: &Local) -> Option<Event> {
        let over = Instant::now() >= self.until;
        match self.awaited {
            Awaited::Answer { number } => match guard.one_request(number) {
                Ok(request) if over || request.state != crate::protocol::RequestState::Pending => {
                    Some(Event::Request { request: request.into() })
                }
                Ok(_) => None,
                Err(code) => Some(Event::Refused(code.into())),
            },
            Awaited::Requests { after } => {
                let (requests, version) = guard.pending_requests();
                (over || after != Some(version)).then_some(Event::Requests { requests, version })
            }
        }
    }
}

/// Those who wait, each told from others by a `K`.
#[derive(Debug)]
pub struct Waiters<K>(Vec<(K, Waiting)>);

impl<K> Default for Waiters<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Copy + PartialEq> Waiters<K> {
    /// One more, if there is room.
    pub fn add(&mut self, who: K, waiting: Waiting) -> Result<(), RefusalCode> {
        let others = self.0.iter().filter(|(_, known)| !known.person).count();
        if self.0.len() >= MAX_WAITING || (!waiting.person && others >= MAX_WAITING / 2) {
            return Err(RefusalCode::TooManyWaiting);
        }
        self.0.push((who, waiting));
        Ok(())
    }

    /// This one waits no longer.
    pub fn forget(&mut self, who: K) {
        self.0.retain(|(known, _)| *known != who);
    }

    /// Takes out those for whom there is an answer now.
    pub fn answered(&mut self, guard: &Local) -> Vec<(K, Event)> {
        let mut answers = Vec::new();
        self.0.retain(|(who, waiting)| match waiting.answer(guard) {
            Some(event) => {
                answers.push((*who, event));
                false
            }
            None => true,
        });
        answers
    }

    /// When the first of them has waited long enough.
    pub fn next(&self) -> Option<Instant> {
        self.0.iter().map(|(_, waiting)| waiting.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many() {
        let mut waiters = Waiters::default();
        let waiting = |seconds| Waiting::new(Awaited::Answer { number: 1 }, seconds, true);
        assert_eq!(waiters.next(), None);
        for n in 0..MAX_WAITING {
            waiters.add(n, waiting(60 + n as u64)).unwrap();
        }
        assert_eq!(waiters.add(99, waiting(1)), Err(RefusalCode::TooManyWaiting));
        waiters.forget(0);
        waiters.forget(1);
        let inside = Waiting::new(Awaited::Answer { number: 1 }, 60, false);
        assert!(waiters.add(0, inside.clone()).is_ok());
        assert!(waiters.next().unwrap() > Instant::now());
        assert!(waiters.add(99, waiting(0)).is_ok());
        assert!(waiters.next().unwrap() <= Instant::now());
        // Half of the room is people's.
        let mut waiters = Waiters::default();
        (0..MAX_WAITING / 2).for_each(|n| waiters.add(n, inside.clone()).unwrap());
        assert_eq!(waiters.add(99, inside), Err(RefusalCode::TooManyWaiting));
        assert!(waiters.add(99, waiting(60)).is_ok());
    }
}
