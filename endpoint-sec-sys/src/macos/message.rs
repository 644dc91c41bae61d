//! `es_message_t`: one event, as a handler is given it.

use crate::macos::event::Events;
use crate::macos::file::Timespec;
use crate::macos::process::Process;

/// `ES_ACTION_TYPE_AUTH`: the process waits for an answer.
pub const ACTION_AUTH: u32 = 0;
/// `ES_ACTION_TYPE_NOTIFY`: it has happened.
pub const ACTION_NOTIFY: u32 = 1;

/// `es_message_t`.
#[doc(alias = "es_message_t")]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Message {
    /// Which of the fields below are there.
    pub version: u32,
    /// When, by the wall clock.
    pub time: Timespec,
    /// When, in ticks of `mach_absolute_time(3)`.
    pub mach_time: u64,
    /// Until when an answer must be given, in ticks.
    pub deadline: u64,
    /// Who did it.
    pub process: *const Process,
    /// Counts this client's messages of this type, dropped ones included. From version 2.
    pub seq_num: u64,
    /// `ACTION_*`.
    pub action_type: u32,
    /// Read by nobody: what an answer is bound to, or the result of what has happened.
    pub action: Action,
    /// `ES_EVENT_TYPE_*`: which part of `event` is there.
    pub event_type: u32,
    /// What.
    pub event: Events,
    /// Which thread, or null. From version 4.
    pub thread: *const Thread,
    /// Counts this client's messages, dropped ones included. From version 4.
    pub global_seq_num: u64,
}

layout!(Message, size 224, version at 0, time at 8, mach_time at 24, deadline at 32, process at 40, seq_num at 48,
    action_type at 56, action at 60, event_type at 96, event at 104, thread at 208, global_seq_num at 216);

/// `es_event_id_t` (32 bytes) or `es_result_t` (a number, then 32 bytes): opaque.
#[doc(alias("es_event_id_t", "es_result_t"))]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Action {
    /// Nothing that anybody reads.
    pub opaque: [u32; 9],
}

layout!(Action, size 36, opaque at 0);

/// `es_thread_t`.
#[doc(alias = "es_thread_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    /// As `pthread_threadid_np(3)` has it.
    pub thread_id: u64,
}

layout!(Thread, size 8, thread_id at 0);
