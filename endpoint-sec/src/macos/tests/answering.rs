//! Each question gets one answer, of its kind, and no answer is no.

use super::*;
use crate::macos::AnswerError;
use crate::macos::simulated::{Action, Facts, Outcome, To};
use endpoint_sec_sys::macos::result::{FREAD, FWRITE, O_TRUNC};
use std::sync::mpsc;
use std::thread;

fn unlink() -> Action {
    Action::unlink(Facts::file("/zone/a"))
}

/// One of each kind of question.
fn questions() -> Vec<Action> {
    let (file, other) = (Facts::file("/zone/a"), Facts::file("/zone/b"));
    let (directory, name) = (Facts::directory("/zone"), "c".into());
    vec![
        Action::Open { file: file.clone(), fflag: FREAD | FWRITE | O_TRUNC },
        Action::rename(file.clone(), To::new("/zone/c")),
        Action::rename(file.clone(), To::Existing(other.clone())),
        unlink(),
        Action::Truncate { target: file.clone() },
        Action::Link { source: file.clone(), directory: directory.clone(), name },
        Action::Create { to: To::new("/zone/c"), mode: 0o100_644 },
        Action::Clone { source: file.clone(), directory: directory.clone(), name: "c".into() },
        Action::CopyFile { source: file.clone(), existing: None, directory, name: "c".into() },
        Action::ExchangeData { first: file, second: other },
    ]
}

#[test]
fn every_kind_of_question_is_allowed_or_denied_as_the_handler_says() {
    for (verdict, outcome) in [(Verdict::Allow, Outcome::Allowed), (Verdict::Deny, Outcome::Denied)] {
        let (simulation, shell) = machine(System::MACOS_26);
        let (client, told) = client_that_answers(&simulation, verdict);
        for action in questions() {
            assert_eq!(shell.does(&action), outcome, "{action:?}");
        }
        assert_eq!(shell.exec("/bin/ls", &["ls"]), outcome);
        let notice_of_the_exec = usize::from(verdict == Verdict::Allow);
        assert_eq!(told.events().len(), questions().len() + 1 + notice_of_the_exec);
        assert_clean(&simulation, client);
    }
}

#[test]
fn a_handler_that_says_nothing_denies() {
    let (simulation, shell) = machine(System::MACOS_26);
    let client = connect(&simulation, |_, _| {});
    for action in questions() {
        assert_eq!(shell.does(&action), Outcome::Denied, "{action:?}");
    }
    assert_eq!(shell.exec("/bin/ls", &["ls"]), Outcome::Denied);
    assert_clean(&simulation, client);
}

#[test]
fn a_handler_that_panics_denies_and_is_called_again() {
    let (simulation, shell) = machine(System::MACOS_26);
    let client = connect(&simulation, |_, incoming| {
        let path = match &incoming {
            Incoming::Question(question) => question.message().event(),
            _ => return,
        };
        match path.unwrap() {
            Event::Unlink { target, .. } if target.path().unwrap().ends_with("a") => panic!("on purpose"),
            _ => answer_all(incoming, Verdict::Allow),
        }
    });
    assert_eq!(shell.does(&unlink()), Outcome::Denied);
    assert_eq!(client.control().panics(), 1);
    assert_eq!(shell.does(&Action::unlink(Facts::file("/zone/b"))), Outcome::Allowed);
    assert_eq!(client.control().panics(), 1);
    assert_clean(&simulation, client);
}

#[test]
fn a_panic_whose_payload_panics_when_it_is_dropped_denies_too() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::panic_any(()); // takes no memory, as it is left alone
        }
    }
    let (simulation, shell) = machine(System::MACOS_26);
    let client = connect(&simulation, |_, incoming| {
        if matches!(incoming, Incoming::Question(_)) {
            std::panic::panic_any(Bomb);
        }
    });
    assert_eq!(shell.does(&unlink()), Outcome::Denied);
    assert_clean(&simulation, client);
}

#[test]
fn a_kept_question_is_answered_later_by_another_thread() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (send, receive) = mpsc::channel();
    let client = connect(&simulation, move |_, incoming| {
        if let Incoming::Question(question) = incoming {
            send.send(question.keep()).unwrap();
        }
    });
    let attempt = shell.attempts(&unlink());
    simulation.deliver();
    assert_eq!(attempt.outcome(), Outcome::Waiting);
    let kept = receive.recv().unwrap();
    let answered = thread::spawn(move || {
        let Event::Unlink { target, .. } = kept.message().event().unwrap() else { panic!("another event") };
        assert_eq!(target.path_as_told(), "/zone/a");
        kept.answer(Verdict::Allow)
    });
    assert_eq!(answered.join().unwrap(), Ok(()));
    assert_eq!(attempt.outcome(), Outcome::Allowed);
    assert_clean(&simulation, client);
}

#[test]
fn a_kept_question_that_is_dropped_is_denied() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (send, receive) = mpsc::channel();
    let client = connect(&simulation, move |_, incoming| {
        if let Incoming::Open(question) = incoming {
            send.send(question.keep()).unwrap();
        }
    });
    let attempt = shell.attempts(&Action::Open { file: Facts::file("/zone/a"), fflag: FREAD });
    simulation.deliver();
    drop(receive.recv().unwrap());
    assert_eq!(attempt.outcome(), Outcome::Denied);
    assert_clean(&simulation, client);
}

#[test]
fn questions_may_be_answered_in_any_order() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (send, receive) = mpsc::channel();
    let client = connect(&simulation, move |_, incoming| {
        if let Incoming::Question(question) = incoming {
            send.send(question.keep()).unwrap();
        }
    });
    let (first, second) = (shell.attempts(&unlink()), shell.attempts(&unlink()));
    simulation.deliver();
    let (one, two) = (receive.recv().unwrap(), receive.recv().unwrap());
    two.answer(Verdict::Deny).unwrap();
    assert_eq!((first.outcome(), second.outcome()), (Outcome::Waiting, Outcome::Denied));
    one.answer(Verdict::Allow).unwrap();
    assert_eq!((first.outcome(), second.outcome()), (Outcome::Allowed, Outcome::Denied));
    assert_clean(&simulation, client);
}

#[test]
fn what_waits_when_the_client_goes_is_denied_and_cannot_be_answered() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (send, receive) = mpsc::channel();
    let client = connect(&simulation, move |_, incoming| {
        if let Incoming::Question(question) = incoming {
            send.send(question.keep()).unwrap();
        }
    });
    let attempt = shell.attempts(&unlink());
    simulation.deliver();
    let control = client.control().clone();
    drop(client);
    assert_eq!(attempt.outcome(), Outcome::Denied);
    assert_eq!(receive.recv().unwrap().answer(Verdict::Allow), Err(AnswerError::Late));
    assert!(control.mute_process(&shell.token()).is_err());
    assert_eq!((simulation.faults(), simulation.messages()), (vec![], 0));
}

#[test]
fn of_several_clients_one_that_denies_is_enough() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (lenient, _) = client_that_answers(&simulation, Verdict::Allow);
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    let (strict, told) = client_that_answers(&simulation, Verdict::Deny);
    assert_eq!(shell.does(&unlink()), Outcome::Denied);
    assert_eq!(told.events().len(), 1);
    drop(strict);
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    assert_clean(&simulation, lenient);
}
