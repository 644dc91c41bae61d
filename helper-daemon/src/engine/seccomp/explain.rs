//! Telling a command in its own output why it was refused something: once for each command, however many files
//! it is about, and before the refusal reaches it, as it may end at once. That something was kept is another thing
//! to tell.
//!
//! A command is told by where it writes its errors: what comes to the same pipe, file or socket soon after, from
//! whichever process, has been told.

use super::sort::Aside;
use super::{Session, Told, lock};
use crate::explain::Wording;
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::output::ErrorOutput;
use endpoint_sec::linux::process::PidFd;
use nix::unistd::Pid;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock};
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
    /// The last one.
    asker: Mutex<Option<Asker>>,
}

/// Who was told of something of a kind, and when last there was something of it to tell.
#[derive(Debug, Default)]
struct Recent {
    callers: HashMap<(i32, Kind), Instant>,
    outputs: HashMap<((u64, u64), Kind), Instant>,
}

/// What there is to tell: who knows of the one does not know of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Refused,
    Kept,
}

/// A process that may be told something later, as long as it is this one.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    tid: i32,
    held: Arc<PidFd>,
}

impl Session {
    /// Tells the command that waits for its answer, unless it has been told.
    pub(super) fn explain(&self, tid: i32, told: &mut Told) {
        if self.explaining.wording.get().is_none() {
            return;
        }
        match told {
            // What git takes is in its repository, as a rule: that is found out later.
            Told::Aside(aside) => aside.asker = self.asker(tid),
            Told::UsedUp(_) => {}
            told => self.say(tid, told, || true),
        }
    }

    /// The same for one that has its answer, if it has not ended.
    pub(super) fn explain_to(&self, asker: &Asker, told: &Told) {
        self.say(asker.tid, told, || !asker.held.has_ended());
    }

    /// One descriptor for all that a process is asked about in a row.
    fn asker(&self, tid: i32) -> Option<Asker> {
        let mut last = lock(&self.explaining.asker);
        if last.as_ref().is_none_or(|last| last.tid != tid || last.held.has_ended()) {
            let held = PidFd::open(Pid::from_raw(tid)).ok();
            *last = held.map(|held| Asker { tid, held: Arc::new(held) });
        }
        last.clone()
    }

    /// `is_there`: whether it is still that process.
    fn say(&self, tid: i32, told: &Told, is_there: impl Fn() -> bool) {
        let Some(wording) = self.explaining.wording.get() else { return };
        let (kind, text): (_, &dyn Fn() -> String) = match told {
            Told::Denied(what) => {
                (Kind::Refused, &|| wording.denied(what, self.view().policy.asking.requests))
            }
            Told::Stashed(what, _) | Told::Aside(Aside { what, .. }) => (Kind::Kept, &|| wording.kept(what)),
            // What was asked for is done.
            Told::UsedUp(_) => return,
        };
        let now = Instant::now();
        // A caller that was told need not be looked at again.
        if lock(&self.explaining.told).callers.renew((tid, kind), now) {
            return;
        }
        let caller = Caller::new(tid);
        let Some(output) = ErrorOutput::of(&caller).filter(|_| is_there()) else { return };
        let is_new = {
            let mut recent = lock(&self.explaining.told);
            recent.callers.note((tid, kind), now);
            let here = (output.identity(), kind);
            let was_told = recent.outputs.renew(here, now);
            if !was_told {
                recent.outputs.note(here, now);
            }
            !was_told
        };
        if is_new {
            // Who does not read its errors is told by other ways.
            let _ = output.say(&caller, text().as_bytes());
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
