//! Where the system's helper is, and how it is started: for whoever looks for it.

#[cfg_attr(target_os = "linux", path = "place/linux.rs")]
#[cfg_attr(target_os = "macos", path = "place/macos.rs")]
mod system;

pub use system::{LOOK, PREFIX, SOCKET, START, STATE};

/// What launchd is told of the helper of macOS.
pub const LAUNCHD: &str = include_str!("../macos/es-guard.helper.plist");
