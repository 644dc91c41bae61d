//! `es_event_signal_t`: a process is sent a signal.

use crate::macos::process::Process;

/// A signal is about to be sent. None is told that a process sends itself.
#[doc(alias = "es_event_signal_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Signal {
    /// Its number.
    pub sig: i32,
    /// Who gets it.
    pub target: *const Process,
    /// For whom launchd sends it, in later versions; nothing before. Nobody here reads it.
    pub reserved: [u8; 64],
}

layout!(Signal, size 80, sig at 0, target at 8);
