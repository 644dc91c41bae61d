//! `ESClient.h`: the functions, as a table that is filled when a program runs.
//!
//! What every system from macOS 13 has is a function; what macOS 27 added is an `Option`.

use crate::macos::block::Block;
use crate::macos::event::exec::Exec;
use crate::macos::message::Message;
use crate::macos::task::Tasks;
use crate::macos::token::{AuditToken, StringToken};
use core::ffi::{c_char, c_void};

/// `es_client_t`: opaque.
#[doc(alias = "es_client_t")]
#[repr(C)]
#[derive(Debug)]
pub struct Client {
    opaque: [u8; 0],
}

/// `mach_timebase_info_data_t`: a tick is `numer / denom` nanoseconds.
#[doc(alias = "mach_timebase_info")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timebase {
    /// Numerator.
    pub numer: u32,
    /// Denominator.
    pub denom: u32,
}

layout!(Timebase, size 8, numer at 0, denom at 4);

/// `es_new_client` and its like: the client that is made, its handler; returns `NEW_CLIENT_*`.
pub type NewClient = unsafe extern "C" fn(*mut *mut Client, *const Block) -> u32;
/// `es_subscribe`: the types, how many; returns `RETURN_*`.
pub type Subscribe = unsafe extern "C" fn(*mut Client, *const u32, u32) -> u32;
/// `es_delete_client`, `es_unsubscribe_all`, `es_unmute_all_paths` and others: return `RETURN_*`.
pub type OfClient = unsafe extern "C" fn(*mut Client) -> u32;
/// `es_respond_auth_result`: `AUTH_*`, whether to keep the answer for others; returns `RESPOND_*`.
pub type RespondAuth = unsafe extern "C" fn(*mut Client, *const Message, u32, bool) -> u32;
/// `es_respond_flags_result`: the flags that are allowed, whether to keep; returns `RESPOND_*`.
pub type RespondFlags = unsafe extern "C" fn(*mut Client, *const Message, u32, bool) -> u32;
/// `es_retain_message`, `es_release_message`.
pub type OfMessage = unsafe extern "C" fn(*const Message);
/// `es_mute_process`, `es_unmute_process`: return `RETURN_*`.
pub type OfProcess = unsafe extern "C" fn(*mut Client, *const AuditToken) -> u32;
/// `es_mute_path`: the path, `MUTE_PATH_*`; returns `RETURN_*`.
pub type OfPath = unsafe extern "C" fn(*mut Client, *const c_char, u32) -> u32;
/// `es_mute_path_events`: the path, `MUTE_PATH_*`, the types, how many; returns `RETURN_*`.
pub type OfPathAndEvents = unsafe extern "C" fn(*mut Client, *const c_char, u32, *const u32, usize) -> u32;
/// `es_invert_muting`: `INVERT_*`; returns `RETURN_*`. `es_muting_inverted`: the same; returns `MUTE_*`.
pub type OfInversion = unsafe extern "C" fn(*mut Client, u32) -> u32;
/// `es_exec_arg_count`.
pub type ExecArgCount = unsafe extern "C" fn(*const Exec) -> u32;
/// `es_exec_arg`: the text lives as long as the message.
pub type ExecArg = unsafe extern "C" fn(*const Exec, u32) -> StringToken;
/// `es_set_deadline_miss_mode`: `DEADLINE_MISS_*`; returns `RETURN_*`.
pub type SetDeadlineMissMode = unsafe extern "C" fn(*mut Client, u32) -> u32;
/// `es_set_deadline_max_milliseconds`: the types, how many, milliseconds; returns `RETURN_*`.
pub type SetDeadlineMax = unsafe extern "C" fn(*mut Client, *const u32, u32, u32) -> u32;

