//! As macOS numbers and has them.

pub(super) use endpoint_sec_sys::macos::spawn::{CLOEXEC_DEFAULT, SETPGROUP, SETSIGDEF, SETSIGMASK, inherit};
