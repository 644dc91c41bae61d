//! The framework's functions, in C.
//!
//! A function that is given a client or a message knows its simulation from that. The others (connecting, the clock)
//! belong to the one that the thread [entered](enter) last, which it does whenever it asks for the table.

mod muting;
mod tasks;

use super::System;
use super::blocks;
use super::build::Envelope;
use super::client::{Client, Handle, HandlePointer};
use super::kernel::{BlockPointer, Shared};
use super::outcome::Fault;
use endpoint_sec_sys::macos::api::{self, Api, Timebase};
use endpoint_sec_sys::macos::block::Block;
use endpoint_sec_sys::macos::event::exec::Exec;
use endpoint_sec_sys::macos::message::Message;
use endpoint_sec_sys::macos::result as sys;
use endpoint_sec_sys::macos::token::StringToken;
use std::cell::RefCell;
use std::mem::offset_of;
use std::sync::{Arc, Weak};
use std::time::Duration;

thread_local! {
    static ENTERED: RefCell<Weak<Shared>> = const { RefCell::new(Weak::new()) };
}

/// What is asked of no client is asked of this simulation, on this thread.
pub(super) fn enter(shared: &Arc<Shared>) {
    ENTERED.with(|entered| *entered.borrow_mut() = Arc::downgrade(shared));
}

fn entered() -> Arc<Shared> {
    ENTERED.with(|entered| entered.borrow().upgrade()).expect("a thread that asked for the table")
}

/// The table.
pub(super) fn table(has_27: bool) -> Api {
    Api {
        new_client,
        delete_client,
        subscribe,
        unsubscribe_all,
        respond_auth_result,
        respond_flags_result,
        retain_message,
        release_message,
        mute_process: muting::mute_process,
        unmute_process: muting::unmute_process,
        mute_path: muting::mute_path,
        mute_path_events: muting::mute_path_events,
        unmute_path: muting::unmute_path,
        unmute_all_paths: muting::unmute_all_paths,
        unmute_all_target_paths: muting::unmute_all_target_paths,
        invert_muting: muting::invert_muting,
        muting_inverted: muting::muting_inverted,
        clear_cache,
        exec_arg_count,
        exec_arg,
        new_descendants_client: has_27.then_some(new_descendants_client as api::NewClient),
        set_deadline_miss_mode: has_27.then_some(set_deadline_miss_mode as api::SetDeadlineMissMode),
        set_deadline_max_milliseconds: has_27.then_some(set_deadline_max as api::SetDeadlineMax),
        absolute_time,
        timebase_info,
        tasks: tasks::TABLE,
        stack_block: blocks::address(&blocks::STACK_BLOCK),
    }
}

/// Does something with a client.
///
/// # Safety
/// `client` is one of this table's, and was not deleted.
unsafe fn with(client: *mut api::Client, act: impl FnOnce(&mut Client)) -> u32 {
    // SAFETY:
    // - the caller vouches for it.
    unsafe {
        if_it_may(client, |_, client| {
            act(client);
            true
        })
    }
}

/// Does something with a client, if that is allowed.
///
/// # Safety
/// As for [`with`].
unsafe fn if_it_may(client: *mut api::Client, act: impl FnOnce(&System, &mut Client) -> bool) -> u32 {
    // SAFETY:
    // - the caller vouches for it.
    let handle = unsafe { &*client.cast::<Handle>() };
    let mut kernel = handle.shared.lock();
    let client = kernel.clients.get_mut(&handle.id).expect("a client that is there");
    if act(&handle.shared.system, client) { sys::RETURN_SUCCESS } else { sys::RETURN_ERROR }
}

unsafe fn connect(out: *mut *mut api::Client, block: *const Block, of_descendants: bool) -> u32 {
    let shared = entered();
    if let Some(refusal) = shared.lock().refusing {
        return refusal;
    }
    // SAFETY:
    // - the caller vouches for the block.
    let Some(block) = (unsafe { blocks::copy(block) }) else { return sys::NEW_CLIENT_INVALID_ARGUMENT };
    let mut kernel = shared.lock();
    let id = kernel.next_client;
    kernel.next_client += 1;
    let handle = Box::into_raw(Box::new(Handle { id, shared: Arc::clone(&shared) }));
    kernel.clients.insert(id, Client::new(HandlePointer(handle), BlockPointer(block), of_descendants));
    // SAFETY:
    // - the caller vouches that it is writable.
    unsafe { *out = handle.cast() };
    sys::NEW_CLIENT_SUCCESS
}

unsafe extern "C" fn new_client(out: *mut *mut api::Client, block: *const Block) -> u32 {
    // SAFETY:
    // - the caller vouches for both.
    unsafe { connect(out, block, false) }
}

unsafe extern "C" fn new_descendants_client(out: *mut *mut api::Client, block: *const Block) -> u32 {
    // SAFETY:
    // - the caller vouches for both.
    unsafe { connect(out, block, true) }
}

