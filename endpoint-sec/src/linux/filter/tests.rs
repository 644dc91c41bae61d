use super::*;

/// Runs a program on one call: what the kernel would do, for the seven instructions that are used.
fn run(program: &[sock_filter], arch: u32, nr: u32, args: [u32; 6]) -> u32 {
    let (mut pc, mut a) = (0usize, 0u32);
    loop {
        let i = program[pc];
        pc += 1;
        match i.code {
            LOAD => {
                a = match i.k {
                    NR => nr,
                    ARCH => arch,
                    k => args[((k - 16) / 8) as usize],
                }
            }
            JUMP => pc += i.k as usize,
            JUMP_EQ => pc += usize::from(if a == i.k { i.jt } else { i.jf }),
            JUMP_SET => pc += usize::from(if a & i.k != 0 { i.jt } else { i.jf }),
            RETURN => return i.k,
            other => panic!("instruction {other:#x}"),
        }
    }
}

fn plain(nr: u32, args: [u32; 6]) -> u32 {
    run(&program(Options::default()), ARCHES[0].audit, nr, args)
}

#[test]
fn every_removal_is_trapped_in_every_architecture() {
    let program = program(Options::default());
    for arch in ARCHES {
        for (number, call) in arch.calls() {
            let got = run(&program, arch.audit, number, [u32::MAX; 6]);
            match call {
                Call::Prctl | Call::Credentials | Call::Ioctl | Call::Socketcall => {
                    assert_eq!(got, sys::RET_ALLOW)
                }
                call if call.reaches_for_one() => assert_eq!(got, sys::RET_ALLOW, "{call:?}"),
                Call::OpenByHandleAt => assert_eq!(got, sys::RET_ERRNO | libc::EPERM as u32),
                _ => assert_eq!(got, sys::RET_USER_NOTIF, "{call:?} in {:#x}", arch.audit),
            }
        }
        for number in arch.refused() {
            assert_eq!(run(&program, arch.audit, number, [0; 6]), MISSING.k);
        }
    }
}

#[test]
fn a_group_is_signalled_under_the_eyes_of_the_listener_and_a_process_when_asked() {
    let n = &ARCHES[0].numbers;
    let group = |pid: i32| plain(n.kill, [pid as u32, 15, 0, 0, 0, 0]);
    assert_eq!(group(0), sys::RET_USER_NOTIF);
    assert_eq!(group(-7), sys::RET_USER_NOTIF);
    assert_eq!(group(7), sys::RET_ALLOW);
    let defending = program(Options { defend: true, ..Options::default() });
    let defended = |nr, args| run(&defending, ARCHES[0].audit, nr, args);
    for nr in [n.kill, n.tgkill, n.pidfd_send_signal, n.process_vm_readv, n.pidfd_getfd] {
        assert_eq!(defended(nr, [7, 9, 0, 0, 0, 0]), sys::RET_USER_NOTIF);
    }
    assert_eq!(defended(n.ptrace, [libc::PTRACE_ATTACH, 7, 0, 0, 0, 0]), sys::RET_USER_NOTIF);
    assert_eq!(defended(n.ptrace, [libc::PTRACE_CONT, 7, 0, 0, 0, 0]), sys::RET_ALLOW);
    assert_eq!(defended(n.prlimit64, [0, 7, 0, 0, 0, 0]), sys::RET_ALLOW);
    assert_eq!(defended(n.prlimit64, [7, 7, 0, 0, 0, 0]), sys::RET_USER_NOTIF);
    let invalid = sys::RET_ERRNO | libc::EINVAL as u32;
    assert_eq!(defended(n.fcntl, [3, F_SETSIG, 9, 0, 0, 0]), invalid);
    assert_eq!(defended(n.fcntl, [3, F_SETSIG, 19, 0, 0, 0]), invalid);
    assert_eq!(defended(n.fcntl, [3, F_SETSIG, 34, 0, 0, 0]), sys::RET_ALLOW);
    assert_eq!(defended(n.fcntl, [3, 9, 9, 0, 0, 0]), sys::RET_ALLOW);
    let typed = sys::RET_ERRNO | libc::EIO as u32;
    assert_eq!(defended(n.ioctl, [0, libc::TIOCSTI as u32, 0, 0, 0, 0]), typed);
    assert_eq!(defended(n.ioctl, [0, BTRFS_IOC_SNAP_DESTROY, 0, 0, 0, 0]), sys::RET_USER_NOTIF);
}

/// The other calls of sockets make no name, and are many.
#[test]
fn of_the_older_entry_for_sockets_only_bind_is_trapped() {
    let program = program(Options::default());
    for (arch, nr) in ARCHES.iter().filter_map(|arch| Some((arch, arch.numbers.socketcall?))) {
        let ask = |which: u32| run(&program, arch.audit, nr, [which, 0, 0, 0, 0, 0]);
        assert_eq!(ask(SOCKETCALL_BIND), sys::RET_USER_NOTIF);
        for which in (0..=20).filter(|which| *which != SOCKETCALL_BIND) {
            assert_eq!(ask(which), sys::RET_ALLOW, "{which}");
        }
    }
    assert_eq!(ARCHES.iter().any(|arch| arch.numbers.socketcall.is_some()), cfg!(target_arch = "x86_64"));
}

#[test]
fn reading_opens_are_never_trapped() {
    let n = &ARCHES[0].numbers;
    let open = |flags: i32| plain(n.openat, [0, 0, flags as u32, 0, 0, 0]);
    for flags in [libc::O_RDONLY, libc::O_CLOEXEC | libc::O_NOFOLLOW, libc::O_PATH, libc::O_DIRECTORY] {
        assert_eq!(open(flags), sys::RET_ALLOW);
    }
    for flags in [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC] {
        assert_eq!(open(flags), sys::RET_USER_NOTIF);
    }
}

#[test]
fn a_foreign_architecture_and_x32_are_refused_never_missed() {
    let program = program(Options::default());
    assert_eq!(run(&program, 0x1234, 0, [0; 6]), MISSING.k);
    if ARCHES[0].x32 {
        let nr = ARCHES[0].numbers.unlinkat | sys::X32_SYSCALL_BIT;
        assert_eq!(run(&program, ARCHES[0].audit, nr, [0; 6]), MISSING.k);
    }
}

#[test]
fn going_undumpable_is_trapped_only_when_asked() {
    let nr = ARCHES[0].numbers.prctl;
    let undump = [libc::PR_SET_DUMPABLE as u32, 0, 0, 0, 0, 0];
    let redump = [libc::PR_SET_DUMPABLE as u32, 1, 0, 0, 0, 0];
    assert_eq!(plain(nr, undump), sys::RET_ALLOW);
    let asked = program(Options { keep_readable: true, watch_credentials: true, defend: false });
    assert_eq!(run(&asked, ARCHES[0].audit, nr, undump), sys::RET_USER_NOTIF);
    assert_eq!(run(&asked, ARCHES[0].audit, nr, redump), sys::RET_ALLOW);
    let drop = [libc::PR_CAPBSET_DROP as u32, 5, 0, 0, 0, 0];
    assert_eq!(run(&asked, ARCHES[0].audit, nr, drop), sys::RET_USER_NOTIF);
}

#[test]
fn the_kernel_accepts_the_flags_here() {
    assert_eq!(flags_supported(), Ok(()));
}
