//! Telling a command in its own output why it was refused something: once for each command, however many files
//! it is about, and before the refusal reaches it, as it may end at once.
//!
//! A command is told by where it writes its errors: what comes to the same pipe, file or socket soon after, from
//! whichever process, has been told.

use super::{Session, Told, lock};
use crate::explain::Wording;
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::output::ErrorOutput;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// How long nothing must have been refused for a command to be taken for the next one.
const QUIET: Duration = Duration::from_secs(2);
/// How many callers, and outputs, are remembered.
const MOST: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Explaining {
    /// Set when the agent begins, if it is to be told at all.
    pub(super) wording: OnceLock<Wording>,
    told: Mutex<Recent>,
}

/// Who was told of something, and when last there was something to tell.
#[derive(Debug, Default)]
struct Recent {
    callers: HashMap<i32, Instant>,
    outputs: HashMap<(u64, u64), Instant>,
}

impl Session {
    /// Tells the command, unless it has been told.
    pub(super) fn explain(&self, tid: i32, told: &Told) {
        let Some(wording) = self.explaining.wording.get() else { return };
        let now = Instant::now();
        // A caller that was told need not be looked at again.
        if lock(&self.explaining.told).callers.renew(tid, now) {
            return;
        }
        let caller = Caller::new(tid);
        let Some(output) = ErrorOutput::of(&caller) else { return };
        let is_new = {
            let mut recent = lock(&self.explaining.told);
            recent.callers.note(tid, now);
            !recent.outputs.renew(output.identity(), now) && {
                recent.outputs.note(output.identity(), now);
                true
            }
        };
        if is_new {
            let text = match told {
                Told::Denied(what) => wording.denied(what),
                Told::Stashed(what, _) => wording.kept(what),
                Told::Aside(_) => return,
            };
            // Who does not read its errors is told by other ways.
            let _ = output.say(&caller, text.as_bytes());
        }
    }
}

/// What was there a moment ago.
trait Moments<K> {
    /// Whether it was there a moment ago; if so it is from now on.
    fn renew(&mut self, key: K, now: Instant) -> bool;
    fn note(&mut self, key: K, now: Instant);
}

impl<K: Eq + Hash> Moments<K> for HashMap<K, Instant> {
    fn renew(&mut self, key: K, now: Instant) -> bool {
        match self.get_mut(&key) {
            Some(last) if now.saturating_duration_since(*last) < QUIET => {
                *last = now;
                true
            }
            _ => false,
        }
    }

    fn note(&mut self, key: K, now: Instant) {
        if self.len() >= MOST {
            self.retain(|_, last| now.saturating_duration_since(*last) < QUIET);
        }
        if self.len() >= MOST {
            self.clear();
        }
        self.insert(key, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_one_and_what_comes_after_a_pause_is_another() {
        let mut moments = HashMap::new();
        let begin = Instant::now();
        assert!(!moments.renew(1, begin));
        moments.note(1, begin);
        let mut now = begin;
        for _ in 0..5 {
            now += QUIET / 2;
            assert!(moments.renew(1, now));
        }
        assert!(!moments.renew(1, now + QUIET));
    }

    #[test]
    fn no_more_are_remembered_than_that() {
        let mut moments = HashMap::new();
        for key in 0..3 * MOST {
            moments.note(key, Instant::now());
        }
        assert!(moments.len() <= MOST);
    }
}
