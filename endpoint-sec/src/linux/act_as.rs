//! Performing a call with a caller's credentials, where they are not this process's own.
//!
//! A child that shares memory and descriptors takes the caller's file system ids, groups, user namespace and
//! capabilities, makes the one call, and ends. Its real and effective ids stay this process's own, so the
//! caller's user can neither signal nor trace it.

use crate::linux::act::{Act, owned};
use crate::linux::caller::Credentials;
use crate::linux::in_person::{Spot, even_where_kept_out, in_person_where_kept_out};
use endpoint_sec_sys::linux::calls::{CapData, capset, setgroups_thread};
use endpoint_sec_sys::linux::clone::vfork_sharing;
use nix::errno::Errno;
use std::cell::RefCell;
use std::ffi::c_void;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

struct Job<'a> {
    /// Makes one system call, and nothing else.
    call: &'a dyn Fn() -> i64,
    who: &'a Credentials,
    own_groups: bool,
    namespace: Option<RawFd>,
    value: i64,
    errno: i32,
}

/// As whom this thread looks at files.
struct Eyes {
    who: Credentials,
    own_groups: bool,
    namespace: Option<OwnedFd>,
}

thread_local!(static EYES: RefCell<Option<Eyes>> = const { RefCell::new(None) });

/// Runs `search`, in which paths are followed with the credentials of `who`: where they may not go, it does not
/// get. See [`Act::perform_as`] for the rest.
pub fn look_as<T>(
    who: Credentials,
    own: &Credentials,
    namespace: Option<OwnedFd>,
    search: impl FnOnce() -> T,
) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            EYES.with(|eyes| eyes.take());
        }
    }
    let own_groups = who.groups == own.groups;
    EYES.with(|eyes| eyes.replace(Some(Eyes { who, own_groups, namespace })));
    let _reset = Reset;
    search()
}

/// Whether this thread looks as somebody else, and so through another process: what procfs calls `self` there is gone
/// once it was seen.
pub(crate) fn looks_as_another() -> bool {
    EYES.with(|eyes| eyes.borrow().is_some())
}

/// Makes a call that looks at a place, as whoever this thread looks as. `call` makes one system call, and nothing
/// else.
pub(crate) fn look(at: BorrowedFd<'_>, call: impl Fn() -> i64) -> Result<i64, Errno> {
    EYES.with(|eyes| match &*eyes.borrow() {
        Some(eyes) => {
            let namespace = eyes.namespace.as_ref().map(AsRawFd::as_raw_fd);
            as_another(&[(at, None)], &call, &eyes.who, eyes.own_groups, namespace)
        }
        None => even_where_kept_out(&[(at, None)], call),
    })
}

fn as_another(
    at: &[Spot<'_>],
    call: &dyn Fn() -> i64,
    who: &Credentials,
    own_groups: bool,
    namespace: Option<RawFd>,
) -> Result<i64, Errno> {
    let mut job = Job { call, who, own_groups, namespace, value: -1, errno: libc::EACCES };
    child(run, (&raw mut job).cast())?;
    let done = if job.value >= 0 { Ok(job.value) } else { Err(Errno::from_raw(job.errno)) };
    in_person_where_kept_out(at, call, done)
}

impl Act<'_> {
    /// Performs the call as `who`. `namespace` is a handle of the caller's user namespace when it is not this
    /// process's own; `own` are this process's credentials. `Err(EACCES)` where the credentials can't be
    /// taken: nothing is ever performed with others.
    pub fn perform_as(
        &self,
        who: &Credentials,
        own: &Credentials,
        namespace: Option<BorrowedFd<'_>>,
    ) -> Result<i64, Errno> {
        let namespace = namespace.map(|fd| fd.as_raw_fd());
        as_another(&self.spots(), &|| self.raw(), who, who.groups == own.groups, namespace)
    }

    /// Performs an act whose value is a descriptor as `who`: see [`Act::perform_as`].
    pub fn open_as(
        &self,
        who: &Credentials,
        own: &Credentials,
        namespace: Option<BorrowedFd<'_>>,
    ) -> Result<OwnedFd, Errno> {
        // The child shares the descriptor table: what it opened is open here.
        self.perform_as(who, own, namespace).map(owned)
    }
}

