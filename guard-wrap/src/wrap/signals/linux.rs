//! On Linux signals are read from a descriptor.

use super::Arrived;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::{AsFd, BorrowedFd};

/// Where they are read from.
#[derive(Debug)]
pub(super) struct Source(SignalFd);

impl Source {
    /// Holds them back; what comes back, too, is the mask before.
    pub(super) fn hold() -> Result<(Self, SigSet), Errno> {
        let held = SigSet::all();
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&held), Some(&mut before))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok((Self(SignalFd::with_flags(&held, flags)?), before))
    }

    /// The next one, if one waits.
    pub(super) fn next(&self) -> Option<Arrived> {
        let info = self.0.read_signal().ok().flatten()?;
        let signal = info.ssi_signo as i32;
        // SI_USER, SI_QUEUE and SI_TKILL are not positive; what the kernel or a terminal sends is.
        let sent = info.ssi_code <= 0;
        Some(match Signal::try_from(signal) {
            Ok(Signal::SIGCONT) => Arrived::Continued(info.ssi_pid),
            // This process's own writing into a closed pipe looks as if it had sent the signal itself.
            _ if sent && info.ssi_pid != std::process::id() => Arrived::PassOn(signal),
            _ => Arrived::Drop,
        })
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
