//! `linux/seccomp.h` and `linux/audit.h`: layouts, flags and request numbers of user notification.

use core::mem::{offset_of, size_of};
use std::os::fd::RawFd;

/// `struct seccomp_data`: what a filter, and a listener, is told of a system call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SeccompData {
    /// The system call number, in the numbering of `arch`.
    pub nr: i32,
    /// An `AUDIT_ARCH_*` value.
    pub arch: u32,
    /// Where the call was made.
    pub instruction_pointer: u64,
    /// The six argument registers, zero-extended for 32-bit callers.
    pub args: [u64; 6],
}

/// `struct seccomp_notif`: one trapped call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SeccompNotif {
    /// Cookie that identifies this call until it is answered.
    pub id: u64,
    /// Thread id of the caller, in the pid namespace of the reader; 0 when it is not visible there.
    pub pid: u32,
    /// Always 0 today.
    pub flags: u32,
    /// The call.
    pub data: SeccompData,
}

/// `struct seccomp_notif_resp`: the answer to one trapped call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SeccompNotifResp {
    /// The cookie of the call.
    pub id: u64,
    /// Return value when `error` is 0.
    pub val: i64,
    /// Negative errno, or 0.
    pub error: i32,
    /// `USER_NOTIF_FLAG_CONTINUE` or 0.
    pub flags: u32,
}

/// `struct seccomp_notif_addfd`: install a descriptor in the caller.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SeccompNotifAddfd {
    /// The cookie of the call.
    pub id: u64,
    /// `ADDFD_FLAG_*`.
    pub flags: u32,
    /// Descriptor in the listener's process.
    pub srcfd: u32,
    /// Wanted number in the caller, with `ADDFD_FLAG_SETFD`.
    pub newfd: u32,
    /// 0 or `O_CLOEXEC`.
    pub newfd_flags: u32,
}

const _: () = assert!(size_of::<SeccompData>() == 64);
const _: () = assert!(size_of::<SeccompNotif>() == 80 && offset_of!(SeccompNotif, data) == 16);
const _: () = assert!(size_of::<SeccompNotifResp>() == 24 && offset_of!(SeccompNotifResp, error) == 16);
const _: () =
    assert!(size_of::<SeccompNotifAddfd>() == 24 && offset_of!(SeccompNotifAddfd, newfd_flags) == 20);

/// `SECCOMP_SET_MODE_FILTER`.
pub const SET_MODE_FILTER: u32 = 1;
/// `SECCOMP_FILTER_FLAG_NEW_LISTENER` (5.0).
pub const FILTER_FLAG_NEW_LISTENER: u64 = 1 << 3;
/// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` (5.19): once received, only a fatal signal interrupts the caller.
pub const FILTER_FLAG_WAIT_KILLABLE_RECV: u64 = 1 << 5;
/// `SECCOMP_RET_ALLOW`.
pub const RET_ALLOW: u32 = 0x7fff_0000;
/// `SECCOMP_RET_USER_NOTIF`.
pub const RET_USER_NOTIF: u32 = 0x7fc0_0000;
/// `SECCOMP_RET_ERRNO`; the errno goes in the low 16 bits.
pub const RET_ERRNO: u32 = 0x0005_0000;
/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`.
pub const USER_NOTIF_FLAG_CONTINUE: u32 = 1;
/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` (6.6).
pub const FD_SYNC_WAKE_UP: u64 = 1;

/// `AUDIT_ARCH_X86_64`.
pub const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
/// `AUDIT_ARCH_I386`.
pub const AUDIT_ARCH_I386: u32 = 0x4000_0003;
/// `AUDIT_ARCH_AARCH64`.
pub const AUDIT_ARCH_AARCH64: u32 = 0xc000_00b7;
/// `AUDIT_ARCH_ARM`.
pub const AUDIT_ARCH_ARM: u32 = 0x4000_0028;
/// `__X32_SYSCALL_BIT`: marks a call of the x32 ABI, in x86_64 numbering.
pub const X32_SYSCALL_BIT: u32 = 0x4000_0000;

const fn ioc(dir: u64, size: usize, nr: u64) -> u64 {
    (dir << 30) | ((size as u64) << 16) | ((b'!' as u64) << 8) | nr
}

/// `SECCOMP_IOCTL_NOTIF_RECV`.
pub const IOCTL_NOTIF_RECV: u64 = ioc(3, size_of::<SeccompNotif>(), 0);
/// `SECCOMP_IOCTL_NOTIF_SEND`.
pub const IOCTL_NOTIF_SEND: u64 = ioc(3, size_of::<SeccompNotifResp>(), 1);
/// `SECCOMP_IOCTL_NOTIF_ID_VALID`.
pub const IOCTL_NOTIF_ID_VALID: u64 = ioc(1, 8, 2);
/// `SECCOMP_IOCTL_NOTIF_ADDFD`.
pub const IOCTL_NOTIF_ADDFD: u64 = ioc(1, size_of::<SeccompNotifAddfd>(), 3);
/// `SECCOMP_IOCTL_NOTIF_SET_FLAGS`.
pub const IOCTL_NOTIF_SET_FLAGS: u64 = ioc(1, 8, 4);

/// `seccomp(2)` with `SECCOMP_SET_MODE_FILTER`. Returns the listener, or -1 and errno.
///
/// # Safety
/// `program` is null or points to a valid `sock_fprog` whose instructions outlive the call.
pub unsafe fn set_mode_filter(flags: u64, program: *const libc::sock_fprog) -> RawFd {
    // SAFETY:
    // - the caller vouches for `program`; with a null pointer the kernel answers EFAULT or EINVAL.
    unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, flags, program) as RawFd }
}
