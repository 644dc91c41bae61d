//! What the kernel says of a process.

use crate::macos::file::{File, text};
use crate::macos::message::Malformed;
use crate::macos::token::AuditToken;
use endpoint_sec_sys::macos::process as sys;
use std::ffi::OsString;

/// A process, as it was when its message was made.
#[doc(alias = "es_process_t")]
#[derive(Clone, Debug)]
pub struct Process {
    /// Who.
    pub token: AuditToken,
    /// Its parent then. `None` from a system that does not tell (before message version 4).
    pub parent: Option<AuditToken>,
    /// Its parent's pid at the beginning, which stays when it is given to another.
    pub original_parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// What it executes.
    pub executable: File,
    /// Seconds and microseconds of its fork, since 1970. `None` before message version 3.
    pub started: Option<(i64, i32)>,
    /// Whether its executable is a part of macOS.
    pub is_platform_binary: bool,
    /// Whether it may be a client of Endpoint Security itself.
    pub is_es_client: bool,
    /// `CS_*` of `kern/cs_blobs.h`.
    pub codesigning_flags: u32,
    /// The identifier in its signature; empty without one. Says something only with the team, or for a platform
    /// binary.
    pub signing_id: OsString,
    /// The team in its signature; empty without one.
    pub team_id: OsString,
    /// Why its code was let run (`CS_VALIDATION_CATEGORY_*`). `None` before message version 10.
    pub validation_category: Option<u32>,
}

impl Process {
    /// Reads it out of a message of `version`.
    ///
    /// # Safety
    /// `raw` is null or a process of a message that is alive and of this version.
    pub(crate) unsafe fn read(
        raw: *const sys::Process,
        version: u32,
        what: &'static str,
    ) -> Result<Self, Malformed> {
        if raw.is_null() {
            return Err(Malformed::Missing(what));
        }
        // SAFETY:
        // - the caller vouches that the process is there, and nobody writes to it.
        // - a field that came with a version is read in messages of that version and later only, and through
        //   the raw pointer: an older system allocated less than the structure that is declared here.
        // - the file and the texts are of the same message.
        unsafe {
            Ok(Self {
                token: AuditToken::new((*raw).audit_token),
                parent: (version >= 4).then(|| AuditToken::new((*raw).parent_audit_token)),
                original_parent: (*raw).original_ppid,
                group: (*raw).group_id,
                session: (*raw).session_id,
                executable: File::read((*raw).executable, "the executable of a process")?,
                started: (version >= 3).then(|| ((*raw).start_time.tv_sec, (*raw).start_time.tv_usec)),
                is_platform_binary: (*raw).is_platform_binary,
                is_es_client: (*raw).is_es_client,
                codesigning_flags: (*raw).codesigning_flags,
                signing_id: text((*raw).signing_id),
                team_id: text((*raw).team_id),
                validation_category: (version >= 10).then(|| (*raw).cs_validation_category),
            })
        }
    }

    /// Reads only who it is.
    ///
    /// # Safety
    /// As for [`Process::read`].
    pub(crate) unsafe fn read_token(
        raw: *const sys::Process,
        what: &'static str,
    ) -> Result<AuditToken, Malformed> {
        if raw.is_null() {
            return Err(Malformed::Missing(what));
        }
        // SAFETY:
        // - the caller vouches that the process is there; every version has this field.
        Ok(AuditToken::new(unsafe { (*raw).audit_token }))
    }
}
