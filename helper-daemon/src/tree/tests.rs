//! Trees, told by scripts of events.

use super::*;

/// pid and generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Who(pub(super) i32, pub(super) u32);

impl Identity for Who {
    fn pid(&self) -> i32 {
        self.0
    }
}

const LAUNCHD: Who = Who(1, 1);
const SHELL: Who = Who(10, 1);
const ROOT: Who = Who(20, 1);
const SESSION: u8 = 7;
const MEMBER: Standing<u8> = Standing::Member(SESSION);

/// A shell that is of no session, and a session.
fn tree() -> Tree<Who, u8> {
    let mut tree = Tree::new(LAUNCHD);
    tree.know_outside([LAUNCHD, SHELL]);
    tree.enrol(ROOT, SESSION);
    tree
}

/// One that is known: what it says of its parents does not matter.
fn known(who: Who) -> Stranger<Who> {
    Stranger { who, parent: None, first_parent: 0 }
}

fn stranger(who: Who, parent: Who) -> Stranger<Who> {
    Stranger { who, parent: Some(parent), first_parent: parent.0 }
}

fn members(tree: &Tree<Who, u8>) -> Vec<Who> {
    let mut members: Vec<_> = tree.members(SESSION).collect();
    members.sort();
    members
}

#[test]
fn what_a_member_makes_is_a_member_and_what_others_make_is_not() {
    let mut tree = tree();
    tree.forked(known(ROOT), Who(21, 1));
    tree.forked(known(Who(21, 1)), Who(22, 1));
    tree.forked(known(SHELL), Who(11, 1));
    assert_eq!(members(&tree), [ROOT, Who(21, 1), Who(22, 1)]);
    assert_eq!(tree.session_of(Who(11, 1)), Some(Standing::Outside));
    assert_eq!(tree.session_of(Who(99, 1)), None);
}

#[test]
fn an_exec_retires_the_token_before_it() {
    let mut tree = tree();
    tree.executed(known(ROOT), Who(20, 2));
    assert_eq!((tree.session_of(ROOT), tree.session_of(Who(20, 2))), (None, Some(MEMBER)));
    assert_eq!(members(&tree), [Who(20, 2)]);
}

#[test]
fn a_pid_that_comes_again_is_another_process() {
    let mut tree = tree();
    tree.forked(known(ROOT), Who(21, 1));
    tree.exited(Who(21, 1));
    tree.forked(known(SHELL), Who(21, 5));
    assert_eq!(tree.session_of(Who(21, 5)), Some(Standing::Outside));
    assert_eq!(members(&tree), [ROOT]);
}

#[test]
fn a_session_lives_while_any_of_its_processes_does() {
    let mut tree = tree();
    tree.forked(known(ROOT), Who(21, 1));
    tree.exited(ROOT);
    assert!(tree.is_alive(SESSION));
    tree.exited(Who(21, 1));
    assert!(!tree.is_alive(SESSION));
}

#[test]
fn a_daemon_that_detached_itself_stays_a_member() {
    let mut tree = tree();
    tree.forked(known(ROOT), Who(21, 1));
    tree.forked(known(Who(21, 1)), Who(22, 1));
    tree.exited(Who(21, 1));
    let orphan = Stranger { who: Who(22, 1), parent: Some(LAUNCHD), first_parent: 21 };
    assert_eq!(tree.meet(orphan), MEMBER);
}

#[test]
fn a_session_in_a_session_is_one_of_its_own() {
    let mut tree = tree();
    tree.forked(known(ROOT), Who(21, 1));
    tree.enrol(Who(21, 1), 8);
    tree.forked(known(Who(21, 1)), Who(22, 1));
    assert_eq!(tree.session_of(Who(22, 1)), Some(Standing::Member(8)));
    assert_eq!(members(&tree), [ROOT]);
}

