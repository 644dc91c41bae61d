//! `ESTypes.h`: what the functions take and return, as numbers.
//!
//! They are numbers and not enumerations because a later system may return one that is not listed.

/// `es_auth_result_t`: let it be done.
pub const AUTH_ALLOW: u32 = 0;
/// `es_auth_result_t`: refuse it.
pub const AUTH_DENY: u32 = 1;

/// `es_return_t`: done.
pub const RETURN_SUCCESS: u32 = 0;
/// `es_return_t`: not done, and no reason.
pub const RETURN_ERROR: u32 = 1;

/// `es_respond_result_t`: answered.
pub const RESPOND_SUCCESS: u32 = 0;
/// `es_respond_result_t`: no such message of this client.
pub const RESPOND_INVALID_ARGUMENT: u32 = 1;
/// `es_respond_result_t`: the kernel was not reached.
pub const RESPOND_INTERNAL: u32 = 2;
/// `es_respond_result_t`: the message is not known any more.
pub const RESPOND_NOT_FOUND: u32 = 3;
/// `es_respond_result_t`: answered before.
pub const RESPOND_DUPLICATE: u32 = 4;
/// `es_respond_result_t`: flags for what takes a result, or the other way round.
pub const RESPOND_EVENT_TYPE: u32 = 5;

/// `es_new_client_result_t`: connected.
pub const NEW_CLIENT_SUCCESS: u32 = 0;
/// `es_new_client_result_t`: null where there must be something.
pub const NEW_CLIENT_INVALID_ARGUMENT: u32 = 1;
/// `es_new_client_result_t`: the kernel's part was not reached.
pub const NEW_CLIENT_INTERNAL: u32 = 2;
/// `es_new_client_result_t`: the executable lacks the entitlement.
pub const NEW_CLIENT_NOT_ENTITLED: u32 = 3;
/// `es_new_client_result_t`: no Full Disk Access.
pub const NEW_CLIENT_NOT_PERMITTED: u32 = 4;
/// `es_new_client_result_t`: not root.
pub const NEW_CLIENT_NOT_PRIVILEGED: u32 = 5;
/// `es_new_client_result_t`: too many clients are connected.
pub const NEW_CLIENT_TOO_MANY: u32 = 6;

/// `es_clear_cache_result_t`: cleared.
pub const CLEAR_CACHE_SUCCESS: u32 = 0;
/// `es_clear_cache_result_t`: asked too often.
pub const CLEAR_CACHE_THROTTLE: u32 = 2;

/// `es_mute_path_type_t`: executables below a path.
pub const MUTE_PATH_PREFIX: u32 = 0;
/// `es_mute_path_type_t`: one executable.
pub const MUTE_PATH_LITERAL: u32 = 1;
/// `es_mute_path_type_t`: what an event is about, below a path.
pub const MUTE_PATH_TARGET_PREFIX: u32 = 2;
/// `es_mute_path_type_t`: what an event is about, exactly.
pub const MUTE_PATH_TARGET_LITERAL: u32 = 3;

/// `es_mute_inversion_type_t`: processes.
pub const INVERT_PROCESS: u32 = 0;
/// `es_mute_inversion_type_t`: paths of executables.
pub const INVERT_PATH: u32 = 1;
/// `es_mute_inversion_type_t`: paths of what an event is about.
pub const INVERT_TARGET_PATH: u32 = 2;

/// `es_mute_inverted_return_t`: inverted.
pub const MUTE_INVERTED: u32 = 0;
/// `es_mute_inverted_return_t`: as usual.
pub const MUTE_NOT_INVERTED: u32 = 1;

/// `es_deadline_miss_mode_t` (27.0): the client is killed and the operation goes on.
pub const DEADLINE_MISS_KILL: u32 = 0;
/// `es_deadline_miss_mode_t` (27.0): the operation goes on.
pub const DEADLINE_MISS_FAIL_OPEN: u32 = 1;
/// `es_deadline_miss_mode_t` (27.0): the operation is refused, and so is one whose message was dropped.
pub const DEADLINE_MISS_FAIL_CLOSED: u32 = 2;

/// `FREAD` of `sys/fcntl.h`: what an open's `fflag` says instead of `O_RDONLY`.
pub const FREAD: i32 = 1;
/// `FWRITE` of `sys/fcntl.h`.
pub const FWRITE: i32 = 2;
/// `O_APPEND` as macOS numbers it.
pub const O_APPEND: i32 = 8;
/// `O_TRUNC` as macOS numbers it.
pub const O_TRUNC: i32 = 0x400;
