//! `es_event_open_t`: `open(2)` of what is there.

use crate::macos::file::File;

/// A file is opened. Answered with flags, as no other event is.
#[doc(alias = "es_event_open_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// The kernel's mask (`FREAD`, `FWRITE`, `O_TRUNC`), not `open(2)`'s flags.
    pub fflag: i32,
    /// What is opened.
    pub file: *const File,
    /// Nothing yet.
    pub reserved: [u8; 64],
}

layout!(Open, size 80, fflag at 0, file at 8);
