//! Calls that libc has no wrapper for, or wraps with behaviour of its own.
//!
//! Each returns what the kernel returned: a value, or -1 with errno set.

use libc::{c_int, c_long, c_uint};

/// `struct open_how` of `linux/openat2.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenHow {
    /// `O_*`.
    pub flags: u64,
    /// Mode bits with `O_CREAT` or `O_TMPFILE`, else 0.
    pub mode: u64,
    /// `RESOLVE_*`.
    pub resolve: u64,
}

const _: () = assert!(core::mem::size_of::<OpenHow>() == 24);

/// `RESOLVE_NO_MAGICLINKS`.
pub const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
/// `RESOLVE_NO_SYMLINKS`.
pub const RESOLVE_NO_SYMLINKS: u64 = 0x04;
/// `RESOLVE_BENEATH`.
pub const RESOLVE_BENEATH: u64 = 0x08;
/// `RESOLVE_IN_ROOT`.
pub const RESOLVE_IN_ROOT: u64 = 0x10;

/// `O_LARGEFILE` of `asm/fcntl.h`, which the C library calls 0: `open(2)` adds it, `openat2(2)` does not.
pub const O_LARGEFILE: c_int = if cfg!(target_arch = "aarch64") { 0o400_000 } else { 0o100_000 };

/// `PROC_SUPER_MAGIC` of `linux/magic.h`.
pub const PROC_SUPER_MAGIC: i64 = 0x9fa0;

/// `BTRFS_IOC_SNAP_DESTROY` of `linux/btrfs.h`.
pub const BTRFS_IOC_SNAP_DESTROY: u32 = 0x5000_940f;
/// `BTRFS_IOC_SNAP_DESTROY_V2` (5.7).
pub const BTRFS_IOC_SNAP_DESTROY_V2: u32 = 0x5000_943f;
/// `FSCONFIG_SET_STRING`, `FSCONFIG_SET_PATH`, `FSCONFIG_SET_PATH_EMPTY` and `FSCONFIG_SET_FD` of `linux/mount.h`.
pub const FSCONFIG_SET_STRING: u32 = 1;
/// See [`FSCONFIG_SET_STRING`].
pub const FSCONFIG_SET_PATH: u32 = 3;
/// See [`FSCONFIG_SET_STRING`].
pub const FSCONFIG_SET_PATH_EMPTY: u32 = 4;
/// See [`FSCONFIG_SET_STRING`].
pub const FSCONFIG_SET_FD: u32 = 5;

/// `openat2(2)`, 5.6.
///
/// # Safety
/// `path` is a NUL-terminated string.
pub unsafe fn openat2(dirfd: c_int, path: *const libc::c_char, how: &OpenHow) -> c_int {
    // SAFETY:
    // - `path` is NUL-terminated by contract.
    // - `how` is a live reference and its true size is passed.
    unsafe { libc::syscall(libc::SYS_openat2, dirfd, path, how, core::mem::size_of::<OpenHow>()) as c_int }
}

/// `struct __user_cap_header_struct` of `linux/capability.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CapHeader {
    /// `_LINUX_CAPABILITY_VERSION_3`.
    pub version: u32,
    /// 0: the calling thread.
    pub pid: c_int,
}

/// `struct __user_cap_data_struct`; version 3 takes two, low half first.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CapData {
    /// Effective bits.
    pub effective: u32,
    /// Permitted bits.
    pub permitted: u32,
    /// Inheritable bits.
    pub inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`.
pub const LINUX_CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// `capset(2)` for the calling thread only.
pub fn capset(data: &[CapData; 2]) -> c_long {
    let header = CapHeader { version: LINUX_CAPABILITY_VERSION_3, pid: 0 };
    // SAFETY:
    // - header and data are live and have the layout that version 3 asks for.
    unsafe { libc::syscall(libc::SYS_capset, &header, data.as_ptr()) }
}

/// `capget(2)` for the calling thread.
pub fn capget(data: &mut [CapData; 2]) -> c_long {
    let header = CapHeader { version: LINUX_CAPABILITY_VERSION_3, pid: 0 };
    // SAFETY:
    // - header and data are live and have the layout that version 3 asks for.
    unsafe { libc::syscall(libc::SYS_capget, &header, data.as_mut_ptr()) }
}

/// `setgroups(2)` for the calling thread only (libc's wrapper changes every thread).
pub fn setgroups_thread(groups: &[libc::gid_t]) -> c_long {
    // SAFETY:
    // - the pointer and the length describe one live slice.
    unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) }
}

/// `close_range(2)`, 5.9.
///
/// # Safety
/// Nothing in this process goes on using a descriptor in the range.
pub unsafe fn close_range(first: c_uint, last: c_uint) -> c_long {
    // SAFETY:
    // - no pointers; the caller vouches for the descriptors.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }
}

/// `clone(2)` without flags: as `fork(2)`, but the child sends no signal at its end.
///
/// # Safety
/// The process has a single thread.
pub unsafe fn fork_unseen() -> libc::pid_t {
    // SAFETY:
    // - no pointers: without a stack of its own the child goes on on a copy of this one. All arguments are zero, so
    //   their order, which differs between architectures, does not matter.
    unsafe { libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) as libc::pid_t }
}

/// `pidfd_open(2)`, 5.3.
pub fn pidfd_open(pid: libc::pid_t) -> c_int {
    // SAFETY:
    // - no pointers.
    unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) as c_int }
}

/// `pidfd_open(2)` of a thread, whether it is its process's first or not (`PIDFD_THREAD`, 6.9).
pub fn pidfd_open_thread(tid: libc::pid_t) -> c_int {
    const PIDFD_THREAD: c_int = libc::O_EXCL;
    // SAFETY:
    // - no pointers.
    unsafe { libc::syscall(libc::SYS_pidfd_open, tid, PIDFD_THREAD) as c_int }
}

/// `pidfd_getfd(2)`, 5.6.
pub fn pidfd_getfd(pidfd: c_int, target: c_int) -> c_int {
    // SAFETY:
    // - no pointers.
    unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd, target, 0) as c_int }
}

/// `pidfd_send_signal(2)`, 5.1.
pub fn pidfd_send_signal(pidfd: c_int, signal: c_int) -> c_long {
    // SAFETY:
    // - a null siginfo asks for the one that kill(2) would send.
    unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal, core::ptr::null::<libc::siginfo_t>(), 0)
    }
}
