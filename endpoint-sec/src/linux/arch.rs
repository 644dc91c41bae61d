//! Which call a number means, for the build's own architecture and for the 32-bit one beside it.

use endpoint_sec_sys::linux::nr::{self, Numbers};
use endpoint_sec_sys::linux::seccomp as sys;
use std::sync::LazyLock;

/// A trapped system call, whatever its number and architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the system call of that name")]
pub enum Call {
    Unlink,
    Unlinkat,
    Rmdir,
    Rename,
    Renameat,
    Renameat2,
    Open,
    Openat,
    Openat2,
    Creat,
    Mkdir,
    Mkdirat,
    Mknod,
    Mknodat,
    Symlink,
    Symlinkat,
    Link,
    Linkat,
    Bind,
    /// The older entry to all calls of sockets, which has its arguments in memory. Trapped for `bind` only.
    Socketcall,
    Mount,
    Fsconfig,
    Prctl,
    Ioctl,
    Umask,
    LandlockRestrictSelf,
    Truncate,
    /// The form that takes 64 bits of length on a 32-bit architecture.
    Truncate64,
    OpenByHandleAt,
    /// Either form of `umount`.
    Umount,
    MoveMount,
    Kill,
    /// `tkill` and `rt_sigqueueinfo`: a signal to a process or thread by its number.
    SendSignal,
    /// `tgkill` and `rt_tgsigqueueinfo`: a signal to a thread of a process.
    SendThreadSignal,
    PidfdSendSignal,
    Ptrace,
    /// Any of the calls that read or write another process's memory.
    ProcessMemory,
    PidfdGetfd,
    Prlimit,
    Fcntl,
    /// Any of the calls that change what a process sees as its files: `chroot`, `pivot_root`, `setns`, `unshare`.
    View,
    /// Any of the calls that change a process's user, groups or capabilities.
    Credentials,
}

impl Call {
    /// Whether the call reaches for one other process by its number or descriptor, and does nothing to files.
    pub(crate) fn reaches_for_one(self) -> bool {
        matches!(
            self,
            Call::SendSignal
                | Call::SendThreadSignal
                | Call::PidfdSendSignal
                | Call::Ptrace
                | Call::ProcessMemory
                | Call::PidfdGetfd
                | Call::Prlimit
                | Call::Fcntl
        )
    }
}

/// One architecture that a process on this machine may call in.
#[derive(Clone, Copy, Debug)]
pub struct Arch {
    /// The `AUDIT_ARCH_*` value.
    pub audit: u32,
    /// Its numbering.
    pub numbers: Numbers,
    /// Whether x32 calls share this numbering, marked by a bit.
    pub x32: bool,
}

/// Every architecture whose calls a kernel of this build takes, the native one first.
#[cfg(target_arch = "x86_64")]
pub const ARCHES: [Arch; 2] = [
    Arch { audit: sys::AUDIT_ARCH_X86_64, numbers: nr::X86_64, x32: true },
    Arch { audit: sys::AUDIT_ARCH_I386, numbers: nr::I386, x32: false },
];

/// Every architecture whose calls a kernel of this build takes, the native one first.
#[cfg(target_arch = "aarch64")]
pub const ARCHES: [Arch; 2] = [
    Arch { audit: sys::AUDIT_ARCH_AARCH64, numbers: nr::AARCH64, x32: false },
    Arch { audit: sys::AUDIT_ARCH_ARM, numbers: nr::ARM, x32: false },
];

impl Arch {
    /// The trapped calls with their numbers in this architecture.
    pub fn calls(&self) -> Vec<(u32, Call)> {
        let n = &self.numbers;
        let mut calls = Vec::with_capacity(72);
        let mut add = |number: Option<u32>, call| calls.extend(number.map(|number| (number, call)));
        add(Some(n.openat), Call::Openat);
        add(n.open, Call::Open);
        add(Some(n.ioctl), Call::Ioctl);
        add(Some(n.prctl), Call::Prctl);
        add(n.unlink, Call::Unlink);
        add(Some(n.unlinkat), Call::Unlinkat);
        add(n.rmdir, Call::Rmdir);
        add(n.rename, Call::Rename);
        add(n.renameat, Call::Renameat);
        add(Some(n.renameat2), Call::Renameat2);
        add(Some(n.openat2), Call::Openat2);
        add(n.creat, Call::Creat);
        add(n.mkdir, Call::Mkdir);
        add(Some(n.mkdirat), Call::Mkdirat);
        add(n.mknod, Call::Mknod);
        add(Some(n.mknodat), Call::Mknodat);
        add(n.symlink, Call::Symlink);
        add(Some(n.symlinkat), Call::Symlinkat);
        add(n.link, Call::Link);
        add(Some(n.linkat), Call::Linkat);
        add(Some(n.bind), Call::Bind);
        add(n.socketcall, Call::Socketcall);
        add(Some(n.mount), Call::Mount);
        add(Some(n.fsconfig), Call::Fsconfig);
        add(Some(n.umask), Call::Umask);
        add(Some(n.landlock_restrict_self), Call::LandlockRestrictSelf);
        add(Some(n.truncate), Call::Truncate);
        add(n.truncate64, Call::Truncate64);
        add(Some(n.open_by_handle_at), Call::OpenByHandleAt);
        for number in [n.umount, Some(n.umount2)] {
            add(number, Call::Umount);
        }
        add(Some(n.move_mount), Call::MoveMount);
        add(Some(n.kill), Call::Kill);
        for number in [n.tkill, n.rt_sigqueueinfo] {
            add(Some(number), Call::SendSignal);
        }
        for number in [n.tgkill, n.rt_tgsigqueueinfo] {
            add(Some(number), Call::SendThreadSignal);
        }
        add(Some(n.pidfd_send_signal), Call::PidfdSendSignal);
        add(Some(n.ptrace), Call::Ptrace);
        for number in [n.process_vm_readv, n.process_vm_writev] {
            add(Some(number), Call::ProcessMemory);
        }
        add(Some(n.pidfd_getfd), Call::PidfdGetfd);
        add(Some(n.prlimit64), Call::Prlimit);
        for number in [Some(n.fcntl), n.fcntl64] {
            add(number, Call::Fcntl);
        }
        for number in [n.chroot, n.pivot_root, n.setns, n.unshare] {
            add(Some(number), Call::View);
        }
        for &number in n.credentials {
            add(Some(number), Call::Credentials);
        }
        calls
    }

