//! The simulated framework finds what it must find: a client that does it wrong is caught.

use super::*;
use crate::macos::framework::Library;
use crate::macos::simulated::{Action, Facts, Fault, Outcome};
use endpoint_sec_sys::macos::api::{Api, Client as RawClient};
use endpoint_sec_sys::macos::block::{Block, Descriptor, HAS_COPY_DISPOSE};
use endpoint_sec_sys::macos::message::Message;
use endpoint_sec_sys::macos::result as sys;
use std::ptr::{null, null_mut};
use std::time::Duration;

fn unlink() -> Action {
    Action::unlink(Facts::file("/zone/a"))
}

/// A client that was written by hand in C, as it were.
struct Raw {
    api: Api,
    client: *mut RawClient,
}

unsafe extern "C" fn copy(_: *mut Block, _: *const Block) {}
unsafe extern "C" fn dispose(_: *mut Block) {}
static DESCRIPTOR: Descriptor = Descriptor { reserved: 0, size: size_of::<Block>(), copy, dispose };

impl Raw {
    fn connect(
        simulation: &Simulation,
        invoke: unsafe extern "C" fn(*mut Block, *mut RawClient, *const Message),
    ) -> Self {
        let api = *simulation.api();
        let captured = (&raw const simulation.api().respond_auth_result).cast();
        let block = Block {
            isa: api.stack_block,
            flags: HAS_COPY_DISPOSE,
            reserved: 0,
            invoke,
            descriptor: &DESCRIPTOR,
            captured,
        };
        let mut client = null_mut();
        let types = Subscription::ALL.map(Subscription::number);
        // SAFETY:
        // - the block is one, `client` is writable, and there are as many types.
        unsafe {
            assert_eq!((api.new_client)(&mut client, &block), sys::NEW_CLIENT_SUCCESS);
            assert_eq!((api.subscribe)(client, types.as_ptr(), types.len() as u32), sys::RETURN_SUCCESS);
        }
        Self { api, client }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY:
        // - it was connected, and is deleted once.
        unsafe { (self.api.delete_client)(self.client) };
    }
}

unsafe extern "C" fn says_nothing(_: *mut Block, _: *mut RawClient, _: *const Message) {}

type Respond = unsafe extern "C" fn(*mut RawClient, *const Message, u32, bool) -> u32;

/// The function that the block captured a pointer to.
unsafe fn respond(block: *mut Block) -> Respond {
    // SAFETY:
    // - `Raw::connect` put it there, and the simulation's table outlives its clients.
    unsafe { *(*block).captured.cast::<Respond>() }
}

unsafe extern "C" fn answers_twice(block: *mut Block, client: *mut RawClient, message: *const Message) {
    // SAFETY:
    // - the framework calls with both alive.
    unsafe {
        assert_eq!(respond(block)(client, message, sys::AUTH_ALLOW, false), sys::RESPOND_SUCCESS);
        assert_eq!(respond(block)(client, message, sys::AUTH_ALLOW, false), sys::RESPOND_DUPLICATE);
    }
}

unsafe extern "C" fn caches(block: *mut Block, client: *mut RawClient, message: *const Message) {
    // SAFETY:
    // - the framework calls with both alive.
    unsafe { respond(block)(client, message, sys::AUTH_ALLOW, true) };
}

#[test]
fn a_client_that_misses_a_deadline_is_killed_and_guards_nothing_any_more() {
    let (simulation, shell) = machine(System::MACOS_26);
    let raw = Raw::connect(&simulation, says_nothing);
    let attempt = shell.attempts(&unlink());
    simulation.deliver();
    simulation.advance(Duration::from_millis(14_999));
    assert_eq!((attempt.outcome(), simulation.faults()), (Outcome::Waiting, vec![]));
    simulation.advance(Duration::from_millis(2));
    assert_eq!(simulation.faults(), [Fault::Missed { killed: true }]);
    assert_eq!(attempt.outcome(), Outcome::Allowed);
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    drop(raw);
}

