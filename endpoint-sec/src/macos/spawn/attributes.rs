//! `posix_spawnattr_t` and `posix_spawn_file_actions_t`, which must be destroyed.

#[cfg_attr(target_os = "macos", path = "attributes/macos.rs")]
#[cfg_attr(not(target_os = "macos"), path = "attributes/others.rs")]
mod system;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use system::{CLOEXEC_DEFAULT, SETPGROUP, SETSIGDEF, SETSIGMASK};

/// What is done with descriptors.
pub(super) struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    pub(super) fn new() -> Result<Self, Errno> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY:
        // - it is writable, and initialised when the call has succeeded.
        unsafe {
            done(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
            Ok(Self(actions.assume_init()))
        }
    }

    /// It has this one, under the same number.
    pub(super) fn give(&mut self, number: RawFd) -> Result<(), Errno> {
        // SAFETY:
        // - the actions were initialised; a number that is no descriptor makes the start fail.
        done(unsafe { system::inherit(&raw mut self.0, number) })
    }

    pub(super) fn as_ptr(&self) -> *const libc::posix_spawn_file_actions_t {
        &raw const self.0
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY:
        // - they were initialised, and nobody uses them any more.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

/// Everything else.
pub(super) struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    pub(super) fn new(how: i16, group: Pid, blocked: &SigSet, by_default: SigSet) -> Result<Self, Errno> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY:
        // - it is writable, and initialised when the call has succeeded.
        let mut made = unsafe {
            done(libc::posix_spawnattr_init(attributes.as_mut_ptr()))?;
            Self(attributes.assume_init())
        };
        let all = &raw mut made.0;
        // Nobody has another for these two, and a system may refuse to hear of it.
        let changeable = |signal: &Signal| !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP);
        let by_default: SigSet =
            Signal::iterator().filter(|signal| by_default.contains(*signal)).filter(changeable).collect();
        let flags = how | CLOEXEC_DEFAULT | SETPGROUP | SETSIGDEF | SETSIGMASK;
        // SAFETY:
        // - the attributes were initialised; the sets are read, and live through the calls.
        unsafe {
            done(libc::posix_spawnattr_setflags(all, flags))?;
            done(libc::posix_spawnattr_setpgroup(all, group.as_raw()))?;
            done(libc::posix_spawnattr_setsigmask(all, blocked.as_ref()))?;
            done(libc::posix_spawnattr_setsigdefault(all, by_default.as_ref()))?;
        }
        Ok(made)
    }

    pub(super) fn as_ptr(&self) -> *const libc::posix_spawnattr_t {
        &raw const self.0
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY:
        // - they were initialised, and nobody uses them any more.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

/// These functions return their error.
fn done(errno: libc::c_int) -> Result<(), Errno> {
    if errno == 0 { Ok(()) } else { Err(Errno::from_raw(errno)) }
}
