//! Deadlines are kept: what is not answered when four fifths of its time are over is answered here, no.
//!
//! A client that misses a deadline is killed by the kernel, and with it goes all protection. So every question is
//! under watch from the moment it arrives. Whoever takes it from the watch answers it: the caller in time, or the
//! watch; so a question gets one answer.

use crate::macos::connection::Connection;
use crate::macos::message::{Message, Retained};
use endpoint_sec_sys::macos::api::Timebase;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A client's watch, for whoever runs it: a thread, or a simulation that has the clock in its hands.
pub struct Watch(pub(crate) Arc<Connection>);

impl Watch {
    /// When something will be due, in ticks; `None` while nothing is asked.
    pub fn next_due(&self) -> Option<u64> {
        self.0.waiting.lock().next_due()
    }

    /// Whether the client is gone: there will be nothing to answer again.
    pub fn is_over(&self) -> bool {
        self.0.waiting.lock().closed
    }

    /// Answers what is due by the framework's clock, and returns how much that was.
    pub fn answer_due(&self) -> usize {
        let now = self.0.framework.now();
        let due = self.0.waiting.lock().take_due(now);
        for pending in &due {
            self.0.refuse(&pending.message());
        }
        due.len()
    }

    /// Answers what is due when it is due, until the client is gone.
    pub fn run(self) {
        let Connection { waiting, framework, timebase, .. } = &*self.0;
        let mut state = waiting.lock();
        while !state.closed {
            let now = framework.now();
            let due = state.take_due(now);
            state = if !due.is_empty() {
                drop(state);
                for pending in &due {
                    self.0.refuse(&pending.message());
                }
                waiting.lock()
            } else if let Some(at) = state.next_due() {
                let patience = duration(at.saturating_sub(now), *timebase);
                waiting.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0
            } else {
                waiting.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

/// How long some ticks are.
pub(crate) fn duration(ticks: u64, timebase: Timebase) -> Duration {
    let nanoseconds = u128::from(ticks) * u128::from(timebase.numer) / u128::from(timebase.denom);
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// When four fifths of the time between two moments are over.
fn four_fifths(now: u64, deadline: u64) -> u64 {
    let left = deadline.saturating_sub(now);
    now + (left / 5 * 4) + (left % 5 * 4 / 5)
}

/// What is asked and not answered yet.
#[derive(Default)]
pub(crate) struct Waiting {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    closed: bool,
    tickets: u64,
    questions: BTreeMap<Ticket, Retained>,
}

/// A question's place: when it is due, and which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    due: u64,
    number: u64,
}

impl Ticket {
    pub(crate) fn due(self) -> u64 {
        self.due
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in this file panics while it holds the lock; and a watch must go on whatever happened.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a question under watch. `None` when the client is gone.
    pub(crate) fn add(&self, message: &Message<'_>, now: u64) -> Option<Ticket> {
        let pending = message.retain();
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.tickets += 1;
        let ticket = Ticket { due: four_fifths(now, message.deadline()), number: state.tickets };
        state.questions.insert(ticket, pending);
        let is_first = state.questions.first_key_value().is_some_and(|(first, _)| *first == ticket);
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
        Some(ticket)
    }

    /// Takes a question from the watch, to answer it. `None` when it was answered.
    pub(crate) fn take(&self, ticket: Ticket) -> Option<Retained> {
        self.lock().questions.remove(&ticket)
    }

    /// Ends the watch; returns what was not answered.
    pub(crate) fn close(&self) -> Vec<Retained> {
        let mut state = self.lock();
        state.closed = true;
        let left = std::mem::take(&mut state.questions);
        drop(state);
        self.changed.notify_all();
        left.into_values().collect()
    }
}

impl State {
    fn next_due(&self) -> Option<u64> {
        self.questions.first_key_value().map(|(ticket, _)| ticket.due)
    }

    fn take_due(&mut self, now: u64) -> Vec<Retained> {
        let mut due = Vec::new();
        while let Some(first) = self.questions.first_entry().filter(|first| first.key().due <= now) {
            due.push(first.remove());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_fifths_of_what_is_left() {
        assert_eq!(four_fifths(1000, 1100), 1080);
        assert_eq!(four_fifths(0, 9), 7);
        assert_eq!(four_fifths(1000, 1000), 1000);
        assert_eq!(four_fifths(1000, 900), 1000, "a deadline in the past is due at once");
        assert!(four_fifths(1, u64::MAX) < u64::MAX);
    }

    #[test]
    fn ticks_are_not_nanoseconds() {
        let apple_silicon = Timebase { numer: 125, denom: 3 };
        assert_eq!(duration(24_000_000, apple_silicon), Duration::from_secs(1));
        assert_eq!(duration(u64::MAX, apple_silicon), Duration::from_nanos(u64::MAX));
        assert_eq!(duration(7, Timebase { numer: 1, denom: 1 }), Duration::from_nanos(7));
    }
}
