//! Overrides that the first operation which they let through uses up.
//!
//! Which are used up is known under the lock around judging and acting, so no second operation is let through by
//! the same one, though its thread may have looked at the policy before.

use super::outcome::Told;
use super::view::View;
use super::{Session, lock};
use crate::policy::Policy;
use crate::policy::judge::{Circumstances, uses_up};
use crate::policy::operation::Operation;
use endpoint_sec::linux::listener::Answer;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Mutex;

/// The numbers of those that are used up.
#[derive(Debug, Default)]
pub(super) struct SingleUses(Mutex<HashSet<u64>>);

impl SingleUses {
    /// The policy without what is used up.
    pub(super) fn left<'a>(&self, policy: &'a Policy) -> Cow<'a, Policy> {
        if !policy.has_single_uses() {
            return Cow::Borrowed(policy);
        }
        let used = lock(&self.0);
        Cow::Owned(policy.without_single_uses(|number| used.contains(&number)))
    }
}

impl Session {
    /// Notes what an operation that was answered so has used up. What the kernel refused uses up nothing.
    pub(super) fn use_up(
        &self,
        view: &View,
        operation: &Operation,
        when: Circumstances,
        answer: &Answer,
    ) -> Option<Box<Told>> {
        if !view.policy.has_single_uses() || !matches!(answer, Answer::Value(_) | Answer::Continue) {
            return None;
        }
        let policy = self.single_uses.left(&view.policy);
        let used: Vec<_> = uses_up(&policy, operation, when).into_iter().cloned().collect();
        lock(&self.single_uses.0).extend(used.iter().filter_map(|what| what.once));
        (!used.is_empty()).then(|| Box::new(Told::UsedUp(used)))
    }
}
