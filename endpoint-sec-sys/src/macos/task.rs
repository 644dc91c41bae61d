//! `mach/task_info.h` and `libproc.h`: who has a pid, and which processes there are.

use crate::macos::token::AuditToken;
use core::ffi::c_void;

/// `TASK_AUDIT_TOKEN`.
pub const TASK_AUDIT_TOKEN: u32 = 15;
/// `TASK_AUDIT_TOKEN_COUNT`: in words of four bytes.
pub const TASK_AUDIT_TOKEN_COUNT: u32 = (size_of::<AuditToken>() / 4) as u32;
/// `PROC_PIDTBSDINFO`.
pub const PROC_PIDTBSDINFO: i32 = 3;
/// `KERN_SUCCESS`.
pub const KERN_SUCCESS: i32 = 0;

/// `struct proc_bsdinfo` (`sys/proc_info.h`), as far as it is read.
#[doc(alias = "proc_bsdinfo")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BsdInfo {
    /// Flags, status, exit status.
    pub before: [u32; 3],
    /// Process id.
    pub pbi_pid: u32,
    /// The parent's.
    pub pbi_ppid: u32,
    /// Users, groups, names, terminal, times.
    pub rest: [u32; 29],
}

// Twelve words of four bytes, names of 16 and 32 bytes, six words, two of eight bytes: 48 + 48 + 24 + 16.
layout!(BsdInfo, size 136, before at 0, pbi_pid at 12, pbi_ppid at 16, rest at 20);

/// Functions of the system library.
#[derive(Clone, Copy, Debug)]
pub struct Tasks {
    /// `mach_task_self_`: the port of the own task.
    #[doc(alias = "mach_task_self_")]
    pub own: *const u32,
    /// The own task, a pid, the port by which its task may be asked about; returns `KERN_*`.
    #[doc(alias = "task_name_for_pid")]
    pub name_for_pid: unsafe extern "C" fn(u32, i32, *mut u32) -> i32,
    /// A task's port, `TASK_*`, where the answer goes, its words; returns `KERN_*`.
    #[doc(alias = "task_info")]
    pub info: unsafe extern "C" fn(u32, u32, *mut AuditToken, *mut u32) -> i32,
    /// The own task, and a port that it needs no more; returns `KERN_*`.
    #[doc(alias = "mach_port_deallocate")]
    pub let_go: unsafe extern "C" fn(u32, u32) -> i32,
    /// Where pids go, and for how many bytes there is room; returns how many there are. With null, how many there may be.
    #[doc(alias = "proc_listallpids")]
    pub all_pids: unsafe extern "C" fn(*mut i32, i32) -> i32,
    /// A pid, `PROC_*`, 0, where the answer goes, its bytes; returns how many were written.
    #[doc(alias = "proc_pidinfo")]
    pub pid_info: unsafe extern "C" fn(i32, i32, u64, *mut c_void, i32) -> i32,
    /// A pid, where the path of its executable goes, the room in bytes; returns the path's length.
    #[doc(alias = "proc_pidpath")]
    pub pid_path: unsafe extern "C" fn(i32, *mut c_void, u32) -> i32,
}
