//! The system's helper: a root process that accepts, and a process a connection that does everything else.
//!
//! | process | privilege | reads |
//! |---|---|---|
//! | [`monitor`], [`workers`] | root | of a connection only what the kernel says of it; of its workers, fixed headers |
//! | [`worker`] | the peer's effective ids, a service account's real and saved ids, `CAP_SYS_PTRACE` | frames, policies, callers' memory, paths |
//!
//! A worker takes its ids before it reads the first byte. It sees the files as its peer does, so a path means
//! to it what it means to the user, and is allowed what the user is.

pub mod account;
mod arming;
pub mod asking;
pub mod check;
mod desk;
pub mod hire;
mod in_kernel;
pub mod link;
pub mod log;
pub mod monitor;
pub mod returning;
pub mod session;
pub mod state;
mod turned_away;
mod wards;
pub mod worker;
pub mod workers;

/// The unit for systemd, with the helper at [`INSTALLED`].
pub const UNIT: &str = include_str!("../../systemd/es-guard-helper.service");

/// Where the unit says that the helper is.
pub const INSTALLED: &str = "/usr/local/libexec/es-guard/es-guard-helper";

pub use crate::place::SOCKET;
pub use crate::trust;
pub use endpoint_sec::linux::bpf::uninstall as unload;
pub use in_kernel::PINS;
