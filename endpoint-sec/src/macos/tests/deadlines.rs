//! No deadline is missed, whatever a handler does.

use super::*;
use crate::macos::AnswerError;
use crate::macos::framework::Framework;
use crate::macos::framework::Library;
use crate::macos::simulated::{Action, Facts, Outcome};
use endpoint_sec_sys::macos::api::Api;
use endpoint_sec_sys::macos::result::FREAD;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Keeps what it is asked.
fn hoarder(simulation: &Simulation) -> (Client, mpsc::Receiver<crate::macos::KeptQuestion<Verdict>>) {
    let (send, receive) = mpsc::channel();
    let client = connect(simulation, move |_, incoming| match incoming {
        Incoming::Question(question) => send.send(question.keep()).unwrap(),
        other => answer_all(other, Verdict::Allow),
    });
    (client, receive)
}

fn unlink() -> Action {
    Action::unlink(Facts::file("/zone/a"))
}

#[test]
fn at_four_fifths_of_its_time_a_question_is_denied_and_a_later_answer_harms_nobody() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (client, receive) = hoarder(&simulation);
    let attempt = shell.attempts(&unlink());
    simulation.deliver();
    let kept = receive.recv().unwrap();
    assert_eq!(kept.time_left().as_secs(), 12, "four fifths of fifteen seconds");
    simulation.advance(Duration::from_millis(11_990));
    assert_eq!(attempt.outcome(), Outcome::Waiting);
    simulation.advance(Duration::from_millis(20));
    assert_eq!(attempt.outcome(), Outcome::Denied);
    assert_eq!(kept.time_left(), Duration::ZERO);
    assert_eq!(client.control().late(), 1);
    assert_eq!(kept.answer(Verdict::Allow), Err(AnswerError::Late));
    assert_eq!(attempt.outcome(), Outcome::Denied);
    simulation.advance(Duration::from_secs(60));
    assert_clean(&simulation, client);
}

#[test]
fn the_time_that_a_message_waited_to_be_delivered_counts() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (client, receive) = hoarder(&simulation);
    let attempt = shell.attempts(&unlink());
    simulation.advance(Duration::from_secs(10));
    simulation.deliver();
    assert_eq!(receive.recv().unwrap().time_left().as_secs(), 4, "four fifths of what is left");
    assert_eq!(attempt.outcome(), Outcome::Denied, "it was dropped");
    assert_clean(&simulation, client);
}

#[test]
fn an_open_that_nobody_answers_is_denied_in_time_with_flags() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (send, receive) = mpsc::channel();
    let client = connect(&simulation, move |_, incoming| {
        if let Incoming::Open(question) = incoming {
            send.send(question.keep()).unwrap();
        }
    });
    let attempt = shell.attempts(&Action::Open { file: Facts::file("/zone/a"), fflag: FREAD });
    simulation.deliver();
    simulation.advance(Duration::from_secs(15));
    assert_eq!(attempt.outcome(), Outcome::Denied);
    assert_eq!(receive.recv().unwrap().answer(Flags::ALL), Err(AnswerError::Late));
    assert_clean(&simulation, client);
}

#[test]
fn of_many_questions_each_is_denied_when_it_is_due() {
    let (simulation, shell) = machine(System::MACOS_13);
    let (client, receive) = hoarder(&simulation);
    let mut attempts = Vec::new();
    for _ in 0..10 {
        attempts.push(shell.attempts(&unlink()));
        simulation.deliver();
        simulation.advance(Duration::from_secs(1));
    }
    // Ten seconds have passed: the first has two left.
    simulation.advance(Duration::from_secs(4));
    let denied = attempts.iter().filter(|attempt| attempt.outcome() == Outcome::Denied).count();
    assert_eq!(denied, 3, "those of seconds 0, 1 and 2");
    for kept in receive.try_iter() {
        let _ = kept.answer(Verdict::Allow);
    }
    let allowed = attempts.iter().filter(|attempt| attempt.outcome() == Outcome::Allowed).count();
    assert_eq!(allowed, 7);
    assert_clean(&simulation, client);
}

#[test]
fn a_deadline_that_the_client_made_shorter_is_kept_too() {
    let (simulation, shell) = machine(System::MACOS_27);
    let (client, receive) = hoarder(&simulation);
    client.control().shorten_deadline(&[Subscription::AuthUnlink], Duration::from_secs(1)).unwrap();
    assert!(
        client.control().shorten_deadline(&[Subscription::AuthUnlink], Duration::from_secs(100)).is_err()
    );
    let attempt = shell.attempts(&unlink());
    simulation.deliver();
    simulation.advance(Duration::from_millis(799));
    assert_eq!(attempt.outcome(), Outcome::Waiting);
    simulation.advance(Duration::from_millis(2));
    assert_eq!(attempt.outcome(), Outcome::Denied);
    drop(receive);
    assert_clean(&simulation, client);
}

#[test]
fn before_macos_27_no_deadline_is_made_shorter() {
    let (simulation, _) = machine(System::MACOS_26);
    let (client, _) = hoarder(&simulation);
    assert!(client.control().shorten_deadline(&[Subscription::AuthUnlink], Duration::from_secs(1)).is_err());
    assert_clean(&simulation, client);
}

/// The simulated framework with a clock that goes, and with the thread that a real one has.
struct Ticking(Simulation, Api);

static BEGINNING: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();

extern "C" fn ticking() -> u64 {
    let nanoseconds = BEGINNING.get_or_init(Instant::now).elapsed().as_nanos() as u64;
    1_000_000 + nanoseconds * 3 / 125
}

// SAFETY:
// - the functions are the simulation's, and another clock.
unsafe impl Library for Ticking {
    fn api(&self) -> &Api {
        self.0.api();
        &self.1
    }
}

#[test]
fn the_watch_is_a_thread_that_denies_by_itself() {
    let (simulation, shell) = machine(System { deadline: Duration::from_millis(250), ..System::MACOS_26 });
    let api = Api { absolute_time: ticking, ..*simulation.api() };
    let framework = Framework::new(Arc::new(Ticking(simulation.clone(), api)));
    let (send, receive) = mpsc::channel();
    let client = Prepared::connect(&framework, Scope::System, move |_, incoming| {
        if let Incoming::Question(question) = incoming {
            send.send(question.keep()).unwrap();
        }
    })
    .unwrap()
    .subscribe(&[Subscription::AuthUnlink])
    .unwrap();
    let attempts: Vec<_> = (0..3).map(|_| shell.attempts(&unlink())).collect();
    simulation.deliver();
    let kept: Vec<_> = receive.try_iter().collect();
    assert_eq!(kept.len(), 3);
    let hang = Instant::now() + Duration::from_secs(60);
    while attempts.iter().any(|attempt| attempt.outcome() == Outcome::Waiting) {
        assert!(Instant::now() < hang, "nobody answered");
        std::thread::yield_now();
    }
    assert!(attempts.iter().all(|attempt| attempt.outcome() == Outcome::Denied));
    for kept in kept {
        assert_eq!(kept.answer(Verdict::Allow), Err(AnswerError::Late));
    }
    assert_clean(&simulation, client);
}
