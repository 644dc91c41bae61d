//! Making a call where only its user may: in a child with every id that user's.
//!
//! Where a mount lets in only processes whose every id is its user's (FUSE without `allow_other`), this process
//! is kept out though it acts for that user: there, and only there, a child with all three ids makes the call. They
//! are this process's effective ids; for root's agent that has become a user, that user's.
//! The user may kill that child, and then the call fails; what it shares with this process nobody can read or
//! trace, as this process is not dumpable.

use crate::linux::act_as::child;
use crate::linux::caller::{Caller, Credentials};
use crate::linux::station::is_stationed;
use endpoint_sec_sys::linux::calls::{CapData, capset, setgroups_thread};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::cell::Cell;
use std::ffi::{CStr, c_void};
use std::os::fd::{AsFd, BorrowedFd};

thread_local!(static BEHALF: Cell<Option<Caller>> = const { Cell::new(None) });

/// Runs `handles`, in which whatever is done is done for this caller: where this process is kept out and the caller is
/// not, the caller's ids are taken.
pub fn on_behalf_of<T>(caller: Caller, handles: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            BEHALF.set(None);
        }
    }
    BEHALF.set(Some(caller));
    let _reset = Reset;
    handles()
}

/// Where a call is made: in a directory or at an object, and at a name in it.
pub(crate) type Spot<'a> = (BorrowedFd<'a>, Option<&'a CStr>);

/// Makes a call at a place; once more in a child with all ids the user's, where this process was kept out of a
/// FUSE mount. `call` makes one system call, and nothing else.
pub(crate) fn even_where_kept_out(at: &[Spot<'_>], call: impl Fn() -> i64) -> Result<i64, Errno> {
    let done = Errno::result(call());
    in_person_where_kept_out(at, &call, done)
}

pub(super) fn in_person_where_kept_out(
    at: &[Spot<'_>],
    call: &dyn Fn() -> i64,
    done: Result<i64, Errno>,
) -> Result<i64, Errno> {
    if done != Err(Errno::EACCES) || !at.iter().any(is_fuse) {
        return done;
    }
    if is_stationed() {
        return in_person(call, None);
    }
    // Only of a caller that is nobody else in any respect: what is kept out of a mount bare is so here.
    match BEHALF.get().and_then(|caller| caller.whole().ok().flatten()) {
        Some(who) => in_person(call, Some(&who)),
        None => done,
    }
}

/// Whether it is in a FUSE mount, or one is mounted on the name.
fn is_fuse((at, name): &Spot<'_>) -> bool {
    let of = |fd: BorrowedFd<'_>| {
        nix::sys::statfs::fstatfs(fd)
            .is_ok_and(|found| found.filesystem_type() == nix::sys::statfs::FUSE_SUPER_MAGIC)
    };
    let named = |name: &CStr| {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(*at, name, flags, Mode::empty()).is_ok_and(|there| of(there.as_fd()))
    };
    of(*at) || name.is_some_and(named)
}

struct Personal<'a> {
    call: &'a dyn Fn() -> i64,
    /// `None`: this process's effective ids.
    who: Option<&'a Credentials>,
    value: i64,
    errno: i32,
}

fn in_person(call: &dyn Fn() -> i64, who: Option<&Credentials>) -> Result<i64, Errno> {
    let mut job = Personal { call, who, value: -1, errno: libc::EACCES };
    child(run_in_person, (&raw mut job).cast())?;
    if job.value >= 0 { Ok(job.value) } else { Err(Errno::from_raw(job.errno)) }
}

extern "C" fn run_in_person(arg: *mut c_void) -> libc::c_int {
    // SAFETY:
    // - `arg` is the `Personal` that `in_person` passed; its thread is suspended, so this is the only access.
    let job = unsafe { &mut *arg.cast::<Personal<'_>>() };
    if job.who.is_none_or(take_effective_ids) && take_all_ids() {
        job.value = (job.call)();
        job.errno = Errno::last_raw();
    }
    0
}

/// Takes on a user's effective ids and groups. The real and saved ones stay, so that nobody of that user can trace
/// this process before it is known not to be dumpable: a change of effective ids makes it what
/// `fs.suid_dumpable` says.
fn take_effective_ids(who: &Credentials) -> bool {
    const SAME: libc::c_long = -1;
    // SAFETY:
    // - no pointers. Straight to the kernel, as in `take_all_ids`.
    setgroups_thread(&who.groups) == 0
        && unsafe {
            libc::syscall(libc::SYS_setresgid, SAME, libc::c_long::from(who.gid), SAME) == 0
                && libc::syscall(libc::SYS_setresuid, SAME, libc::c_long::from(who.uid), SAME) == 0
                && libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
        }
}

/// Makes the effective ids all three, and keeps no capability.
fn take_all_ids() -> bool {
    // SAFETY:
    // - no pointers. Straight to the kernel: the C library would have every thread of the process change.
    let taken = unsafe {
        let (uid, gid) = (libc::geteuid(), libc::getegid());
        libc::syscall(libc::SYS_setresgid, gid, gid, gid) == 0
            && libc::syscall(libc::SYS_setresuid, uid, uid, uid) == 0
    };
    taken && capset(&[CapData::default(), CapData::default()]) == 0
}
