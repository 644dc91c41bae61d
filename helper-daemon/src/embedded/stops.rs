//! The agent's stops. `wrap` stops when the agent does and goes on when it does, and the other way round; both
//! can be continued by anybody at any time.
//!
//! Stops are numbered, and `wrap` answers each by its number: an agent that is continued and stopped again at
//! once must not be woken by the late answer to its first stop.

use endpoint_sec::linux::process::PidFd;
use nix::sys::signal::Signal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const CONTINUE: i32 = Signal::SIGCONT as i32;

/// What is known about the stops so far.
#[derive(Debug)]
pub(super) struct Stops {
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
    pub(super) fn new(agent: PidFd, wrap: Option<PidFd>) -> Self {
        Self { agent, wrap, last: Mutex::default() }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The agent has stopped: `wrap` is to be told, with the number of this stop.
    pub(super) fn agent_stopped(&self) -> u64 {
        let mut last = self.last();
        last.stopped = true;
        last.number += 1;
        last.number
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

    fn is_stopped(&self) -> bool {
        let stat = self.agent.pid().and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok());
        let state = stat.as_deref().and_then(|stat| stat.rsplit_once(") ")).map(|(_, rest)| rest);
        state.is_some_and(|state| state.starts_with('T'))
    }

    fn is_answered(&self) -> bool {
        let last = self.last();
        last.answered == last.number
    }

    /// `wrap` runs again after this stop: so does the agent, if it has not been continued since.
    pub(super) fn wrap_answers(&self, stop: u64) {
        let mut last = self.last();
        last.answered = stop;
        // One that was continued together with wrap, and not seen to be yet, must not hear of it twice.
        if stop == last.number && std::mem::take(&mut last.stopped) && self.is_stopped() {
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

    fn state(pid: u32) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    }

    #[test]
    fn a_late_answer_to_an_earlier_stop_does_not_wake_the_agent() {
        let mut agent = Command::new("sleep").arg("60").spawn().unwrap();
        let pidfd = PidFd::open(Pid::from_raw(agent.id() as i32)).unwrap();
        let stops = Stops::new(pidfd, None);
        let stop = |stops: &Stops| {
            stops.agent.signal(Signal::SIGSTOP as i32).unwrap();
            while state(agent.id()) != 'T' {
                std::thread::yield_now();
            }
            stops.agent_stopped()
        };
        let first = stop(&stops);
        // Continued and stopped again before anybody has looked.
        let second = stop(&stops);
        stops.wrap_answers(first);
        assert_eq!(state(agent.id()), 'T');
        assert!(!stops.is_answered());
        stops.wrap_answers(second);
        while state(agent.id()) == 'T' {
            std::thread::yield_now();
        }
        assert!(stops.is_answered());
        agent.kill().unwrap();
        agent.wait().unwrap();
    }
}
