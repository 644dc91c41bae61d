//! Those that were of a session and are gone: what they made, and was not seen being made, is still theirs.

use super::{Identity, Standing};
use std::collections::{HashMap, VecDeque};

/// How many are remembered. What they made shows itself soon, or its fork was seen.
const REMEMBERED: usize = 4096;

/// The last ones.
#[derive(Clone, Debug)]
pub(super) struct Departed<I, S> {
    standing: HashMap<I, Standing<S>>,
    pids: HashMap<i32, usize>,
    order: VecDeque<I>,
}

impl<I, S> Default for Departed<I, S> {
    fn default() -> Self {
        Self { standing: HashMap::new(), pids: HashMap::new(), order: VecDeque::new() }
    }
}

impl<I: Identity, S: Copy> Departed<I, S> {
    pub(super) fn add(&mut self, who: I, standing: Standing<S>) {
        if self.standing.insert(who, standing).is_some() {
            return;
        }
        *self.pids.entry(who.pid()).or_default() += 1;
        self.order.push_back(who);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.standing.remove(&oldest);
            if let Some(count) = self.pids.get_mut(&oldest.pid()) {
                *count -= 1;
                if *count == 0 {
                    self.pids.remove(&oldest.pid());
                }
            }
        }
    }

    pub(super) fn standing(&self, who: &I) -> Option<Standing<S>> {
        self.standing.get(who).copied()
    }

    /// Whether one of them had this pid.
    pub(super) fn had_pid(&self, pid: i32) -> bool {
        self.pids.contains_key(&pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_are_remembered() {
        let mut departed = Departed::default();
        let who = |n: usize| super::super::tests::Who(n as i32, 0);
        for n in 0..REMEMBERED + 2 {
            departed.add(who(n), Standing::Member(1));
            departed.add(who(n), Standing::Member(1));
        }
        assert_eq!((departed.standing(&who(1)), departed.had_pid(1)), (None, false));
        assert_eq!((departed.standing(&who(2)), departed.had_pid(2)), (Some(Standing::Member(1)), true));
        assert_eq!(departed.order.len(), REMEMBERED);
    }
}
