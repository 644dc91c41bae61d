//! When a key on the terminal answers nothing: for a moment after another request is shown, and for as long as keys
//! go on coming.

use helper_daemon::session::SessionId;
use std::time::{Duration, Instant};

/// So long nobody has read what has just appeared.
const MOMENT: Duration = Duration::from_millis(500);

/// What is shown, and since when nothing was pressed.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    shown: Option<(SessionId, u64)>,
    until: Option<Instant>,
}

impl Quiet {
    /// Notes which request is shown now; tells whether it is another one.
    pub(super) fn looks_at(&mut self, shown: Option<(SessionId, u64)>) -> bool {
        let changed = self.shown != shown;
        if changed {
            self.shown = shown;
            self.begin();
        }
        changed
    }

    /// For a moment keys answer nothing.
    pub(super) fn begin(&mut self) {
        self.until = Some(Instant::now() + MOMENT);
    }

    /// For how long keys still answer nothing; `None`: they do.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Whether a key that is pressed now answers nothing. Then it is perhaps a word, and the rest of that answers
    /// nothing either.
    pub(super) fn swallows(&mut self) -> bool {
        let swallows = self.left().is_some();
        if swallows {
            self.begin();
        }
        swallows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(number: u64) -> Option<(SessionId, u64)> {
        SessionId::parse("20260102-030405-abcd").map(|session| (session, number))
    }

    #[test]
    fn what_is_typed_before_a_request_is_read_answers_nothing() {
        let mut quiet = Quiet::default();
        assert!(!quiet.looks_at(None) && !quiet.swallows());
        assert!(quiet.looks_at(one(1)) && quiet.swallows());
        std::thread::sleep(MOMENT);
        assert!(!quiet.looks_at(one(1)) && !quiet.swallows());
        assert!(quiet.looks_at(one(2)) && quiet.swallows());
    }

    #[test]
    fn as_long_as_keys_come_they_answer_nothing() {
        let mut quiet = Quiet::default();
        quiet.begin();
        for _ in 0..4 {
            std::thread::sleep(MOMENT / 2);
            assert!(quiet.swallows());
        }
        std::thread::sleep(MOMENT);
        assert_eq!(quiet.left(), None);
    }
}
