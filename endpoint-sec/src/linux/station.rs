//! Where a privileged process takes its place to act for a user: the user's view of the files, and ids of
//! which none is the user's but those that files are judged by.
//!
//! Effective, file system and group ids are the user's, so the kernel judges each act as it would the user's
//! own. Real and saved ids are a service account's, so that the user may neither signal nor trace it. One
//! capability is left, to read the callers: `CAP_SYS_PTRACE`. Source: `credentials(7)`, `capabilities(7)`.

use crate::linux::process::PidFd;
use endpoint_sec_sys::linux::calls::{self, CapData};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Pid, Uid, chroot, fchdir, setgroups, setresgid, setresuid};
use std::sync::atomic::{AtomicBool, Ordering};

const CAP_SYS_PTRACE: u32 = 1 << 19;

/// Whether this process acts for a user and keeps a capability that the user lacks.
static STATIONED: AtomicBool = AtomicBool::new(false);

/// A user with groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// The step that failed.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {errno}")]
pub struct StationError {
    /// What was tried.
    pub step: &'static str,
    /// The kernel's answer.
    pub errno: Errno,
}

fn step(step: &'static str) -> impl FnOnce(Errno) -> StationError {
    move |errno| StationError { step, errno }
}

/// Takes on the mount namespace and root of a process. No path of that view is looked up on the way.
pub fn see_as(pid: Pid, pidfd: &PidFd) -> Result<(), StationError> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = open(format!("/proc/{pid}/root").as_str(), flags, Mode::empty())
        .map_err(step("open the peer's root"))?;
    setns(pidfd, CloneFlags::CLONE_NEWNS).map_err(step("enter the peer's mount namespace"))?;
    fchdir(&root).and_then(|()| chroot(".")).map_err(step("enter the peer's root"))?;
    // What was opened by number was of this peer only if it is still there.
    if pidfd.has_ended() {
        Err(StationError { step: "look at the peer", errno: Errno::ESRCH })
    } else {
        Ok(())
    }
}

/// Takes on a user's effective ids and groups, a service account's real and saved ids, and one capability.
/// Root stays what it is.
pub fn act_for(user: &Identity, service: &Identity) -> Result<(), StationError> {
    nix::sys::prctl::set_dumpable(false).map_err(step("become unreadable"))?;
    if user.uid == 0 {
        return Ok(());
    }
    let gid = Gid::from_raw;
    let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups).map_err(step("take on the user's groups"))?;
    setresgid(gid(service.gid), gid(user.gid), gid(service.gid)).map_err(step("take on the user's group"))?;
    nix::sys::prctl::set_keepcaps(true).map_err(step("keep a capability"))?;
    let uid = Uid::from_raw;
    setresuid(uid(service.uid), uid(user.uid), uid(service.uid)).map_err(step("take on the user's id"))?;
    let kept = CapData { effective: CAP_SYS_PTRACE, permitted: CAP_SYS_PTRACE, inheritable: 0 };
    Errno::result(calls::capset(&[kept, CapData::default()])).map_err(step("drop the other capabilities"))?;
    nix::sys::prctl::set_no_new_privs().map_err(step("set no_new_privs"))?;
    // A change of ids may have made it readable again, or have been told to.
    nix::sys::prctl::set_dumpable(false).map_err(step("become unreadable"))?;
    STATIONED.store(true, Ordering::SeqCst);
    Ok(())
}

/// Whether [`act_for`] has given this process a user's effective ids, and others beside them.
pub(crate) fn is_stationed() -> bool {
    STATIONED.load(Ordering::SeqCst)
}

/// Runs `look` without the capability that [`act_for`] keeps, in this thread: what it looks at must be what the
/// user could.
pub(crate) fn as_the_user<T>(look: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    if !is_stationed() {
        return look();
    }
    let with = |effective| {
        let data = CapData { effective, permitted: CAP_SYS_PTRACE, inheritable: 0 };
        Errno::result(calls::capset(&[data, CapData::default()])).map(drop)
    };
    with(0)?;
    let seen = look();
    // Without it the next caller is refused, not waved through.
    with(CAP_SYS_PTRACE)?;
    seen
}
