//! `es_process_t`: who did it, or who was started.

use crate::macos::file::File;
use crate::macos::token::{AuditToken, StringToken};
use core::mem::{offset_of, size_of};

/// `struct timeval`, as on 64-bit macOS.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeval {
    /// Seconds.
    pub tv_sec: i64,
    /// Microseconds.
    pub tv_usec: i32,
}

// tv_sec and tv_usec are a long and an int; the published offsets of what follows it leave it 16 bytes.
layout!(Timeval, size 16, tv_sec at 0, tv_usec at 8);

/// `es_process_t`.
///
/// It grows at its end: never make a reference to a whole one that the framework gave.
#[doc(alias = "es_process_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Who.
    pub audit_token: AuditToken,
    /// The parent's pid now.
    pub ppid: i32,
    /// The parent's pid at the beginning.
    pub original_ppid: i32,
    /// Process group.
    pub group_id: i32,
    /// Session.
    pub session_id: i32,
    /// `CS_*` of `kern/cs_blobs.h`.
    pub codesigning_flags: u32,
    /// Whether it is a part of macOS.
    pub is_platform_binary: bool,
    /// Whether it has the Endpoint Security entitlement.
    pub is_es_client: bool,
    /// Hash of its code directory.
    pub cdhash: [u8; 20],
    /// Identifier in its signature.
    pub signing_id: StringToken,
    /// Team in its signature.
    pub team_id: StringToken,
    /// What it executes.
    pub executable: *const File,
    /// Its terminal, or null. From version 2.
    pub tty: *const File,
    /// When it was forked. From version 3.
    pub start_time: Timeval,
    /// Who answers for it in matters of consent. From version 4.
    pub responsible_audit_token: AuditToken,
    /// Its parent. From version 4.
    pub parent_audit_token: AuditToken,
    /// Why its code was let run. From version 10.
    pub cs_validation_category: u32,
}

layout!(Process, size 216, audit_token at 0, ppid at 32, original_ppid at 36, group_id at 40, session_id at 44,
    codesigning_flags at 48, is_platform_binary at 52, is_es_client at 53, cdhash at 54, signing_id at 80, team_id at 96,
    executable at 112, tty at 120, start_time at 128, responsible_audit_token at 144, parent_audit_token at 176,
    cs_validation_category at 208);

impl Process {
    /// How much of it messages of a version have: 208 bytes before version 10.
    pub const fn size_in(version: u32) -> usize {
        if version >= 10 { size_of::<Self>() } else { offset_of!(Self, cs_validation_category) }
    }
}

const _: () = assert!(Process::size_in(7) == 208 && Process::size_in(10) == 216);