#[test]
fn a_stranger_is_adopted_through_its_parent() {
    let mut tree = tree();
    assert_eq!(tree.meet(stranger(Who(30, 1), ROOT)), MEMBER);
    assert_eq!(tree.meet(stranger(Who(31, 1), Who(30, 1))), MEMBER);
    assert_eq!(tree.meet(stranger(Who(32, 1), SHELL)), Standing::Outside);
    assert_eq!(members(&tree), [ROOT, Who(30, 1), Who(31, 1)]);
}

#[test]
fn a_stranger_is_adopted_through_a_parent_that_became_another_or_ended() {
    let mut tree = tree();
    tree.executed(known(ROOT), Who(20, 2));
    assert_eq!(tree.meet(stranger(Who(30, 1), ROOT)), MEMBER);
    tree.exited(Who(20, 2));
    assert_eq!(tree.meet(stranger(Who(31, 1), Who(20, 2))), MEMBER);
}

#[test]
fn the_makers_of_a_fork_and_an_exec_are_adopted_first() {
    let mut tree = tree();
    tree.forked(stranger(Who(30, 1), ROOT), Who(31, 1));
    tree.executed(stranger(Who(40, 1), ROOT), Who(40, 2));
    assert_eq!(members(&tree), [ROOT, Who(30, 1), Who(31, 1), Who(40, 2)]);
}

#[test]
fn a_stranger_of_whom_nothing_is_known_is_uncertain() {
    let mut tree = tree();
    assert_eq!(tree.meet(stranger(Who(30, 1), Who(29, 1))), Standing::Uncertain);
    assert_eq!(tree.meet(known(Who(31, 1))), Standing::Uncertain);
    assert_eq!(tree.meet(stranger(Who(32, 1), Who(31, 1))), Standing::Uncertain, "so is what it makes");
    tree.settle(Who(31, 1), Standing::Outside);
    assert_eq!(tree.meet(known(Who(31, 1))), Standing::Outside);
}

#[test]
fn a_stranger_that_was_given_to_the_reaper_is_uncertain_if_its_first_parent_may_have_been_a_member() {
    let mut tree = tree();
    let given_away = |pid, first_parent| Stranger { who: Who(pid, 1), parent: Some(LAUNCHD), first_parent };
    assert_eq!(tree.meet(given_away(30, 1)), Standing::Outside, "launchd's own");
    assert_eq!(tree.meet(given_away(31, 500)), Standing::Outside, "nobody of a session had that pid");
    tree.forked(known(ROOT), Who(21, 1));
    tree.exited(Who(21, 1));
    assert_eq!(tree.meet(given_away(32, 21)), Standing::Uncertain);
    tree.taint();
    assert_eq!(tree.meet(given_away(33, 500)), Standing::Uncertain, "its fork may be among what was lost");
}

#[test]
fn a_resynchronisation_finds_what_was_made_and_what_ended_meanwhile() {
    let mut tree = tree();
    tree.forked(known(ROOT), Who(21, 1));
    tree.forked(known(ROOT), Who(22, 1));
    tree.taint();
    assert!(tree.is_tainted());
    // Lost: 22 ended; 21 made 23, which made 24; ROOT executed; the shell made 12.
    let alive = [
        (LAUNCHD, None),
        (SHELL, Some(LAUNCHD)),
        (Who(24, 1), Some(Who(23, 1))),
        (Who(23, 1), Some(Who(21, 1))),
        (Who(21, 1), Some(Who(20, 2))),
        (Who(12, 1), Some(SHELL)),
        (Who(20, 2), Some(SHELL)),
    ];
    let mut found = tree.resynchronise(&alive);
    found.adopted.sort();
    found.gone.sort();
    assert_eq!(found.adopted, [Who(20, 2), Who(23, 1), Who(24, 1)]);
    assert_eq!(found.gone, [ROOT, Who(22, 1)]);
    assert_eq!(found.uncertain, []);
    assert!(!tree.is_tainted());
    assert_eq!(tree.session_of(Who(12, 1)), Some(Standing::Outside));
}

