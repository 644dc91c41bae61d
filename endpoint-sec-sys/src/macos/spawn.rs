//! `spawn.h`, `sys/spawn.h`: how a process begins.
//!
//! The functions are POSIX's, and in libc; what is here is what its flags are on macOS.

/// `POSIX_SPAWN_SETPGROUP`.
pub const SETPGROUP: i16 = 0x0002;
/// `POSIX_SPAWN_SETSIGDEF`.
pub const SETSIGDEF: i16 = 0x0004;
/// `POSIX_SPAWN_SETSIGMASK`.
pub const SETSIGMASK: i16 = 0x0008;
/// `POSIX_SPAWN_SETEXEC`: the caller becomes the program, as by `execve(2)`.
pub const SETEXEC: i16 = 0x0040;
/// `POSIX_SPAWN_START_SUSPENDED`: not an instruction of it is executed before it is continued by `SIGCONT`.
pub const START_SUSPENDED: i16 = 0x0080;
/// `POSIX_SPAWN_CLOEXEC_DEFAULT`: it has no descriptor but what the file actions give it.
pub const CLOEXEC_DEFAULT: i16 = 0x4000;

#[cfg(target_os = "macos")]
const _: () = {
    assert!(SETPGROUP as i32 == libc::POSIX_SPAWN_SETPGROUP);
    assert!(SETSIGDEF as i32 == libc::POSIX_SPAWN_SETSIGDEF);
    assert!(SETSIGMASK as i32 == libc::POSIX_SPAWN_SETSIGMASK);
    assert!(SETEXEC as i32 == libc::POSIX_SPAWN_SETEXEC);
    assert!(START_SUSPENDED as i32 == libc::POSIX_SPAWN_START_SUSPENDED);
    assert!(CLOEXEC_DEFAULT as i32 == libc::POSIX_SPAWN_CLOEXEC_DEFAULT);
};

#[cfg(target_os = "macos")]
unsafe extern "C" {
    /// `posix_spawn_file_actions_addinherit_np`: the process has this descriptor, whatever [`CLOEXEC_DEFAULT`] says;
    /// returns an error number.
    #[doc(alias = "posix_spawn_file_actions_addinherit_np")]
    #[link_name = "posix_spawn_file_actions_addinherit_np"]
    pub fn inherit(
        actions: *mut libc::posix_spawn_file_actions_t,
        number: core::ffi::c_int,
    ) -> core::ffi::c_int;
}
