//! The agent's stops. `wrap` stops when the agent does and goes on when it does, and the other way round; both
//! can be continued by anybody at any time.
//!
//! Stops are numbered, and `wrap` answers each by its number: an agent that is continued and stopped again at
//! once must not be woken by the late answer to its first stop. A stop has its number from the moment its
//! change is taken, and an answer is not acted upon while a change waits to be.

use endpoint_sec::linux::process::PidFd;
use endpoint_sec::linux::wait::{self, Change, Waiting};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const CONTINUE: i32 = Signal::SIGCONT as i32;

/// What is known about the stops so far.
#[derive(Debug)]
pub(super) struct Stops {
    child: Pid,
    agent: PidFd,
    /// `None` when it has gone already.
    wrap: Option<PidFd>,
    last: Mutex<Last>,
}

/// The last stop.
#[derive(Debug, Default)]
struct Last {
    number: u64,
    /// Whether the agent is stopped.
    stopped: bool,
    /// Up to which `wrap` has answered: has stopped and runs again, or had no need to stop.
    answered: u64,
}

impl Stops {
    /// Of an agent that is a child of this process.
    pub(super) fn new(child: Pid, agent: PidFd, wrap: Option<PidFd>) -> Self {
        Self { child, agent, wrap, last: Mutex::default() }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next change of any child of this process. A stop of the agent is counted in the same breath.
    pub(super) fn next_change(&self, waiting: Waiting) -> Result<Option<(Pid, Change)>, Errno> {
        loop {
            let found = self.take_change(None)?;
            if found.is_some() || waiting == Waiting::Not {
                return Ok(found);
            }
            wait::await_change()?;
        }
    }

    fn take_change(&self, of: Option<Pid>) -> Result<Option<(Pid, Change)>, Errno> {
        let mut last = self.last();
        let found = wait::next_change(of, Waiting::Not)?;
        if let Some((pid, Change::Stopped(_))) = found
            && pid == self.child
        {
            last.stopped = true;
            last.number += 1;
        }
        Ok(found)
    }

    /// The number of the last stop.
    pub(super) fn number(&self) -> u64 {
        self.last().number
    }

    /// The agent goes on or has ended, and with it `wrap`. That may have been told of the stop and not have stopped yet, and
    /// a stop takes away the SIGCONT that came before: it is sent until the stop has been answered.
    pub(super) fn agent_goes_on(&self) {
        self.last().stopped = false;
        let Some(wrap) = &self.wrap else { return };
        while wrap.signal(CONTINUE).is_ok() && !self.is_answered() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn is_answered(&self) -> bool {
        let last = self.last();
        last.answered == last.number
    }

    /// `wrap` runs again after this stop: so does the agent, if it has not been continued since.
    pub(super) fn wrap_answers(&self, stop: u64) {
        let mut last = self.last();
        last.answered = stop;
        // One that was continued together with wrap, and not seen to be yet, must not hear of it twice: it may
        // have been stopped anew.
        let still = stop == last.number && std::mem::take(&mut last.stopped);
        if still && wait::has_change(self.child) == Ok(false) {
            // An agent that is gone needs no signal.
            let _ = self.agent.signal(CONTINUE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::Pid;
    use std::process::Command;

    fn state(pid: Pid) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    }

    /// An agent that sleeps.
    struct Agent(Stops);

    impl Agent {
        fn start() -> Self {
            let child = Pid::from_raw(Command::new("sleep").arg("60").spawn().unwrap().id() as i32);
            Self(Stops::new(child, PidFd::open(child).unwrap(), None))
        }

        fn signal(&self, signal: Signal, until: impl Fn(char) -> bool) {
            self.0.agent.signal(signal as i32).unwrap();
            while !until(state(self.0.child)) {
                std::thread::yield_now();
            }
        }

        fn stops(&self) {
            self.signal(Signal::SIGSTOP, |state| state == 'T');
        }

        fn goes_on(&self) {
            self.signal(Signal::SIGCONT, |state| state != 'T');
        }

        /// Of this child alone: tests run beside each other.
        fn change_is_taken(&self) {
            self.0.take_change(Some(self.0.child)).unwrap();
        }

        fn is_stopped(&self) -> bool {
            state(self.0.child) == 'T'
        }
    }

    impl Drop for Agent {
        fn drop(&mut self) {
            let _ = self.0.agent.signal(Signal::SIGKILL as i32);
            let _ = nix::sys::wait::waitpid(self.0.child, None);
        }
    }

    #[test]
    fn a_late_answer_to_an_earlier_stop_does_not_wake_the_agent() {
        let agent = Agent::start();
        agent.stops();
        agent.change_is_taken();
        let first = agent.0.number();
        agent.goes_on();
        agent.stops();
        agent.change_is_taken();
        agent.0.wrap_answers(first);
        assert!(agent.is_stopped() && !agent.0.is_answered());
        agent.0.wrap_answers(agent.0.number());
        while agent.is_stopped() {
            std::thread::yield_now();
        }
        assert!(agent.0.is_answered());
    }

    #[test]
    fn nor_does_one_that_comes_before_the_next_stop_is_seen() {
        let agent = Agent::start();
        agent.stops();
        agent.change_is_taken();
        agent.goes_on();
        agent.stops();
        agent.0.wrap_answers(agent.0.number());
        assert!(agent.is_stopped());
    }
}
