//! A daemon of launchd.

/// Where it listens. `/var` is `/private/var`, and `run` is emptied when the Mac starts.
pub const SOCKET: &str = "/var/run/es-guard/helper.sock";
/// Where it, and what is known of it, lies: below `/Library` only root writes.
pub const STATE: &str = "/Library/es-guard";
/// What starts it.
pub const START: &str = "sudo launchctl kickstart -k system/es-guard.helper";
/// What says how it is.
pub const LOOK: &str = "sudo launchctl print system/es-guard.helper";
/// What its programs go below, by default.
pub const PREFIX: &str = "/Library/es-guard";
