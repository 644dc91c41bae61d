//! Muting turned round: what alone a client is told of.

use super::*;
use crate::macos::PathKind;
use crate::macos::simulated::{Action, Facts, Outcome, To};
use std::path::Path;

fn unlink() -> Action {
    Action::unlink(Facts::file("/zone/a"))
}

fn denying(simulation: &Simulation, prepare: impl FnOnce(Prepared) -> Prepared) -> (Client, Told) {
    let told = Told::default();
    let noted = told.clone();
    let prepared = Prepared::connect(&simulation.framework(), Scope::System, move |_, incoming| {
        noted.note(&incoming);
        if let Incoming::Question(question) = &incoming
            && matches!(question.message().event(), Ok(Event::Exec { .. }))
        {
            return answer_all(incoming, Verdict::Allow);
        }
        answer_all(incoming, Verdict::Deny);
    });
    (prepare(prepared.unwrap()).subscribe(&Subscription::ALL).unwrap(), told)
}

#[test]
fn of_selected_processes_alone_it_is_told_whatever_they_execute() {
    let (simulation, shell) = machine(System::MACOS_26);
    let root = simulation.process("/usr/libexec/watchdogd"); // which the system mutes
    let (client, told) = denying(&simulation, |prepared| prepared.only_processes(&[root.token()]).unwrap());
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    assert_eq!(root.does(&unlink()), Outcome::Denied);
    assert_eq!(root.does(&Action::unlink(Facts::file("/private/var/db/uuidtext/a"))), Outcome::Denied);
    assert_eq!(told.events().len(), 2);
    root.exit(0);
    assert_clean(&simulation, client);
}

#[test]
fn a_child_is_selected_by_the_handler_of_its_fork_and_what_it_did_before_was_not_asked() {
    let (simulation, root) = machine(System::MACOS_26);
    let prepared = Prepared::connect(&simulation.framework(), Scope::System, |control, incoming| {
        if let Incoming::Notice(notice) = &incoming
            && let Ok(Event::Fork { child }) = notice.message().event()
        {
            control.mute_process(&child.token).unwrap();
        }
        answer_all(incoming, Verdict::Deny);
    });
    let client =
        prepared.unwrap().only_processes(&[root.token()]).unwrap().subscribe(&Subscription::ALL).unwrap();
    let child = root.fork_undelivered();
    assert_eq!(child.does(&unlink()), Outcome::Allowed, "the kernel did not know it was selected");
    assert_eq!(child.does(&unlink()), Outcome::Denied);
    assert_clean(&simulation, client);
}

#[test]
fn of_selected_targets_alone_it_is_told_whoever_asks_and_however_new_it_is() {
    let (simulation, root) = machine(System::MACOS_26);
    let zone = [(PathKind::TargetPrefix, Path::new("/zone")), (PathKind::TargetLiteral, Path::new("/"))];
    let (client, told) = denying(&simulation, |prepared| prepared.only_targets(&zone).unwrap());
    let child = root.fork_undelivered();
    assert_eq!(child.does(&unlink()), Outcome::Denied, "nobody has to be selected first");
    assert!(matches!(told.events()[..], [Event::Fork { .. }, Event::Unlink { .. }]), "{:?}", told.events());
    assert_eq!(child.does(&Action::unlink(Facts::file("/elsewhere/a"))), Outcome::Allowed);
    let out = Action::rename(Facts::file("/zone/a"), To::new("/elsewhere/a"));
    let into = Action::rename(Facts::file("/elsewhere/a"), To::new("/zone/a"));
    assert_eq!(child.does(&out), Outcome::Denied);
    assert_eq!(child.does(&into), Outcome::Denied);
    assert_clean(&simulation, client);
}

#[test]
fn of_selected_targets_it_is_told_with_every_exec_though_no_executable_is_in_a_zone() {
    let (simulation, root) = machine(System::MACOS_26);
    let zone = [(PathKind::TargetPrefix, Path::new("/zone"))];
    let (client, told) = denying(&simulation, |prepared| prepared.only_targets(&zone).unwrap());
    assert_eq!(root.exec("/bin/ls", &["ls"]), Outcome::Allowed);
    root.exit(0);
    assert!(matches!(told.events()[..], [Event::Exec { .. }, Event::Exit { .. }]), "{:?}", told.events());
    assert_clean(&simulation, client);
}

#[test]
fn a_process_that_is_gone_cannot_be_muted() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (client, _) = client_that_answers(&simulation, Verdict::Allow);
    let child = shell.fork();
    let token = child.token();
    child.exit(0);
    let refused = client.control().mute_process(&token).unwrap_err();
    assert_eq!(refused.to_string(), "failed to mute a process: Endpoint Security refused");
    assert_clean(&simulation, client);
}

#[test]
fn a_muted_path_is_not_told_of_until_that_is_taken_back() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (client, _) = client_that_answers(&simulation, Verdict::Deny);
    let control = client.control();
    for (kind, path) in [
        (PathKind::Literal, "/bin/zsh"),
        (PathKind::Prefix, "/bin"),
        (PathKind::TargetLiteral, "/zone/a"),
        (PathKind::TargetPrefix, "/zone"),
    ] {
        assert_eq!(shell.does(&unlink()), Outcome::Denied);
        control.mute_path(kind, Path::new(path)).unwrap();
        assert_eq!(shell.does(&unlink()), Outcome::Allowed, "{kind:?}");
        control.unmute_path(kind, Path::new(path)).unwrap();
    }
    control.mute_process(&shell.token()).unwrap();
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    control.unmute_process(&shell.token()).unwrap();
    assert_eq!(shell.does(&unlink()), Outcome::Denied);
    assert!(control.mute_path(PathKind::Literal, Path::new("/a\0b")).is_err());
    control.clear_cache().unwrap();
    assert_clean(&simulation, client);
}
