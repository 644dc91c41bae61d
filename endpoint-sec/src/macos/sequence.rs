//! Whether messages were lost before they reached us.
//!
//! The kernel numbers a client's messages, all of them and those of each type, and drops some when the client is
//! too slow. A number that was jumped over is a message that nobody saw: perhaps the fork that made a process, or
//! (before macOS 27) a removal that went through unasked.

use crate::macos::subscription::Subscription;
use std::collections::BTreeMap;

/// Messages that were lost before the one that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How many, at least.
    pub messages: u64,
    /// Whether a fork, an exec or an exit may be among them: what is known of process trees may be wrong.
    pub of_the_tree: bool,
}

/// The numbers that came last.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    global: Option<u64>,
    by_type: BTreeMap<u32, u64>,
    /// Messages that were lost, and of a type that nobody knows yet.
    unattributed: u64,
}

impl Sequence {
    /// Takes note of a message's numbers: of its type, and of all. The first that is seen is where counting begins.
    pub(crate) fn note(
        &mut self,
        event_type: u32,
        of_type: Option<u64>,
        global: Option<u64>,
    ) -> Option<Lost> {
        let of_type = of_type.map_or(0, |number| {
            let last = self.by_type.insert(event_type, number);
            last.map_or(0, |last| jump(last, number))
        });
        let Some(number) = global else {
            return (of_type > 0)
                .then(|| Lost { messages: of_type, of_the_tree: is_of_the_tree(event_type) });
        };
        let lost = self.global.replace(number).map_or(0, |last| jump(last, number));
        // What was lost now is all of this message's type only if nothing older is left to be explained by the
        // jump in that type's own numbers.
        let certain = self.unattributed == 0 && lost == of_type;
        self.unattributed = (self.unattributed + lost).saturating_sub(of_type);
        (lost > 0).then(|| Lost { messages: lost, of_the_tree: !certain || is_of_the_tree(event_type) })
    }
}

/// How many numbers are missing between two. One that does not grow is no numbering: something is wrong, and at
/// least one message is not what it seems.
fn jump(last: u64, number: u64) -> u64 {
    match number.checked_sub(last) {
        Some(0) | None => 1,
        Some(step) => step - 1,
    }
}

fn is_of_the_tree(event_type: u32) -> bool {
    Subscription::of_number(event_type).is_none_or(Subscription::is_of_the_tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNLINK: u32 = Subscription::AuthUnlink.number();
    const RENAME: u32 = Subscription::AuthRename.number();
    const FORK: u32 = Subscription::NotifyFork.number();

    fn lost(messages: u64, of_the_tree: bool) -> Option<Lost> {
        Some(Lost { messages, of_the_tree })
    }

    #[test]
    fn numbers_that_follow_each_other_lose_nothing() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.note(UNLINK, Some(7), Some(100)), None);
        assert_eq!(sequence.note(UNLINK, Some(8), Some(101)), None);
        assert_eq!(sequence.note(FORK, Some(0), Some(102)), None);
        assert_eq!(sequence.note(UNLINK, Some(9), Some(103)), None);
    }

    #[test]
    fn what_was_lost_is_of_the_tree_unless_it_was_all_of_another_type() {
        let mut sequence = Sequence::default();
        sequence.note(UNLINK, Some(0), Some(0));
        assert_eq!(sequence.note(UNLINK, Some(3), Some(3)), lost(2, false));
        assert_eq!(sequence.note(UNLINK, Some(4), Some(5)), lost(1, true));
    }

    #[test]
    fn an_old_loss_that_shows_late_does_not_excuse_a_new_one() {
        let mut sequence = Sequence::default();
        sequence.note(UNLINK, Some(0), Some(0));
        sequence.note(RENAME, Some(0), Some(1));
        // An unlink is lost (2), and shows at the rename.
        assert_eq!(sequence.note(RENAME, Some(1), Some(3)), lost(1, true));
        // A fork is lost (4). The unlink that comes jumps, too, by the one that was lost before.
        assert_eq!(sequence.note(UNLINK, Some(2), Some(5)), lost(1, true));
        // The fork is still unexplained.
        assert_eq!(sequence.note(UNLINK, Some(4), Some(7)), lost(1, true));
        // Its own number explains it: from here on the types are known again.
        assert_eq!(sequence.note(FORK, Some(1), Some(8)), None);
    }

    #[test]
    fn a_lost_fork_is_of_the_tree() {
        let mut sequence = Sequence::default();
        sequence.note(FORK, Some(0), Some(0));
        assert_eq!(sequence.note(FORK, Some(2), Some(2)), lost(1, true));
    }

    #[test]
    fn without_a_number_over_all_each_type_is_counted_alone() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.note(UNLINK, Some(0), None), None);
        assert_eq!(sequence.note(FORK, Some(0), None), None);
        assert_eq!(sequence.note(UNLINK, Some(2), None), lost(1, false));
        assert_eq!(sequence.note(FORK, Some(3), None), lost(2, true));
    }

    #[test]
    fn a_number_that_does_not_grow_is_a_loss() {
        let mut sequence = Sequence::default();
        sequence.note(UNLINK, Some(5), Some(5));
        assert_eq!(sequence.note(UNLINK, Some(6), Some(5)), lost(1, true));
        assert_eq!(sequence.note(UNLINK, Some(7), Some(2)), lost(1, true));
    }
}
