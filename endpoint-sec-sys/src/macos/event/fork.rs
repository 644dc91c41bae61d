//! `es_event_fork_t`: a process was made.

use crate::macos::process::Process;

/// The message's process made another.
#[doc(alias = "es_event_fork_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Fork {
    /// The new one.
    pub child: *const Process,
    /// Nothing yet.
    pub reserved: [u8; 64],
}

layout!(Fork, size 72, child at 0);