#[test]
fn an_exec_that_was_lost_does_not_let_a_member_go() {
    let mut tree = tree();
    assert_eq!(tree.meet(stranger(Who(20, 2), SHELL)), MEMBER);
    assert_eq!(tree.session_of(ROOT), None);
    tree.taint();
    let found = tree.resynchronise(&[
        (SHELL, Some(LAUNCHD)),
        (Who(20, 3), Some(SHELL)),
        (Who(25, 1), Some(Who(20, 3))),
    ]);
    assert_eq!(members(&tree), [Who(20, 3), Who(25, 1)], "{found:?}");
}

#[test]
fn a_pid_of_somebody_outside_does_not_let_a_child_of_a_member_go() {
    let mut tree = tree();
    assert_eq!(tree.meet(stranger(Who(10, 2), ROOT)), MEMBER);
    assert_eq!(tree.session_of(SHELL), None, "it ended, and nobody saw it");
}

#[test]
fn of_what_was_made_while_events_were_lost_and_given_away_nobody_can_tell() {
    let mut tree = tree();
    tree.taint();
    let found = tree.resynchronise(&[
        (SHELL, Some(LAUNCHD)),
        (ROOT, Some(SHELL)),
        (Who(30, 1), Some(LAUNCHD)),
        (Who(31, 1), Some(Who(30, 1))),
    ]);
    let mut uncertain = found.uncertain;
    uncertain.sort();
    assert_eq!((uncertain, found.adopted, found.gone), (vec![Who(30, 1), Who(31, 1)], vec![], vec![]));
    assert_eq!(tree.session_of(Who(30, 1)), Some(Standing::Uncertain));
}

#[test]
fn a_list_that_goes_in_circles_or_ends_nowhere_is_uncertain() {
    let mut tree = tree();
    let circle = [
        (Who(30, 1), Some(Who(31, 1))),
        (Who(31, 1), Some(Who(30, 1))),
        (Who(32, 1), Some(Who(33, 1))),
        (ROOT, Some(SHELL)),
    ];
    assert_eq!(tree.resynchronise(&circle).uncertain.len(), 3);
}

#[test]
fn the_reaper_never_goes() {
    let mut tree = tree();
    tree.exited(LAUNCHD);
    let _ = tree.resynchronise(&[(ROOT, Some(SHELL)), (SHELL, Some(LAUNCHD))]);
    assert_eq!(tree.session_of(LAUNCHD), Some(Standing::Outside));
}

#[test]
fn a_script_gives_the_same_tree_every_time_and_what_is_seen_is_never_uncertain() {
    // A small generator of its own, so that every run plays the same scripts.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    for _ in 0..200 {
        let (mut tree, mut again) = (tree(), tree());
        // The truth: every live process, and whether it is of the session.
        let mut truth = vec![(SHELL, false), (ROOT, true)];
        for step in 0..60 {
            let (who, member) = truth[next(truth.len())];
            let fresh = Who(100 + step, 1);
            match next(4) {
                0 | 1 => {
                    [&mut tree, &mut again].into_iter().for_each(|tree| tree.forked(known(who), fresh));
                    truth.push((fresh, member));
                }
                2 => {
                    let after = Who(who.0, who.1 + 1);
                    [&mut tree, &mut again].into_iter().for_each(|tree| tree.executed(known(who), after));
                    truth.retain(|(other, _)| *other != who);
                    truth.push((after, member));
                }
                _ if truth.len() > 1 => {
                    [&mut tree, &mut again].into_iter().for_each(|tree| tree.exited(who));
                    truth.retain(|(other, _)| *other != who);
                }
                _ => {}
            }
        }
        for (who, member) in &truth {
            let standing = if *member { MEMBER } else { Standing::Outside };
            assert_eq!(tree.session_of(*who), Some(standing));
        }
        let count = truth.iter().filter(|(_, member)| *member).count();
        assert_eq!((members(&tree).len(), members(&tree)), (count, members(&again)));
    }
}