/// The functions, and what of the system library goes with them.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    /// Connects: root and Full Disk Access are needed.
    #[doc(alias = "es_new_client")]
    pub new_client: NewClient,
    /// Disconnects. Before macOS 27 only the thread that connected may.
    #[doc(alias = "es_delete_client")]
    pub delete_client: OfClient,
    /// Asks for events, besides those asked for already.
    #[doc(alias = "es_subscribe")]
    pub subscribe: Subscribe,
    /// Asks for none.
    #[doc(alias = "es_unsubscribe_all")]
    pub unsubscribe_all: OfClient,
    /// Answers anything but an open.
    #[doc(alias = "es_respond_auth_result")]
    pub respond_auth_result: RespondAuth,
    /// Answers an open.
    #[doc(alias = "es_respond_flags_result")]
    pub respond_flags_result: RespondFlags,
    /// Keeps a message beyond its handler's return.
    #[doc(alias = "es_retain_message")]
    pub retain_message: OfMessage,
    /// Lets a kept message go.
    #[doc(alias = "es_release_message")]
    pub release_message: OfMessage,
    /// Mutes a live process until it ends.
    #[doc(alias = "es_mute_process")]
    pub mute_process: OfProcess,
    /// Takes that back.
    #[doc(alias = "es_unmute_process")]
    pub unmute_process: OfProcess,
    /// Mutes executables, or what events are about, by path.
    #[doc(alias = "es_mute_path")]
    pub mute_path: OfPath,
    /// The same, for some events.
    #[doc(alias = "es_mute_path_events")]
    pub mute_path_events: OfPathAndEvents,
    /// Takes that back.
    #[doc(alias = "es_unmute_path")]
    pub unmute_path: OfPath,
    /// Takes back all muting of executables, the system's own included.
    #[doc(alias = "es_unmute_all_paths")]
    pub unmute_all_paths: OfClient,
    /// Takes back all muting of what events are about, the system's own included (13.0).
    #[doc(alias = "es_unmute_all_target_paths")]
    pub unmute_all_target_paths: OfClient,
    /// Turns muting round: only what is muted is reported (13.0).
    #[doc(alias = "es_invert_muting")]
    pub invert_muting: OfInversion,
    /// Whether it is turned round (13.0).
    #[doc(alias = "es_muting_inverted")]
    pub muting_inverted: OfInversion,
    /// Forgets the answers that were kept, of all clients.
    #[doc(alias = "es_clear_cache")]
    pub clear_cache: OfClient,
    /// How many arguments a program is given.
    #[doc(alias = "es_exec_arg_count")]
    pub exec_arg_count: ExecArgCount,
    /// One of them.
    #[doc(alias = "es_exec_arg")]
    pub exec_arg: ExecArg,
    /// Connects to the events of the caller's descendants only: neither root nor Full Disk Access (27.0).
    #[doc(alias = "es_new_descendants_client")]
    pub new_descendants_client: Option<NewClient>,
    /// What happens when no answer comes in time (27.0).
    #[doc(alias = "es_set_deadline_miss_mode")]
    pub set_deadline_miss_mode: Option<SetDeadlineMissMode>,
    /// Makes deadlines shorter than the system's (27.0).
    #[doc(alias = "es_set_deadline_max_milliseconds")]
    pub set_deadline_max_milliseconds: Option<SetDeadlineMax>,
    /// The clock of deadlines, in ticks.
    #[doc(alias = "mach_absolute_time")]
    pub absolute_time: unsafe extern "C" fn() -> u64,
    /// How long its tick is; returns 0.
    #[doc(alias = "mach_timebase_info")]
    pub timebase_info: unsafe extern "C" fn(*mut Timebase) -> i32,
    /// Who has a pid, and which processes there are.
    pub tasks: Tasks,
    /// `_NSConcreteStackBlock`: the class of a block that was not copied yet.
    pub stack_block: *const c_void,
}

// SAFETY:
// - every field is the address of code, or of an object of the system library that nobody writes to; both
//   stay where they are for the life of the process.
unsafe impl Send for Api {}
// SAFETY:
// - as above: nothing is changed through a shared table.
unsafe impl Sync for Api {}
