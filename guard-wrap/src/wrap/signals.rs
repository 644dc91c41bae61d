//! Signals that arrive at `wrap` and belong to the agent.
//!
//! A key press reaches the agent by itself: the terminal sends it to the whole process group. What somebody
//! sends to `wrap` alone is passed on. They are told apart by the kernel's word on where a signal came from.

#[cfg_attr(target_os = "linux", path = "signals/linux.rs")]
#[cfg_attr(target_os = "macos", path = "signals/macos.rs")]
mod source;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use source::Source;
use std::os::fd::{AsFd, BorrowedFd};

/// Signals, held back and read one by one.
#[derive(Debug)]
pub(super) struct Signals {
    source: Source,
    before: SigSet,
}

/// Signals can't be held back.
#[derive(Debug, thiserror::Error)]
#[error("hold back signals for the agent: {0}")]
pub(super) struct SignalsError(Errno);

/// One signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// Somebody sent it to this process: the agent gets it.
    PassOn(i32),
    /// This process was continued, by that one.
    Continued(u32),
    /// The agent has it already, or has no use for it.
    Drop,
}

/// What of these the agent is to get when this process comes back from a stop. That it was continued the agent
/// knows already, or will be told of by the helper: unless a stop has been passed on before, perhaps to an agent that
/// had been continued together with this process by then. Taken one by one, each is passed on before the next is read.
pub(super) fn after_stop(arrived: impl Iterator<Item = Arrived>) -> impl Iterator<Item = Arrived> {
    const STOPS: [i32; 3] = [Signal::SIGTSTP as i32, Signal::SIGTTIN as i32, Signal::SIGTTOU as i32];
    let mut stops = false;
    arrived.filter(move |arrived| match arrived {
        Arrived::PassOn(signal) => {
            stops |= STOPS.contains(signal);
            true
        }
        Arrived::Continued(_) => stops,
        Arrived::Drop => false,
    })
}

impl Signals {
    /// Holds back every signal that can be. A fault in this very process is not held up by that: the kernel
    /// ends the process.
    pub(super) fn hold() -> Result<Self, SignalsError> {
        let (source, before) = Source::hold().map_err(SignalsError)?;
        Ok(Self { source, before })
    }

    /// The mask that this process was started with: the agent's.
    pub(super) fn before(&self) -> SigSet {
        self.before
    }

    /// The next signal, if one waits.
    pub(super) fn next(&self) -> Option<Arrived> {
        self.source.next()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOP: Arrived = Arrived::PassOn(Signal::SIGTSTP as i32);
    const OTHER: Arrived = Arrived::PassOn(Signal::SIGUSR1 as i32);
    const CONTINUED: Arrived = Arrived::Continued(1);

    #[test]
    fn after_a_stop_the_agent_is_not_continued_twice() {
        let arrived = [OTHER, CONTINUED, Arrived::Drop, STOP];
        assert_eq!(after_stop(arrived.into_iter()).collect::<Vec<_>>(), [OTHER, STOP]);
    }

    #[test]
    fn a_stop_that_is_passed_on_late_does_not_outlast_what_continued_the_agent() {
        assert_eq!(after_stop([STOP, CONTINUED].into_iter()).collect::<Vec<_>>(), [STOP, CONTINUED]);
    }
}
