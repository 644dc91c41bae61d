//! The functions that say what a client is told of.

use super::with;
use crate::macos::simulated::client::Handle;
use crate::macos::simulated::kernel::CALLER;
use crate::macos::simulated::outcome::Fault;
use endpoint_sec_sys::macos::api;
use endpoint_sec_sys::macos::event_type::{NOTIFY_EXEC, NOTIFY_EXIT, NOTIFY_FORK};
use endpoint_sec_sys::macos::result as sys;
use endpoint_sec_sys::macos::token::AuditToken;
use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

pub(super) unsafe extern "C" fn mute_process(client: *mut api::Client, token: *const AuditToken) -> u32 {
    // SAFETY:
    // - the caller vouches for the client and the token.
    let (who, handle) = unsafe { (identity(token), &*client.cast::<Handle>()) };
    let mut kernel = handle.shared.lock();
    let found = kernel.processes.get(&who.0).filter(|process| process.version == who.1).cloned();
    let client = kernel.clients.get_mut(&handle.id).expect("a client that is there");
    match found {
        Some(process) if !client.of_descendants || process.lineage.contains(&CALLER) => {
            client.muting.processes.push(who);
            sys::RETURN_SUCCESS
        }
        _ => sys::RETURN_ERROR,
    }
}

pub(super) unsafe extern "C" fn unmute_process(client: *mut api::Client, token: *const AuditToken) -> u32 {
    // SAFETY:
    // - the caller vouches for the client and the token.
    unsafe {
        let who = identity(token);
        with(client, |client| client.muting.processes.retain(|muted| *muted != who))
    }
}

unsafe fn identity(token: *const AuditToken) -> (i32, u32) {
    // SAFETY:
    // - the caller vouches for it.
    let token = unsafe { *token };
    (token.val[AuditToken::PID] as i32, token.val[AuditToken::PIDVERSION])
}

unsafe fn path(text: *const c_char) -> PathBuf {
    // SAFETY:
    // - the caller vouches that it ends in a zero byte.
    OsStr::from_bytes(unsafe { CStr::from_ptr(text) }.to_bytes()).into()
}

pub(super) unsafe extern "C" fn mute_path(client: *mut api::Client, text: *const c_char, kind: u32) -> u32 {
    // SAFETY:
    // - the caller vouches for the client and the path.
    unsafe { with(client, |client| client.muting.mute_path(kind, path(text), None)) }
}

pub(super) unsafe extern "C" fn mute_path_events(
    client: *mut api::Client,
    text: *const c_char,
    kind: u32,
    types: *const u32,
    count: usize,
) -> u32 {
    // SAFETY:
    // - the caller vouches for the client, the path, and as many types.
    unsafe {
        let types = std::slice::from_raw_parts(types, count);
        with(client, |client| client.muting.mute_path(kind, path(text), Some(types.into())))
    }
}

pub(super) unsafe extern "C" fn unmute_path(client: *mut api::Client, text: *const c_char, kind: u32) -> u32 {
    // SAFETY:
    // - the caller vouches for the client and the path.
    unsafe { with(client, |client| client.muting.unmute_path(kind, &path(text))) }
}

pub(super) unsafe extern "C" fn unmute_all_paths(client: *mut api::Client) -> u32 {
    // SAFETY:
    // - the caller vouches for the client.
    unsafe { with(client, |client| client.muting.unmute_all(false)) }
}

pub(super) unsafe extern "C" fn unmute_all_target_paths(client: *mut api::Client) -> u32 {
    // SAFETY:
    // - the caller vouches for the client.
    unsafe { with(client, |client| client.muting.unmute_all(true)) }
}

pub(super) unsafe extern "C" fn invert_muting(client: *mut api::Client, list: u32) -> u32 {
    // SAFETY:
    // - the caller vouches for the client.
    let handle = unsafe { &*client.cast::<Handle>() };
    let mut kernel = handle.shared.lock();
    let client = kernel.clients.get_mut(&handle.id).expect("a client that is there");
    let asked =
        client.subscriptions.iter().any(|event| ![NOTIFY_EXEC, NOTIFY_FORK, NOTIFY_EXIT].contains(event));
    let done = client.muting.invert(list);
    if asked {
        kernel.faults.push(Fault::InvertedTooLate);
    }
    if done.is_some() { sys::RETURN_SUCCESS } else { sys::RETURN_ERROR }
}

pub(super) unsafe extern "C" fn muting_inverted(client: *mut api::Client, list: u32) -> u32 {
    // SAFETY:
    // - the caller vouches for the client.
    let handle = unsafe { &*client.cast::<Handle>() };
    match handle.shared.lock().clients[&handle.id].muting.is_inverted(list) {
        Some(true) => sys::MUTE_INVERTED,
        Some(false) => sys::MUTE_NOT_INVERTED,
        None => 2,
    }
}
