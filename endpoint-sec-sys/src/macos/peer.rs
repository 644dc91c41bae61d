//! `sys/un.h`: who is at the other end of a Unix socket.

/// `SOL_LOCAL`: the level of these options.
pub const SOL_LOCAL: i32 = 0;
/// `LOCAL_PEERTOKEN`: the audit token of the process that connected, as an
/// [`AuditToken`](crate::macos::token::AuditToken).
pub const LOCAL_PEERTOKEN: i32 = 6;

#[cfg(target_os = "macos")]
const _: () = assert!(SOL_LOCAL == libc::SOL_LOCAL && LOCAL_PEERTOKEN == libc::LOCAL_PEERTOKEN);
