//! As others number and have them, for tests.

use std::ffi::c_int;

/// There is no such flag.
pub(super) const CLOEXEC_DEFAULT: i16 = 0;
pub(super) const SETPGROUP: i16 = libc::POSIX_SPAWN_SETPGROUP as i16;
pub(super) const SETSIGDEF: i16 = libc::POSIX_SPAWN_SETSIGDEF as i16;
pub(super) const SETSIGMASK: i16 = libc::POSIX_SPAWN_SETSIGMASK as i16;

/// A copy onto itself stays open.
///
/// # Safety
/// The actions were initialised.
pub(super) unsafe fn inherit(actions: *mut libc::posix_spawn_file_actions_t, number: c_int) -> c_int {
    // SAFETY:
    // - the caller vouches for them.
    unsafe { libc::posix_spawn_file_actions_adddup2(actions, number, number) }
}
