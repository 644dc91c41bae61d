//! Receiving trapped calls and answering them.

use crate::linux::arch::{self, Call};
use endpoint_sec_sys::linux::seccomp as sys;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The descriptor that a filter's trapped calls arrive at.
///
/// When the last copy of it is closed, trapped calls fail with `ENOSYS`: closed by default.
#[derive(Debug)]
pub struct Listener(OwnedFd);

/// A trapped call that waits for its answer.
#[derive(Clone, Copy, Debug)]
#[must_use = "a trapped call waits until it is answered"]
pub struct Trapped {
    /// The kernel's cookie for this call.
    pub id: u64,
    /// Thread id of the caller, in this process's pid namespace; 0 when it is not visible there.
    pub tid: i32,
    /// Which call; `None` for a number that the filter does not trap (the answer is a refusal).
    pub call: Option<Call>,
    /// Argument registers.
    pub args: [u64; 6],
}

/// What a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The call returns this value; nothing is executed in the kernel.
    Value(i64),
    /// The call fails with this error; nothing is executed in the kernel.
    Fail(Errno),
    /// The kernel executes the call as if it had not been trapped, reading its arguments again.
    Continue,
}

impl Listener {
    /// Takes over a listener's descriptor and asks for synchronous wake-ups where the kernel has them (6.6):
    /// without, each answer costs a wake-up on another core.
    pub fn new(fd: OwnedFd) -> Self {
        // SAFETY:
        // - the request takes its argument by value; an older kernel answers EINVAL and nothing changes.
        unsafe { libc::ioctl(fd.as_raw_fd(), sys::IOCTL_NOTIF_SET_FLAGS as _, sys::FD_SYNC_WAKE_UP) };
        Self(fd)
    }

    /// Waits for the next trapped call. `Err(ENOENT)`: the caller is gone already, or no process is left
    /// under the filter; `Err(EINTR)`: a signal came in.
    pub fn receive(&self) -> Result<Trapped, Errno> {
        let mut notif = sys::SeccompNotif::default();
        // SAFETY:
        // - `notif` is zeroed, writable and of the size encoded in the request.
        Errno::result(unsafe { libc::ioctl(self.0.as_raw_fd(), sys::IOCTL_NOTIF_RECV as _, &mut notif) })?;
        Ok(Trapped {
            id: notif.id,
            tid: notif.pid as i32,
            call: arch::call(notif.data.arch, notif.data.nr),
            args: notif.data.args,
        })
    }

    /// Waits for `patience` at most, and tells whether no process is left under the filter (5.8).
    pub fn is_deserted(&self, patience: PollTimeout) -> bool {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::empty())];
        // A poll that is interrupted has seen nothing.
        let _ = poll(&mut fds, patience);
        fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP))
    }

    /// Whether the call still waits. After something was read through the caller's pid, a `true` here means
    /// that it was read from this caller and not from a later process of the same pid.
    pub fn still_valid(&self, id: u64) -> bool {
        // SAFETY:
        // - the request reads eight bytes from a live u64.
        unsafe { libc::ioctl(self.0.as_raw_fd(), sys::IOCTL_NOTIF_ID_VALID as _, &id) == 0 }
    }

    /// Answers a call. `Err(ENOENT)`: the caller is gone, which harms nobody.
    pub fn answer(&self, id: u64, answer: Answer) -> Result<(), Errno> {
        let mut response = sys::SeccompNotifResp { id, ..Default::default() };
        match answer {
            Answer::Value(value) => response.val = value,
            Answer::Fail(errno) => response.error = -(errno as i32),
            Answer::Continue => response.flags = sys::USER_NOTIF_FLAG_CONTINUE,
        }
        // SAFETY:
        // - `response` is live, writable and of the size encoded in the request.
        Errno::result(unsafe { libc::ioctl(self.0.as_raw_fd(), sys::IOCTL_NOTIF_SEND as _, &mut response) })
            .map(drop)
    }

    /// Installs `fd` in the caller, lets go of it here, and returns its number there, for the answer.
    ///
    /// The kernel can install and answer in one step, but then the caller may run, close its descriptor and
    /// execute, lock or lease the file while this process still has it open. Between the two the caller can
    /// only be killed: the filter waits killably once a call is received.
    pub fn hand_over(&self, id: u64, fd: OwnedFd, cloexec: bool) -> Result<i32, Errno> {
        let addfd = sys::SeccompNotifAddfd {
            id,
            flags: 0,
            srcfd: fd.as_raw_fd() as u32,
            newfd: 0,
            newfd_flags: if cloexec { libc::O_CLOEXEC as u32 } else { 0 },
        };
        // SAFETY:
        // - `addfd` is live and of the size encoded in the request; `fd` is owned for the whole call.
        Errno::result(unsafe { libc::ioctl(self.0.as_raw_fd(), sys::IOCTL_NOTIF_ADDFD as _, &addfd) })
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
