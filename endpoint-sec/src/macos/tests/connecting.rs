//! Connecting, why it fails, and whose events come.

use super::*;
use crate::macos::ConnectError;
use crate::macos::simulated::{Action, Facts, Outcome};
use endpoint_sec_sys::macos::result as sys;

fn unlink() -> Action {
    Action::unlink(Facts::file("/zone/a"))
}

fn refused_with(result: u32) -> ConnectError {
    let simulation = Simulation::new(System::MACOS_26);
    simulation.refuse_clients(result);
    Prepared::connect(&simulation.framework(), Scope::System, |_, _| {}).err().expect("refused")
}

#[test]
fn each_refusal_says_what_to_do() {
    let cases = [
        (sys::NEW_CLIENT_INVALID_ARGUMENT, "report"),
        (sys::NEW_CLIENT_INTERNAL, "restart the machine"),
        (sys::NEW_CLIENT_NOT_ENTITLED, "com.apple.developer.endpoint-security.client"),
        (sys::NEW_CLIENT_NOT_PERMITTED, "Full Disk Access"),
        (sys::NEW_CLIENT_NOT_PRIVILEGED, "sudo es-guard helper install"),
        (sys::NEW_CLIENT_TOO_MANY, "end one"),
        (77, "returned 77"),
    ];
    for (result, advice) in cases {
        let error = refused_with(result).to_string();
        assert!(error.starts_with("failed to connect to Endpoint Security: "), "{error}");
        assert!(error.contains(advice), "{error}");
    }
    assert!(matches!(refused_with(sys::NEW_CLIENT_NOT_PERMITTED), ConnectError::NotPermitted));
    assert!(matches!(refused_with(sys::NEW_CLIENT_NOT_PRIVILEGED), ConnectError::NotPrivileged));
}

#[test]
fn a_client_that_was_refused_leaves_nothing_behind() {
    let kept = Arc::new(());
    let simulation = Simulation::new(System::MACOS_26);
    simulation.refuse_clients(sys::NEW_CLIENT_NOT_ENTITLED);
    let held = Arc::clone(&kept);
    let refused =
        Prepared::connect(&simulation.framework(), Scope::System, move |_, _| drop(Arc::clone(&held)));
    assert!(refused.is_err());
    assert_eq!(Arc::strong_count(&kept), 1, "the handler is gone");
    assert_eq!(simulation.clients(), 0);
}

#[test]
fn the_handler_goes_with_its_client_and_not_before() {
    let kept = Arc::new(());
    let held = Arc::clone(&kept);
    let (simulation, shell) = machine(System::MACOS_26);
    let client = connect(&simulation, move |_, incoming| {
        let _ = Arc::clone(&held);
        answer_all(incoming, Verdict::Allow);
    });
    assert_eq!(Arc::strong_count(&kept), 2);
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    assert_eq!(Arc::strong_count(&kept), 2);
    assert_clean(&simulation, client);
    assert_eq!(Arc::strong_count(&kept), 1);
}

#[test]
fn a_client_of_descendants_is_asked_about_them_and_told_of_the_caller() {
    let (simulation, stranger) = machine(System::MACOS_27);
    let framework = simulation.framework();
    assert!(framework.has_descendants_clients());
    let before = simulation.caller().fork();
    let told = Told::default();
    let noted = told.clone();
    let client = Prepared::connect(&framework, Scope::Descendants, move |_, incoming| {
        noted.note(&incoming);
        answer_all(incoming, Verdict::Deny);
    })
    .unwrap()
    .subscribe(&Subscription::ALL)
    .unwrap();
    assert_eq!(stranger.does(&unlink()), Outcome::Allowed);
    assert_eq!(simulation.caller().does(&unlink()), Outcome::Allowed);
    assert_eq!(told.events().len(), 0);
    assert_eq!(before.does(&unlink()), Outcome::Denied, "one that was there already");
    let child = simulation.caller().fork();
    let grandchild = child.fork();
    child.exit(0);
    assert_eq!(grandchild.does(&unlink()), Outcome::Denied, "one that has another parent now");
    let control = client.control();
    assert!(control.mute_process(&stranger.token()).is_err(), "none of the descendants");
    assert!(control.mute_process(&grandchild.token()).is_ok());
    assert_eq!(grandchild.does(&unlink()), Outcome::Allowed);
    assert_clean(&simulation, client);
}

#[test]
fn before_macos_27_there_are_no_clients_of_descendants() {
    let simulation = Simulation::new(System::MACOS_26);
    let framework = simulation.framework();
    assert!(!framework.has_descendants_clients());
    let error = Prepared::connect(&framework, Scope::Descendants, |_, _| {}).err().expect("refused");
    assert!(matches!(error, ConnectError::NoDescendantsClients));
    assert!(error.to_string().contains("macOS 27"), "{error}");
}

#[test]
fn what_the_system_promises_is_known() {
    for (system, fails_closed) in
        [(System::MACOS_13, false), (System::MACOS_26, false), (System::MACOS_27, true)]
    {
        let simulation = Simulation::new(system);
        let prepared = Prepared::connect(&simulation.framework(), Scope::System, |_, _| {}).unwrap();
        assert_eq!(prepared.guarantees().fails_closed, fails_closed);
    }
}

#[test]
fn a_client_that_asked_for_nothing_is_told_nothing() {
    let (simulation, shell) = machine(System::MACOS_26);
    let prepared = Prepared::connect(&simulation.framework(), Scope::System, |_, _| panic!("told")).unwrap();
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    assert_clean(&simulation, prepared.subscribe(&[]).unwrap());
}