    /// The calls that are refused outright, as on a kernel that lacks them.
    pub fn refused(&self) -> [u32; 3] {
        [self.numbers.io_uring_setup, self.numbers.io_uring_enter, self.numbers.io_uring_register]
    }
}

/// The call that `number` means in `audit`, if it is one of the trapped ones.
pub fn call(audit: u32, number: i32) -> Option<Call> {
    static SORTED: LazyLock<[Vec<(u32, Call)>; 2]> = LazyLock::new(|| {
        ARCHES.map(|arch| {
            let mut calls = arch.calls();
            calls.sort_unstable_by_key(|&(number, _)| number);
            calls
        })
    });
    let number = u32::try_from(number).ok()?;
    let calls = &SORTED[ARCHES.iter().position(|arch| arch.audit == audit)?];
    calls.binary_search_by_key(&number, |&(n, _)| n).ok().map(|at| calls[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_numbers_are_those_of_this_build() {
        let native = &ARCHES[0].numbers;
        assert_eq!(i64::from(native.unlinkat), libc::SYS_unlinkat);
        assert_eq!(i64::from(native.renameat2), libc::SYS_renameat2);
        assert_eq!(i64::from(native.openat), libc::SYS_openat);
        assert_eq!(i64::from(native.openat2), libc::SYS_openat2);
        assert_eq!(i64::from(native.linkat), libc::SYS_linkat);
        assert_eq!(i64::from(native.bind), libc::SYS_bind);
        assert_eq!(i64::from(native.mount), libc::SYS_mount);
        assert_eq!(i64::from(native.prctl), libc::SYS_prctl);
        assert_eq!(i64::from(native.ioctl), libc::SYS_ioctl);
        assert_eq!(i64::from(native.umask), libc::SYS_umask);
        assert_eq!(i64::from(native.truncate), libc::SYS_truncate);
        assert_eq!(i64::from(native.open_by_handle_at), libc::SYS_open_by_handle_at);
        assert_eq!(i64::from(native.umount2), libc::SYS_umount2);
        assert_eq!(i64::from(native.move_mount), libc::SYS_move_mount);
        assert_eq!(i64::from(native.kill), libc::SYS_kill);
        assert_eq!(i64::from(native.tkill), libc::SYS_tkill);
        assert_eq!(i64::from(native.tgkill), libc::SYS_tgkill);
        assert_eq!(i64::from(native.rt_sigqueueinfo), libc::SYS_rt_sigqueueinfo);
        assert_eq!(i64::from(native.rt_tgsigqueueinfo), libc::SYS_rt_tgsigqueueinfo);
        assert_eq!(i64::from(native.pidfd_send_signal), libc::SYS_pidfd_send_signal);
        assert_eq!(i64::from(native.pidfd_getfd), libc::SYS_pidfd_getfd);
        assert_eq!(i64::from(native.ptrace), libc::SYS_ptrace);
        assert_eq!(i64::from(native.process_vm_readv), libc::SYS_process_vm_readv);
        assert_eq!(i64::from(native.process_vm_writev), libc::SYS_process_vm_writev);
        assert_eq!(i64::from(native.prlimit64), libc::SYS_prlimit64);
        assert_eq!(i64::from(native.fcntl), libc::SYS_fcntl);
        assert_eq!(i64::from(native.chroot), libc::SYS_chroot);
        assert_eq!(i64::from(native.pivot_root), libc::SYS_pivot_root);
        assert_eq!(i64::from(native.setns), libc::SYS_setns);
        assert_eq!(i64::from(native.unshare), libc::SYS_unshare);
        assert_eq!(i64::from(native.io_uring_setup), libc::SYS_io_uring_setup);
        assert_eq!(
            native.credentials.iter().map(|&n| i64::from(n)).collect::<Vec<_>>(),
            [
                libc::SYS_setuid,
                libc::SYS_setgid,
                libc::SYS_setreuid,
                libc::SYS_setregid,
                libc::SYS_setresuid,
                libc::SYS_setresgid,
                libc::SYS_setfsuid,
                libc::SYS_setfsgid,
                libc::SYS_setgroups,
                libc::SYS_capset
            ]
        );
    }

    #[test]
    fn no_number_means_two_calls() {
        for arch in ARCHES {
            let mut numbers: Vec<u32> = arch.calls().iter().map(|&(n, _)| n).chain(arch.refused()).collect();
            numbers.sort_unstable();
            let all = numbers.len();
            numbers.dedup();
            assert_eq!(numbers.len(), all, "{:#x}", arch.audit);
        }
    }
}
