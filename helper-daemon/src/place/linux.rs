//! A service of systemd.

/// Where it listens.
pub const SOCKET: &str = "/run/es-guard/helper.sock";
/// Where it remembers sessions: a folder that is root's alone.
pub const STATE: &str = "/var/lib/es-guard";
/// What starts it.
pub const START: &str = "systemctl start es-guard-helper";
/// What says how it is.
pub const LOOK: &str = "systemctl status es-guard-helper";
/// What its programs go below, by default.
pub const PREFIX: &str = "/usr/local";
