//! On Linux a descriptor of the kernel's own names a process.

pub use crate::linux::process::{PidFd as Held, is_stopped};
