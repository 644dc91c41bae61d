//! The seccomp program that traps the calls that change names.
//!
//! Reading opens never reach the listener: the flags are tested in the filter. Every other call of the tree
//! is allowed by the kernel's constant-action bitmap without running a single instruction (5.11).

use crate::linux::arch::{ARCHES, Arch, Call};
use endpoint_sec_sys::linux::calls::{BTRFS_IOC_SNAP_DESTROY, BTRFS_IOC_SNAP_DESTROY_V2};
use endpoint_sec_sys::linux::nr::SOCKETCALL_BIND;
use endpoint_sec_sys::linux::seccomp as sys;
use libc::sock_filter;
use nix::errno::Errno;
use std::os::fd::{FromRawFd, OwnedFd};

#[cfg(test)]
mod tests;

/// What to trap beside the calls that change names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Trap `prctl(PR_SET_DUMPABLE, 0)`, for a listener that could not read such a caller.
    pub keep_readable: bool,
    /// Trap calls that change a caller's user, groups or capabilities, for a listener that has more of them.
    pub watch_credentials: bool,
    /// Trap what reaches for another process by its number, for a listener that must not be ended, stopped or
    /// read by the tree. A signal to a group of processes is trapped in any case.
    pub defend: bool,
}

/// Flags with which an open makes a name or changes content.
const WRITES: u32 = (libc::O_CREAT | libc::O_WRONLY | libc::O_RDWR | libc::O_TRUNC) as u32;
/// `F_SETSIG`: which signal tells that a descriptor is ready (Linux's own; libc has it for some targets only).
const F_SETSIG: u32 = 10;

const NR: u32 = 0;
const ARCH: u32 = 4;
const fn arg(n: u32) -> u32 {
    // The low half: all supported architectures are little-endian.
    16 + 8 * n
}

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const JUMP_EQ: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_SET: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

const NOTIFY: sock_filter = ret(sys::RET_USER_NOTIF);
const ALLOW: sock_filter = ret(sys::RET_ALLOW);
const MISSING: sock_filter = ret(sys::RET_ERRNO | libc::ENOSYS as u32);

