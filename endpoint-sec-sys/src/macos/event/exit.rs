//! `es_event_exit_t`: a process ended.

/// How it ended. The message's process is the one that did.
#[doc(alias = "es_event_exit_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// As `wait(2)` has it.
    pub stat: i32,
    /// Nothing yet.
    pub reserved: [u8; 64],
}

layout!(Exit, size 68, stat at 0);
