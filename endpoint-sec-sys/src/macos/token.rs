//! `mach/message.h` and `ESTypes.h`: audit tokens and strings.

use core::ffi::c_char;

/// `audit_token_t`: who a process is.
///
/// The order of the values is the kernel's (`bsd/kern/kern_prot.c`, `set_security_token_task_internal`) and
/// that of libbsm's `audit_token_to_*`.
#[doc(alias = "audit_token_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditToken {
    /// Audit user, effective user and group, real user and group, pid, audit session, generation of the pid.
    pub val: [u32; 8],
}

layout!(AuditToken, size 32, val at 0);

impl AuditToken {
    /// Where the effective user is.
    pub const EUID: usize = 1;
    /// Where the real user is.
    pub const RUID: usize = 3;
    /// Where the pid is.
    pub const PID: usize = 5;
    /// Where the generation of the pid is.
    pub const PIDVERSION: usize = 7;
}

/// `es_string_token_t`: text of a known length.
#[doc(alias = "es_string_token_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StringToken {
    /// Bytes, without a terminator.
    pub length: usize,
    /// Where they are; may be null when there are none.
    pub data: *const c_char,
}

// Not in the published trials: a size_t and a pointer.
layout!(StringToken, size 16, length at 0, data at 8);