const fn ins(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

const fn ret(value: u32) -> sock_filter {
    ins(RETURN, value, 0, 0)
}

const fn load(offset: u32) -> sock_filter {
    ins(LOAD, offset, 0, 0)
}

/// A built program.
#[derive(Clone, Debug)]
pub struct Program(Vec<sock_filter>);

impl Program {
    /// Builds the program for these options.
    pub fn new(options: Options) -> Self {
        Self(program(options))
    }
}

/// Builds the program: one segment an architecture, entered by its `AUDIT_ARCH` value.
fn program(options: Options) -> Vec<sock_filter> {
    let mut program = vec![load(ARCH)];
    for arch in &ARCHES {
        let segment = segment(arch, options);
        program.push(ins(JUMP_EQ, arch.audit, 1, 0));
        program.push(ins(JUMP, segment.len() as u32, 0, 0));
        program.extend(segment);
    }
    program.push(MISSING);
    program
}

fn segment(arch: &Arch, options: Options) -> Vec<sock_filter> {
    let mut out = vec![load(NR)];
    if arch.x32 {
        // A kernel without x32 says ENOSYS to these; with the numbering of neither table, so do we.
        out.extend([ins(JUMP_SET, sys::X32_SYSCALL_BIT, 0, 1), MISSING]);
    }
    for (number, call) in arch.calls() {
        let block = match call {
            Call::Open => only_if_set(1, WRITES),
            Call::Openat => only_if_set(2, WRITES),
            Call::OpenByHandleAt => refused_if_set(2, WRITES),
            Call::Socketcall => only_if_any(0, &[SOCKETCALL_BIND]),
            Call::Kill if !options.defend => only_if_a_group(),
            Call::Ptrace if options.defend => only_if_any(0, &[libc::PTRACE_ATTACH, libc::PTRACE_SEIZE]),
            Call::Prlimit if options.defend => unless(0, 0),
            Call::Fcntl if options.defend => no_deadly_readiness(),
            call if call.reaches_for_one() && !options.defend => {
                continue;
            }
            Call::Ioctl => ioctl(options),
            Call::Prctl => match prctl(options) {
                Some(block) => block,
                None => continue,
            },
            Call::Credentials if !options.watch_credentials => continue,
            _ => vec![NOTIFY],
        };
        out.push(ins(JUMP_EQ, number, 0, block.len() as u8));
        out.extend(block);
    }
    for number in arch.refused() {
        out.extend([ins(JUMP_EQ, number, 0, 1), MISSING]);
    }
    out.push(ALLOW);
    out
}

fn only_if_set(n: u32, bits: u32) -> Vec<sock_filter> {
    vec![load(arg(n)), ins(JUMP_SET, bits, 0, 1), NOTIFY, ALLOW]
}

fn only_if_any(n: u32, values: &[u32]) -> Vec<sock_filter> {
    let mut out = vec![load(arg(n))];
    for &value in values {
        out.extend([ins(JUMP_EQ, value, 0, 1), NOTIFY]);
    }
    out.push(ALLOW);
    out
}

/// `EPERM`, as for a caller that lacks the capability.
fn refused_if_set(n: u32, bits: u32) -> Vec<sock_filter> {
    let refused = ret(sys::RET_ERRNO | libc::EPERM as u32);
    vec![load(arg(n)), ins(JUMP_SET, bits, 0, 1), refused, ALLOW]
}

/// `kill(2)` with zero or a negative number: a group of processes, or all of them.
fn only_if_a_group() -> Vec<sock_filter> {
    vec![load(arg(0)), ins(JUMP_EQ, 0, 1, 0), ins(JUMP_SET, 1 << 31, 0, 1), NOTIFY, ALLOW]
}

fn unless(n: u32, value: u32) -> Vec<sock_filter> {
    vec![load(arg(n)), ins(JUMP_EQ, value, 1, 0), NOTIFY, ALLOW]
}

/// A descriptor may tell any process of its user that it is ready, by any signal: not by one that can't be held back.
fn no_deadly_readiness() -> Vec<sock_filter> {
    let refused = ret(sys::RET_ERRNO | libc::EINVAL as u32);
    vec![
        load(arg(1)),
        ins(JUMP_EQ, F_SETSIG, 0, 4),
        load(arg(2)),
        ins(JUMP_EQ, libc::SIGKILL as u32, 1, 0),
        ins(JUMP_EQ, libc::SIGSTOP as u32, 0, 1),
        refused,
        ALLOW,
    ]
}

fn ioctl(options: Options) -> Vec<sock_filter> {
    let mut out = only_if_any(1, &[BTRFS_IOC_SNAP_DESTROY, BTRFS_IOC_SNAP_DESTROY_V2]);
    if options.defend {
        // Typing into the terminal for whoever reads it next: as with `dev.tty.legacy_tiocsti` off.
        let refused = ret(sys::RET_ERRNO | libc::EIO as u32);
        out.splice(1..1, [ins(JUMP_EQ, libc::TIOCSTI as u32, 0, 1), refused]);
    }
    out
}

fn prctl(options: Options) -> Option<Vec<sock_filter>> {
    let mut out = vec![load(arg(0))];
    if options.watch_credentials {
        for what in [libc::PR_CAPBSET_DROP, libc::PR_SET_SECUREBITS, libc::PR_CAP_AMBIENT] {
            out.extend([ins(JUMP_EQ, what as u32, 0, 1), NOTIFY]);
        }
    }
    if options.keep_readable {
        let undump = [load(arg(1)), ins(JUMP_EQ, 0, 0, 1), NOTIFY, ALLOW];
        out.push(ins(JUMP_EQ, libc::PR_SET_DUMPABLE as u32, 0, undump.len() as u8));
        out.extend(undump);
    }
    out.push(ALLOW);
    (out.len() > 2).then_some(out)
}

/// Why no filter with a listener could be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// `PR_SET_NO_NEW_PRIVS` was refused.
    #[error("set no_new_privs: {0}")]
    NoNewPrivs(Errno),
    /// This process already answers to a listener, and the kernel allows one.
    #[error(
        "install a second seccomp listener: this process already runs under one (another es-guard, or a sandbox that uses user notification)"
    )]
    AlreadyListening,
    /// The kernel does not know the flags, or seccomp filters are not built in.
    #[error("install a seccomp listener: {0} (Linux 5.19 or later is needed)")]
    Unsupported(Errno),
    /// Anything else.
    #[error("install a seccomp listener: {0}")]
    Refused(Errno),
}

/// Installs the program in the calling thread, sets `no_new_privs`, and returns the listener. Children
/// inherit the filter; the descriptor is close-on-exec.
pub fn install(program: &Program) -> Result<OwnedFd, InstallError> {
    nix::sys::prctl::set_no_new_privs().map_err(InstallError::NoNewPrivs)?;
    let instructions = &program.0;
    let fprog = libc::sock_fprog { len: instructions.len() as u16, filter: instructions.as_ptr().cast_mut() };
    let flags = sys::FILTER_FLAG_NEW_LISTENER | sys::FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY:
    // - `fprog` describes `program`, which is borrowed for the whole call and only read by the kernel.
    let fd = unsafe { sys::set_mode_filter(flags, &fprog) };
    match Errno::result(fd) {
        // SAFETY:
        // - the kernel has just returned this descriptor; nothing else owns it.
        Ok(fd) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        Err(Errno::EBUSY) => Err(InstallError::AlreadyListening),
        Err(e @ (Errno::EINVAL | Errno::ENOSYS)) => Err(InstallError::Unsupported(e)),
        Err(e) => Err(InstallError::Refused(e)),
    }
}

/// Whether the kernel knows the filter flags that the engine needs, asked without installing anything: with
/// a null program known flags fail with `EFAULT`, unknown ones with `EINVAL`.
pub fn flags_supported() -> Result<(), Errno> {
    let flags = sys::FILTER_FLAG_NEW_LISTENER | sys::FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY:
    // - a null program is allowed by the contract; nothing is installed.
    match Errno::result(unsafe { sys::set_mode_filter(flags, std::ptr::null()) }) {
        Err(Errno::EFAULT) | Ok(_) => Ok(()),
        Err(e) => Err(e),
    }
}
