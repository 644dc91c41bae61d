//! `es_event_type_t`: the events that es-guard asks for.

/// `ES_EVENT_TYPE_AUTH_EXEC`.
pub const AUTH_EXEC: u32 = 0;
/// `ES_EVENT_TYPE_AUTH_OPEN`: the only one that is answered with flags.
pub const AUTH_OPEN: u32 = 1;
/// `ES_EVENT_TYPE_AUTH_RENAME`.
pub const AUTH_RENAME: u32 = 6;
/// `ES_EVENT_TYPE_AUTH_SIGNAL`.
pub const AUTH_SIGNAL: u32 = 7;
/// `ES_EVENT_TYPE_AUTH_UNLINK`.
pub const AUTH_UNLINK: u32 = 8;
/// `ES_EVENT_TYPE_NOTIFY_EXEC`.
pub const NOTIFY_EXEC: u32 = 9;
/// `ES_EVENT_TYPE_NOTIFY_FORK`.
pub const NOTIFY_FORK: u32 = 11;
/// `ES_EVENT_TYPE_NOTIFY_CREATE`.
pub const NOTIFY_CREATE: u32 = 13;
/// `ES_EVENT_TYPE_NOTIFY_EXIT`.
pub const NOTIFY_EXIT: u32 = 15;
/// `ES_EVENT_TYPE_AUTH_TRUNCATE`.
pub const AUTH_TRUNCATE: u32 = 40;
/// `ES_EVENT_TYPE_AUTH_LINK`.
pub const AUTH_LINK: u32 = 42;
/// `ES_EVENT_TYPE_AUTH_CREATE`.
pub const AUTH_CREATE: u32 = 44;
/// `ES_EVENT_TYPE_AUTH_CLONE`.
pub const AUTH_CLONE: u32 = 60;
/// `ES_EVENT_TYPE_AUTH_EXCHANGEDATA`.
pub const AUTH_EXCHANGEDATA: u32 = 80;
/// `ES_EVENT_TYPE_AUTH_COPYFILE` (12.0).
pub const AUTH_COPYFILE: u32 = 109;
