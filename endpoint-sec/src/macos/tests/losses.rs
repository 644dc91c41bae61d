//! Lost messages are said, before the message that shows it.

use super::*;
use crate::macos::simulated::{Action, Facts, Outcome};

fn unlink() -> Action {
    Action::unlink(Facts::file("/zone/a"))
}

#[test]
fn a_lost_fork_is_said_before_anything_else_is_told() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (client, told) = client_that_answers(&simulation, Verdict::Deny);
    shell.fork();
    simulation.drop_next(1);
    let unseen = shell.fork();
    assert_eq!(unseen.does(&unlink()), Outcome::Denied);
    let heard = told.all();
    assert!(
        matches!(
            &heard[..],
            [
                Heard::Event(_, Event::Fork { .. }),
                Heard::Lost(Lost { messages: 1, of_the_tree: true }),
                Heard::Event(_, Event::Unlink { .. }),
            ]
        ),
        "{heard:?}"
    );
    assert_clean(&simulation, client);
}

#[test]
fn lost_questions_leave_the_tree_as_it_was_known() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (client, told) = client_that_answers(&simulation, Verdict::Deny);
    let _ = shell.does(&unlink());
    simulation.drop_next(3);
    for _ in 0..3 {
        assert_eq!(shell.does(&unlink()), Outcome::Allowed, "what is dropped is let through");
    }
    let _ = shell.does(&unlink());
    assert_eq!(told.lost(), [Lost { messages: 3, of_the_tree: false }]);
    assert_clean(&simulation, client);
}

#[test]
fn macos_27_lets_nothing_through_that_it_drops() {
    let (simulation, shell) = machine(System::MACOS_27);
    let (client, told) = client_that_answers(&simulation, Verdict::Allow);
    assert!(client.guarantees().fails_closed);
    simulation.drop_next(1);
    assert_eq!(shell.does(&unlink()), Outcome::Denied);
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    assert_eq!(told.lost(), [], "the first message that is seen begins the count");
    assert_clean(&simulation, client);
}

#[test]
fn each_client_counts_for_itself() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (first, told_first) = client_that_answers(&simulation, Verdict::Allow);
    let _ = shell.does(&unlink());
    let (second, told_second) = client_that_answers(&simulation, Verdict::Allow);
    let _ = shell.does(&unlink());
    simulation.drop_next(1); // the first client's
    let _ = shell.does(&unlink());
    let _ = shell.does(&unlink());
    assert_eq!(told_first.lost(), [Lost { messages: 1, of_the_tree: false }]);
    assert_eq!(told_second.lost(), []);
    drop(second);
    assert_clean(&simulation, first);
}

#[test]
fn a_handler_that_panics_over_a_loss_denies_what_comes_with_it() {
    let (simulation, shell) = machine(System::MACOS_26);
    let client = connect(&simulation, |_, incoming| match incoming {
        Incoming::Lost(_) => panic!("on purpose"),
        other => answer_all(other, Verdict::Allow),
    });
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    simulation.drop_next(1);
    let _ = shell.does(&unlink());
    assert_eq!(shell.does(&unlink()), Outcome::Denied);
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    assert_clean(&simulation, client);
}
