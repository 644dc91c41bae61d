//! On macOS nothing about a signal says that a key press sent it: in the foreground of a terminal those that a key
//! sends are taken to come from there, and so to have reached the agent.

use super::Arrived;
use endpoint_sec::macos::arrivals::{Arrival, Arrivals};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{getpgrp, tcgetpgrp};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

/// Where they are taken from.
#[derive(Debug)]
pub(super) struct Source(Arrivals);

impl Source {
    /// Holds them back; what comes back, too, is the mask before.
    pub(super) fn hold() -> Result<(Self, SigSet), Errno> {
        Arrivals::hold().map(|(arrivals, before)| (Self(arrivals), before))
    }

    /// The next one, if one waits.
    pub(super) fn next(&self) -> Option<Arrived> {
        self.0.next().map(|arrival| told(arrival, is_in_the_foreground()))
    }
}

fn told(Arrival { signal, sender }: Arrival, in_the_foreground: bool) -> Arrived {
    use Signal::{
        SIGCHLD, SIGCONT, SIGHUP, SIGINFO, SIGINT, SIGPIPE, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH,
    };
    match signal {
        SIGCONT => Arrived::Continued(u32::try_from(sender).unwrap_or(0)),
        // Of this process's own children, and its own writing into a closed pipe.
        SIGCHLD | SIGPIPE => Arrived::Drop,
        SIGINT | SIGQUIT | SIGTSTP | SIGTTIN | SIGTTOU | SIGINFO | SIGWINCH | SIGHUP if in_the_foreground => {
            Arrived::Drop
        }
        signal => Arrived::PassOn(signal as i32),
    }
}

fn is_in_the_foreground() -> bool {
    File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(&terminal) == Ok(getpgrp()))
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_sends_the_agent_has_already_and_everything_else_is_passed_on() {
        let of = |signal, foreground| told(Arrival { signal, sender: 7 }, foreground);
        assert_eq!(of(Signal::SIGINT, true), Arrived::Drop);
        assert_eq!(of(Signal::SIGINT, false), Arrived::PassOn(Signal::SIGINT as i32));
        assert_eq!(of(Signal::SIGTERM, true), Arrived::PassOn(Signal::SIGTERM as i32));
        assert_eq!(of(Signal::SIGCONT, true), Arrived::Continued(7));
        assert_eq!(of(Signal::SIGCHLD, false), Arrived::Drop);
    }
}
