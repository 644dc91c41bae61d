//! Processes: forking, arming, and the attributes a guard gives itself.

pub use crate::unix::signals::{default_signal, die_of, ignore_signal, restore_startup_signals};

use endpoint_sec_sys::linux::calls;
use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Why a process could not be forked.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// The process has more than one thread: a child could find any lock taken for ever.
    #[error("fork: this process has {0} threads")]
    Threads(usize),
    /// The kernel refused.
    #[error("fork: {0}")]
    Refused(Errno),
}

/// Forks a process of a single thread, and only that: the child may then do whatever the parent could.
///
/// The child runs `child` and ends with the status that it returns.
pub fn fork(child: impl FnOnce() -> i32) -> Result<Pid, ForkError> {
    alone()?;
    // SAFETY:
    // - this is the only thread, so no lock is held by another one and the child's copy of the process is
    //   complete.
    match unsafe { nix::unistd::fork() }.map_err(ForkError::Refused)? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => run_and_exit(child),
    }
}

/// The same, but waiting for any child does not see this one: it sends no signal at its end (`clone(2)`), and
/// only [`reap_unseen`] takes it.
pub fn fork_unseen(child: impl FnOnce() -> i32) -> Result<Pid, ForkError> {
    alone()?;
    // SAFETY:
    // - as for `fork`: this is the only thread. Without flags the child has its own copy of everything, and goes on
    //   on its copy of this stack.
    // - what libc's own fork does beside the call is for other threads, and for handlers that nobody set here.
    match Errno::result(unsafe { calls::fork_unseen() }).map_err(ForkError::Refused)? {
        0 => run_and_exit(child),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Waits for the end of a child of [`fork_unseen`].
pub fn reap_unseen(pid: Pid) -> Result<(), Errno> {
    loop {
        // SAFETY:
        // - a null status is allowed.
        match Errno::result(unsafe { libc::waitpid(pid.as_raw(), std::ptr::null_mut(), libc::__WALL) }) {
            Err(Errno::EINTR) => {}
            other => return other.map(drop),
        }
    }
}

fn alone() -> Result<(), ForkError> {
    match std::fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count()) {
        1 => Ok(()),
        threads => Err(ForkError::Threads(threads)),
    }
}

fn run_and_exit(child: impl FnOnce() -> i32) -> ! {
    let run = std::panic::AssertUnwindSafe(child);
    let status = std::panic::catch_unwind(run).unwrap_or(125);
    // SAFETY:
    // - `_exit` runs nothing of the parent's: no buffers are flushed twice.
    unsafe { libc::_exit(status) }
}

/// Closes every descriptor from 3 on that is not in `keep`.
///
/// For a freshly forked process that owns none of them by type: call it before anything is opened.
pub fn close_all_but(keep: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut keep: Vec<u32> = keep.iter().map(|fd| fd.as_raw_fd() as u32).collect();
    keep.sort_unstable();
    let mut first = 3;
    for fd in keep.into_iter().filter(|&fd| fd >= 3).chain([u32::MAX]) {
        if fd > first {
            // SAFETY:
            // - the contract: descriptors that are used later are in `keep`.
            Errno::result(unsafe { calls::close_range(first, fd - 1) })?;
        }
        first = fd.saturating_add(1);
    }
    Ok(())
}

/// Whether a process is stopped, as by Ctrl-Z (state `T` of proc_pid_stat(5)). One that is gone is not.
pub fn is_stopped(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

/// A descriptor that names a process, not a number (5.3).
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens a live process.
    pub fn open(pid: Pid) -> Result<Self, Errno> {
        let fd = Errno::result(calls::pidfd_open(pid.as_raw()))?;
        // SAFETY:
        // - the kernel has just returned this descriptor; nothing else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Takes over a descriptor that was passed by another process.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// The process's id in this process's pid namespace; `None` once it has ended, or where it is not seen.
    pub fn pid(&self) -> Option<Pid> {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", self.0.as_raw_fd())).ok()?;
        let pid = info.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()?;
        (pid > 0).then(|| Pid::from_raw(pid))
    }

    /// Whether the process has ended. One cheap system call.
    pub fn has_ended(&self) -> bool {
        let mut fds = [nix::poll::PollFd::new(self.0.as_fd(), nix::poll::PollFlags::POLLIN)];
        !matches!(nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO), Ok(0))
    }

    /// Sends a signal; `ESRCH` once the process is gone.
    pub fn signal(&self, signal: i32) -> Result<(), Errno> {
        Errno::result(calls::pidfd_send_signal(self.0.as_raw_fd(), signal)).map(drop)
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A copy of another thread's descriptor (5.6). Before 6.9 it is one of its process's first thread, which may have
/// another table.
pub(crate) fn copy_descriptor(tid: i32, process: i32, fd: RawFd) -> Result<OwnedFd, Errno> {
    let of_thread = || {
        let pidfd = Errno::result(calls::pidfd_open_thread(tid))?;
        // SAFETY:
        // - the kernel has just returned this descriptor; nothing else owns it.
        Ok(PidFd(unsafe { OwnedFd::from_raw_fd(pidfd) }))
    };
    let of_process = || PidFd::open(Pid::from_raw(process));
    let pidfd = if tid == process {
        of_process()?
    } else {
        of_thread().or_else(|errno| if errno == Errno::EINVAL { of_process() } else { Err(errno) })?
    };
    let copy = Errno::result(calls::pidfd_getfd(pidfd.0.as_raw_fd(), fd))?;
    // SAFETY:
    // - the kernel has just returned this descriptor; nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Gives the calling thread a root, working directory and umask of its own, so that a umask set for one
/// caller is not seen by another thread.
pub fn own_umask() -> Result<(), Errno> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_FS)
}

/// The capabilities in this process's effective set, one a bit.
pub fn capabilities() -> Result<u64, Errno> {
    let mut data = [calls::CapData::default(); 2];
    Errno::result(calls::capget(&mut data))?;
    Ok(u64::from(data[0].effective) | u64::from(data[1].effective) << 32)
}

/// Whether this process has any capability: then it may do more than its user.
pub fn has_capabilities() -> Result<bool, Errno> {
    let mut data = [calls::CapData::default(); 2];
    Errno::result(calls::capget(&mut data))?;
    Ok(data.iter().any(|half| half.effective != 0 || half.permitted != 0))
}

/// Gives up every capability but, where this process has it, that to read what it could not: what is left is at
/// most what root reads.
pub fn keep_reading_only() -> Result<(), Errno> {
    const CAP_DAC_READ_SEARCH: u32 = 1 << 2;
    let mut data = [calls::CapData::default(); 2];
    Errno::result(calls::capget(&mut data))?;
    let kept = data[0].effective & CAP_DAC_READ_SEARCH;
    let low = calls::CapData { effective: kept, permitted: kept, inheritable: 0 };
    Errno::result(calls::capset(&[low, calls::CapData::default()])).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_not_forked() {
        // The test runner itself has several.
        assert!(matches!(fork(|| 0), Err(ForkError::Threads(n)) if n > 1));
    }

    #[test]
    fn a_pidfd_of_a_dead_process_is_refused() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pidfd = PidFd::open(Pid::from_raw(child.id() as i32)).unwrap();
        assert_eq!(pidfd.pid(), Some(Pid::from_raw(child.id() as i32)));
        child.wait().unwrap();
        assert_eq!(pidfd.signal(0), Err(Errno::ESRCH));
        assert_eq!(pidfd.pid(), None);
    }
}