extern "C" fn run(arg: *mut c_void) -> libc::c_int {
    // SAFETY:
    // - `arg` is the `Job` that `perform_as` passed; its thread is suspended, so this is the only access.
    let job = unsafe { &mut *arg.cast::<Job<'_>>() };
    if become_caller(job) {
        job.value = (job.call)();
        job.errno = Errno::last_raw();
    }
    0
}

fn become_caller(job: &Job<'_>) -> bool {
    if !job.own_groups && setgroups_thread(&job.who.groups) != 0 {
        return false;
    }
    // SAFETY:
    // - no pointers. Both calls return the previous id and tell nothing of failure, so each is asked again.
    let ids_taken = unsafe {
        libc::setfsgid(job.who.gid);
        libc::setfsuid(job.who.uid);
        libc::setfsgid(job.who.gid) as u32 == job.who.gid && libc::setfsuid(job.who.uid) as u32 == job.who.uid
    };
    if !ids_taken {
        return false;
    }
    if let Some(namespace) = job.namespace {
        // SAFETY:
        // - no pointers; the descriptor is held open by the suspended thread.
        if unsafe { libc::setns(namespace, libc::CLONE_NEWUSER) } != 0 {
            return false;
        }
    }
    let half = |shift: u32| (job.who.capabilities >> shift) as u32;
    let set = |bits: u32| CapData { effective: bits, permitted: bits, inheritable: 0 };
    capset(&[set(half(0)), set(half(32))]) == 0
}

/// Runs `entry` in a child that shares memory and descriptors, and waits for its end.
pub(super) fn child(entry: endpoint_sec_sys::linux::clone::Entry, arg: *mut c_void) -> Result<(), Errno> {
    let mut stack = vec![0u8; 64 * 1024];
    // SAFETY:
    // - the stack is this call's alone and 64 kB are ample for a chain of system calls.
    // - `entry` makes system calls only; the callers here see to it.
    // - what `arg` points to outlives the child: this thread is suspended until the child has ended.
    let pid = Errno::result(unsafe { vfork_sharing(entry, &mut stack, arg) })?;
    let mut status = 0;
    // SAFETY:
    // - `status` is writable; the child is ours and is waited for once.
    Errno::result(unsafe { libc::waitpid(pid, &mut status, libc::__WALL) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::caller::own_credentials;
    use crate::linux::handle::Handle;

    #[test]
    fn with_own_credentials_it_is_the_plain_call() {
        let dir = tempfile::tempdir().unwrap();
        let handle = Handle::open(dir.path()).unwrap();
        let own = own_credentials().unwrap();
        Act::Mkdir { dir: &handle, name: c"d", mode: 0o700 }.perform_as(&own, &own, None).unwrap();
        assert!(dir.path().join("d").is_dir());
        let missing = Act::Unlink { dir: &handle, name: c"none" }.perform_as(&own, &own, None);
        assert_eq!(missing, Err(Errno::ENOENT));
    }

    #[test]
    fn as_root_another_user_is_refused_what_that_user_may_not_do() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let handle = Handle::open(dir.path()).unwrap();
        let own = own_credentials().unwrap();
        let other = Credentials {
            uid: 1000,
            gid: 1000,
            groups: vec![1000],
            capabilities: 0,
            namespace: own.namespace,
        };
        let mkdir = Act::Mkdir { dir: &handle, name: c"d", mode: 0o700 };
        assert_eq!(mkdir.perform_as(&other, &own, None), Err(Errno::EACCES));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(dir.path(), mode).unwrap();
        mkdir.perform_as(&other, &own, None).unwrap();
        let made = std::fs::metadata(dir.path().join("d")).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&made), 1000);
        assert_eq!(nix::unistd::geteuid().as_raw(), 0);
        assert_eq!(own_credentials().unwrap(), own);
    }
}
