//! The agent's stops. `wrap` stops when the agent does and goes on when it does, and the other way round; both
//! can be continued by anybody at any time.
//!
//! Stops are numbered, and `wrap` answers each by its number: an agent that is continued and stopped again at
//! once must not be woken by the late answer to its first stop. A change is known here from the moment it is
//! taken, and an answer is not acted upon while one waits to be: there is no moment in between.

use endpoint_sec::unix::held::{Held, is_stopped};
use endpoint_sec::unix::wait::{self, Change, Waiting};
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
    agent: Held,
    /// `None` when it has gone already.
    wrap: Option<Held>,
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
    pub(super) fn new(child: Pid, agent: Held, wrap: Option<Held>) -> Self {
        Self { child, agent, wrap, last: Mutex::default() }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next change of any child of this process. Whether the agent is stopped is noted in the same breath.
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
        if let Some((pid, change)) = found
            && pid == self.child
        {
            last.stopped = matches!(change, Change::Stopped(_));
            last.number += u64::from(last.stopped);
        }
        Ok(found)
    }

    /// The number of the last stop.
    pub(super) fn number(&self) -> u64 {
        self.last().number
    }

    /// The agent goes on or has ended, and with it `wrap`. That may have been told of the stop and not have stopped yet, and
    /// a stop takes away the SIGCONT that came before: it is sent until the stop has been answered. An agent that has
    /// been stopped anew by now, as by a second key press, has stopped `wrap` with it: that stays so.
    pub(super) fn agent_goes_on(&self) {
        let Some(wrap) = &self.wrap else { return };
        while !wrap.has_ended() && !self.is_answered() && wait::has_change(self.child) != Ok(true) {
            if wrap.pid().is_some_and(is_stopped) {
                // One that is gone is seen by the next look.
                let _ = wrap.signal(CONTINUE);
            }
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
    use nix::sys::signal::SigSet;
    use std::process::Command;

    /// A process that sleeps, killed with the value.
    struct Sleeper(Pid);

    impl Sleeper {
        fn start() -> Self {
            Self(Pid::from_raw(Command::new("sleep").arg("60").spawn().unwrap().id() as i32))
        }

        fn signal(&self, signal: Signal, stopped: bool) {
            nix::sys::signal::kill(self.0, signal).unwrap();
            while is_stopped(self.0) != stopped {
                std::thread::yield_now();
            }
        }

        /// Whether this signal has been sent to it and not taken away since.
        fn awaits(&self, signal: Signal) -> bool {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap();
            let waiting = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
            u64::from_str_radix(waiting.trim(), 16).unwrap() & (1 << (signal as u64 - 1)) != 0
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = nix::sys::signal::kill(self.0, Signal::SIGKILL);
            let _ = nix::sys::wait::waitpid(self.0, None);
        }
    }

    /// An agent that sleeps.
    struct Agent(Stops, Sleeper);

    impl Agent {
        fn start() -> Self {
            Self::of(None)
        }

        /// With this process for `wrap`.
        fn of(wrap: Option<&Sleeper>) -> Self {
            let child = Sleeper::start();
            let wrap = wrap.map(|wrap| Held::open(wrap.0).unwrap());
            Self(Stops::new(child.0, Held::open(child.0).unwrap(), wrap), child)
        }

        fn stops(&self) {
            self.1.signal(Signal::SIGSTOP, true);
        }

        fn goes_on(&self) {
            self.1.signal(Signal::SIGCONT, false);
        }

        /// Of this child alone: tests run beside each other.
        fn change_is_taken(&self) {
            self.0.take_change(Some(self.0.child)).unwrap();
        }

        fn is_stopped(&self) -> bool {
            is_stopped(self.0.child)
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

    #[test]
    fn nor_does_one_that_comes_while_a_stop_is_on_its_way() {
        // Held back, it is on its way for as long as is needed.
        let held = SigSet::from(Signal::SIGTSTP);
        held.thread_block().unwrap();
        let agent = Agent::start();
        agent.stops();
        agent.change_is_taken();
        agent.goes_on();
        agent.change_is_taken();
        nix::sys::signal::kill(agent.1.0, Signal::SIGTSTP).unwrap();
        // Its going on is known, and not yet acted upon.
        agent.0.wrap_answers(agent.0.number());
        assert!(agent.1.awaits(Signal::SIGTSTP));
    }

    #[test]
    fn an_agent_that_is_stopped_anew_does_not_wake_wrap() {
        let wrap = Sleeper::start();
        let agent = Agent::of(Some(&wrap));
        wrap.signal(Signal::SIGSTOP, true);
        agent.stops();
        agent.change_is_taken();
        agent.goes_on();
        agent.change_is_taken();
        // Both by one key press, before wrap has answered the first stop.
        agent.stops();
        agent.0.agent_goes_on();
        assert!(is_stopped(wrap.0));
        agent.change_is_taken();
        assert_eq!(agent.0.number(), 2);
    }

    #[test]
    fn an_agent_that_goes_on_wakes_wrap_until_that_answers() {
        let wrap = Sleeper::start();
        let agent = Agent::of(Some(&wrap));
        wrap.signal(Signal::SIGSTOP, true);
        agent.stops();
        agent.change_is_taken();
        agent.goes_on();
        agent.change_is_taken();
        std::thread::scope(|scope| {
            scope.spawn(|| agent.0.agent_goes_on());
            for _ in 0..3 {
                while is_stopped(wrap.0) {
                    std::thread::yield_now();
                }
                // Told late, it stops after it was woken.
                nix::sys::signal::kill(wrap.0, Signal::SIGSTOP).unwrap();
            }
            agent.0.wrap_answers(1);
        });
    }
}
