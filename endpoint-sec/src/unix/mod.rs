//! What Linux and macOS have alike: descriptors that are passed, children that are waited for, processes that are
//! held, signals.

pub mod descriptors;
pub mod handoff;
#[cfg_attr(target_os = "linux", path = "held/linux.rs")]
#[cfg_attr(target_os = "macos", path = "held/macos.rs")]
pub mod held;
pub mod signals;
pub mod wait;
