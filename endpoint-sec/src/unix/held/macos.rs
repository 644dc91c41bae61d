//! On macOS a queue of events that one process is watched by tells whether that has ended.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use nix::unistd::Pid;
use std::os::fd::{AsFd, BorrowedFd};

/// A process, not a number: once it has ended, nothing is done to whoever has its number next.
#[derive(Debug)]
pub struct Held {
    /// Readable once it has ended. Nothing is ever taken from it.
    ends: Kqueue,
    pid: Pid,
}

impl Held {
    /// Takes hold of a live process.
    #[doc(alias("kqueue", "EVFILT_PROC", "NOTE_EXIT"))]
    pub fn open(pid: Pid) -> Result<Self, Errno> {
        let ends = Kqueue::new()?;
        let number = usize::try_from(pid.as_raw()).map_err(|_| Errno::ESRCH)?;
        let its_end =
            KEvent::new(number, EventFilter::EVFILT_PROC, EvFlags::EV_ADD, FilterFlag::NOTE_EXIT, 0, 0);
        ends.kevent(&[its_end], &mut [], None)?;
        Ok(Self { ends, pid })
    }

    /// Its process id; `None` once it has ended.
    pub fn pid(&self) -> Option<Pid> {
        (!self.has_ended()).then_some(self.pid)
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        !matches!(poll(&mut fds, PollTimeout::ZERO), Ok(0))
    }

    /// Sends a signal; `ESRCH` once it has ended. That it ends between the look and the signal, is waited for, and its
    /// number is given out anew, all in this moment, is as good as impossible: numbers are given out in turn.
    pub fn signal(&self, signal: i32) -> Result<(), Errno> {
        if self.has_ended() {
            return Err(Errno::ESRCH);
        }
        // SAFETY:
        // - it takes two numbers.
        Errno::result(unsafe { libc::kill(self.pid.as_raw(), signal) }).map(drop)
    }
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ends.as_fd()
    }
}

/// Whether a process is stopped, as by Ctrl-Z. One that is gone is not.
#[doc(alias("proc_pidinfo", "PROC_PIDTBSDINFO"))]
pub fn is_stopped(pid: Pid) -> bool {
    let mut info = std::mem::MaybeUninit::<libc::proc_bsdinfo>::zeroed();
    let size = size_of::<libc::proc_bsdinfo>() as libc::c_int;
    // SAFETY:
    // - there is room for as many bytes, and all of them zero are such a structure.
    unsafe {
        let written =
            libc::proc_pidinfo(pid.as_raw(), libc::PROC_PIDTBSDINFO, 0, info.as_mut_ptr().cast(), size);
        written == size && info.assume_init().pbi_status == libc::SSTOP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_held_until_its_end_and_not_beyond() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let pid = Pid::from_raw(child.id() as i32);
        let held = Held::open(pid).unwrap();
        assert_eq!((held.has_ended(), held.pid()), (false, Some(pid)));
        held.signal(libc::SIGSTOP).unwrap();
        while !is_stopped(pid) {
            std::thread::yield_now();
        }
        held.signal(libc::SIGKILL).unwrap();
        child.wait().unwrap();
        assert_eq!((held.has_ended(), held.pid(), held.signal(0)), (true, None, Err(Errno::ESRCH)));
        assert!(Held::open(pid).is_err() && !is_stopped(pid));
    }
}
