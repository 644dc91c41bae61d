//! A policy file that is broken may only be unfinished: an editor that saves in place leaves it empty for a moment.

use super::session::LOOK_EVERY;
use crate::plan::Fingerprint;
use std::time::{Duration, Instant};

/// What was broken when it was looked at last.
#[derive(Debug, Default)]
pub(super) struct Unfinished(Option<(Fingerprint, Instant)>);

impl Unfinished {
    /// Whether a file that is broken may still be being written: until it has stayed as it is from one look to the next.
    pub(super) fn may_be(&mut self, broken: Fingerprint, now: Instant) -> bool {
        match self.0 {
            Some((seen, since)) if seen == broken => {
                now.saturating_duration_since(since) < Duration::from_millis(LOOK_EVERY.into())
            }
            _ => {
                self.0 = Some((broken, now));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Asked, Plan};

    #[test]
    fn what_stays_broken_is_broken_and_what_changes_is_being_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("policy.json");
        std::fs::write(&file, "{}").unwrap();
        let asked = Asked { policy: Some(&file), ..Asked::nothing(dir.path(), dir.path()) };
        let plan = Plan::new(&asked).unwrap();
        let (mut unfinished, start) = (Unfinished::default(), Instant::now());
        let later = |looks: u64| start + Duration::from_millis(looks * u64::from(LOOK_EVERY));
        std::fs::write(&file, "").unwrap();
        assert!(unfinished.may_be(plan.fingerprint(), later(0)));
        // Looked at for another reason meanwhile.
        assert!(unfinished.may_be(plan.fingerprint(), later(0)));
        std::fs::write(&file, "{\"protected_zones\": [").unwrap();
        assert!(unfinished.may_be(plan.fingerprint(), later(1)));
        assert!(!unfinished.may_be(plan.fingerprint(), later(2)));
    }
}