#[test]
fn what_was_never_delivered_is_missed_too() {
    let (simulation, shell) = machine(System::MACOS_26);
    let (client, _) = client_that_answers(&simulation, Verdict::Deny);
    let attempt = shell.attempts(&unlink());
    simulation.advance(Duration::from_secs(16));
    assert_eq!(simulation.faults(), [Fault::Missed { killed: true }]);
    assert_eq!((attempt.outcome(), simulation.messages()), (Outcome::Allowed, 0));
    drop(client);
}

#[test]
fn on_macos_27_a_missed_deadline_denies_where_the_client_asked_for_that() {
    let (simulation, shell) = machine(System::MACOS_27);
    let raw = Raw::connect(&simulation, says_nothing);
    let set = raw.api.set_deadline_miss_mode.unwrap();
    for (mode, outcome) in
        [(sys::DEADLINE_MISS_FAIL_CLOSED, Outcome::Denied), (sys::DEADLINE_MISS_FAIL_OPEN, Outcome::Allowed)]
    {
        // SAFETY:
        // - the client is alive.
        assert_eq!(unsafe { set(raw.client, mode) }, sys::RETURN_SUCCESS);
        let attempt = shell.attempts(&unlink());
        simulation.deliver();
        simulation.advance(Duration::from_secs(15));
        assert_eq!(attempt.outcome(), outcome);
        assert_eq!(simulation.faults().last(), Some(&Fault::Missed { killed: false }));
    }
}

#[test]
fn a_second_answer_is_noted() {
    let (simulation, shell) = machine(System::MACOS_26);
    let raw = Raw::connect(&simulation, answers_twice);
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    assert_eq!(simulation.faults(), [Fault::AnsweredTwice]);
    drop(raw);
}

#[test]
fn an_answer_of_the_wrong_kind_is_refused_and_noted() {
    let (simulation, shell) = machine(System::MACOS_26);
    let raw = Raw::connect(&simulation, caches);
    let attempt = shell.attempts(&Action::Open { file: Facts::file("/zone/a"), fflag: 1 });
    simulation.deliver();
    assert_eq!((attempt.outcome(), simulation.faults()), (Outcome::Waiting, vec![Fault::WrongAnswer]));
    drop(raw);
}

#[test]
fn an_answer_that_the_kernel_would_keep_is_noted() {
    let (simulation, shell) = machine(System::MACOS_26);
    let raw = Raw::connect(&simulation, caches);
    assert_eq!(shell.does(&unlink()), Outcome::Allowed);
    assert_eq!(simulation.faults(), [Fault::Cached]);
    drop(raw);
}

#[test]
fn a_client_that_is_deleted_by_another_thread_is_noted_before_macos_27() {
    struct Away(Raw);
    // SAFETY:
    // - nobody else has it; that it is not allowed is what is tested.
    unsafe impl Send for Away {}
    for (system, faults) in [(System::MACOS_26, vec![Fault::DeletedElsewhere]), (System::MACOS_27, vec![])] {
        let simulation = Simulation::new(system);
        let away = Away(Raw::connect(&simulation, says_nothing));
        std::thread::spawn(move || drop({ away }.0)).join().unwrap();
        assert_eq!(simulation.faults(), faults);
    }
}

#[test]
fn muting_that_is_turned_round_under_questions_is_noted() {
    let simulation = Simulation::new(System::MACOS_26);
    let raw = Raw::connect(&simulation, says_nothing);
    // SAFETY:
    // - the client is alive.
    unsafe { (raw.api.invert_muting)(raw.client, sys::INVERT_PROCESS) };
    assert_eq!(simulation.faults(), [Fault::InvertedTooLate]);
}

#[test]
fn a_block_that_is_none_is_refused() {
    let simulation = Simulation::new(System::MACOS_26);
    let mut client = null_mut();
    // SAFETY:
    // - `client` is writable; null is what is tested.
    let result = unsafe { (simulation.api().new_client)(&mut client, null()) };
    assert_eq!(result, sys::NEW_CLIENT_INVALID_ARGUMENT);
}
