//! The system library's functions for processes. A task's port is its pid.

use super::entered;
use crate::macos::simulated::build;
use crate::macos::simulated::kernel::CALLER;
use endpoint_sec_sys::macos::task::{
    BsdInfo, KERN_SUCCESS, PROC_PIDTBSDINFO, TASK_AUDIT_TOKEN, TASK_AUDIT_TOKEN_COUNT, Tasks,
};
use endpoint_sec_sys::macos::token::AuditToken;
use std::ffi::c_void;
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt;

/// `KERN_FAILURE`.
const KERN_FAILURE: i32 = 5;

static OWN: u32 = CALLER as u32;

/// The table.
pub(super) const TABLE: Tasks =
    Tasks { own: &raw const OWN, name_for_pid, info, let_go, all_pids, pid_info, pid_path };

unsafe extern "C" fn name_for_pid(own: u32, pid: i32, out: *mut u32) -> i32 {
    // The pid of the test itself stands for that of the process that connects.
    let pid = if pid == std::process::id() as i32 { CALLER } else { pid };
    if own != OWN || !entered().lock().processes.contains_key(&pid) {
        return KERN_FAILURE;
    }
    // SAFETY:
    // - the caller vouches that it is writable.
    unsafe { *out = pid as u32 };
    KERN_SUCCESS
}

unsafe extern "C" fn info(name: u32, flavor: u32, out: *mut AuditToken, count: *mut u32) -> i32 {
    // SAFETY:
    // - the caller vouches that both are writable.
    unsafe {
        match entered().lock().processes.get(&(name as i32)) {
            Some(process) if flavor == TASK_AUDIT_TOKEN && *count >= TASK_AUDIT_TOKEN_COUNT => {
                *out = build::token(process);
                *count = TASK_AUDIT_TOKEN_COUNT;
                KERN_SUCCESS
            }
            _ => KERN_FAILURE,
        }
    }
}

extern "C" fn let_go(_: u32, _: u32) -> i32 {
    KERN_SUCCESS
}

unsafe extern "C" fn all_pids(out: *mut i32, bytes: i32) -> i32 {
    let shared = entered();
    let kernel = shared.lock();
    if out.is_null() {
        return kernel.processes.len() as i32;
    }
    let room = bytes as usize / size_of::<i32>();
    let pids = kernel.processes.keys().take(room);
    for (index, pid) in pids.clone().enumerate() {
        // SAFETY:
        // - the caller vouches for as many bytes.
        unsafe { *out.add(index) = *pid };
    }
    pids.count() as i32
}

unsafe extern "C" fn pid_info(pid: i32, flavor: i32, _: u64, out: *mut c_void, bytes: i32) -> i32 {
    match entered().lock().processes.get(&pid) {
        Some(process) if flavor == PROC_PIDTBSDINFO && bytes as usize == size_of::<BsdInfo>() => {
            let (pbi_pid, pbi_ppid) = (pid as u32, process.parent as u32);
            // SAFETY:
            // - the caller vouches for as many bytes.
            unsafe { *out.cast() = BsdInfo { before: [0; 3], pbi_pid, pbi_ppid, rest: [0; 29] } };
            bytes
        }
        _ => 0,
    }
}

unsafe extern "C" fn pid_path(pid: i32, out: *mut c_void, room: u32) -> i32 {
    match entered().lock().processes.get(&pid) {
        Some(process) => {
            let path = process.executable.path.as_os_str().as_bytes();
            let length = path.len().min(room as usize);
            // SAFETY:
            // - the caller vouches for the room, and the path has as many bytes.
            unsafe { std::ptr::copy_nonoverlapping(path.as_ptr(), out.cast(), length) };
            length as i32
        }
        None => 0,
    }
}