unsafe extern "C" fn delete_client(client: *mut api::Client) -> u32 {
    // SAFETY:
    // - the caller vouches for it, and that nobody uses it any more.
    let handle = unsafe { Box::from_raw(client.cast::<Handle>()) };
    let client = {
        let mut kernel = handle.shared.lock();
        let client = kernel.clients.remove(&handle.id).expect("a client that is there");
        kernel.forget(handle.id);
        if !handle.shared.system.has_27 && client.thread != std::thread::current().id() {
            kernel.faults.push(Fault::DeletedElsewhere);
        }
        client
    };
    for envelope in client.queue {
        // SAFETY:
        // - it was in the queue, whose reference this is.
        unsafe { Envelope::release(envelope) };
    }
    // SAFETY:
    // - the client is not there any more, so nobody calls its handler.
    unsafe { client.block.release() };
    handle.shared.watches.lock().expect("watches").retain(|watch| !watch.is_over());
    sys::RETURN_SUCCESS
}

unsafe extern "C" fn subscribe(client: *mut api::Client, types: *const u32, count: u32) -> u32 {
    // SAFETY:
    // - the caller vouches for the client, and for as many types.
    unsafe {
        let types = std::slice::from_raw_parts(types, count as usize);
        with(client, |client| client.subscriptions.extend(types))
    }
}

unsafe extern "C" fn unsubscribe_all(client: *mut api::Client) -> u32 {
    // SAFETY:
    // - the caller vouches for the client.
    unsafe { with(client, |client| client.subscriptions.clear()) }
}

unsafe fn respond(
    client: *mut api::Client,
    message: *const Message,
    with_flags: bool,
    value: u32,
    cache: bool,
) -> u32 {
    // SAFETY:
    // - the caller vouches for both: all messages are parts of envelopes.
    let (handle, envelope) = unsafe { (&*client.cast::<Handle>(), &*message.cast::<Envelope>()) };
    match envelope.question {
        Some(question) if envelope.client == handle.id => {
            handle.shared.lock().answer(handle.id, question, with_flags, value, cache)
        }
        _ => sys::RESPOND_INVALID_ARGUMENT,
    }
}

unsafe extern "C" fn respond_auth_result(
    client: *mut api::Client,
    message: *const Message,
    result: u32,
    cache: bool,
) -> u32 {
    // SAFETY:
    // - the caller vouches for both.
    unsafe { respond(client, message, false, result, cache) }
}

unsafe extern "C" fn respond_flags_result(
    client: *mut api::Client,
    message: *const Message,
    flags: u32,
    cache: bool,
) -> u32 {
    // SAFETY:
    // - the caller vouches for both.
    unsafe { respond(client, message, true, flags, cache) }
}

unsafe extern "C" fn retain_message(message: *const Message) {
    // SAFETY:
    // - the caller vouches that it is alive: all messages are parts of envelopes.
    unsafe { Envelope::retain(message.cast_mut().cast()) };
}

unsafe extern "C" fn release_message(message: *const Message) {
    // SAFETY:
    // - the caller vouches that it is alive, and gives up a reference of its own.
    unsafe { Envelope::release(message.cast_mut().cast()) };
}

unsafe extern "C" fn clear_cache(_: *mut api::Client) -> u32 {
    sys::CLEAR_CACHE_SUCCESS
}

/// The envelope that an exec is a part of.
unsafe fn envelope_of<'a>(exec: *const Exec) -> &'a Envelope {
    // SAFETY:
    // - the caller vouches that it is where its message has it, and all messages are parts of envelopes.
    unsafe { &*exec.byte_sub(offset_of!(Message, event)).cast::<Envelope>() }
}

unsafe extern "C" fn exec_arg_count(exec: *const Exec) -> u32 {
    // SAFETY:
    // - the caller vouches for it.
    unsafe { envelope_of(exec) }.arguments.len() as u32
}

unsafe extern "C" fn exec_arg(exec: *const Exec, index: u32) -> StringToken {
    // SAFETY:
    // - the caller vouches for it.
    unsafe { envelope_of(exec) }.arguments[index as usize]
}

unsafe extern "C" fn set_deadline_miss_mode(client: *mut api::Client, mode: u32) -> u32 {
    // SAFETY:
    // - the caller vouches for the client.
    unsafe {
        if_it_may(client, |_, client| {
            let may = mode <= sys::DEADLINE_MISS_FAIL_CLOSED;
            if may {
                client.miss_mode = mode;
            }
            may
        })
    }
}

unsafe extern "C" fn set_deadline_max(
    client: *mut api::Client,
    types: *const u32,
    count: u32,
    milliseconds: u32,
) -> u32 {
    let time = Duration::from_millis(milliseconds.into());
    // SAFETY:
    // - the caller vouches for the client, and for as many types.
    unsafe {
        let types = std::slice::from_raw_parts(types, count as usize);
        if_it_may(client, |system, client| {
            let may = time <= system.deadline;
            if may {
                client.shortened.extend(types.iter().map(|event| (*event, time)));
            }
            may
        })
    }
}

unsafe extern "C" fn absolute_time() -> u64 {
    entered().lock().now
}

unsafe extern "C" fn timebase_info(out: *mut Timebase) -> i32 {
    let (numer, denom) = entered().system.timebase;
    // SAFETY:
    // - the caller vouches that it is writable.
    unsafe { *out = Timebase { numer, denom } };
    0
}
