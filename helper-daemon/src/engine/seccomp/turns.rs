//! Denials are told of in the order in which they were answered.
//!
//! A denial is told of after its answer is out, and by then another thread may have answered the caller's next
//! call. A turn is taken before the answer, so that the next one can only be later, and nobody waits between
//! a call and its answer.

use super::lock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

#[derive(Default)]
pub(super) struct Turns {
    taken: AtomicU64,
    told: Mutex<Told>,
    another: Condvar,
}

#[derive(Default)]
struct Told {
    /// How many have been told of.
    count: u64,
    /// How many wait. To wake nobody is a system call, too.
    waiting: usize,
}

/// A place in the order; what holds one must tell.
#[must_use = "whoever has a later turn waits for this one"]
pub(super) struct Turn(u64);

impl Turns {
    /// The next turn.
    pub(super) fn take(&self) -> Turn {
        Turn(self.taken.fetch_add(1, Ordering::SeqCst))
    }

    /// Tells, once everyone before has.
    pub(super) fn tell(&self, turn: Turn, tell: impl FnOnce()) {
        let mut told = lock(&self.told);
        while told.count != turn.0 {
            told.waiting += 1;
            told = self.another.wait(told).unwrap_or_else(PoisonError::into_inner);
            told.waiting -= 1;
        }
        // Counted before, under the lock that the next one needs: whoever panics in telling holds up nobody.
        told.count += 1;
        if told.waiting > 0 {
            self.another.notify_all();
        }
        tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_turn_waits_for_an_earlier_one() {
        let (turns, said) = (Turns::default(), Mutex::new(Vec::new()));
        let [first, second, third] = [turns.take(), turns.take(), turns.take()];
        std::thread::scope(|scope| {
            for (turn, word) in [(third, 3), (second, 2), (first, 1)] {
                let (turns, said) = (&turns, &said);
                scope.spawn(move || turns.tell(turn, || said.lock().unwrap().push(word)));
            }
        });
        assert_eq!(said.into_inner().unwrap(), [1, 2, 3]);
    }

    #[test]
    fn a_turn_that_ends_in_a_panic_holds_up_nobody() {
        let turns = Turns::default();
        let (first, second) = (turns.take(), turns.take());
        let telling = std::panic::AssertUnwindSafe(|| turns.tell(first, || panic!("on purpose")));
        assert!(std::panic::catch_unwind(telling).is_err());
        let mut said = false;
        turns.tell(second, || said = true);
        assert!(said);
    }
}
