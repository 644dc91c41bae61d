//! The agent's stops. `wrap` stops when the agent does and goes on when it does, and the other way round; both
//! can be continued by anybody at any time.

use endpoint_sec::linux::process::PidFd;
use nix::sys::signal::Signal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const CONTINUE: i32 = Signal::SIGCONT as i32;

/// What is known about the last stop.
#[derive(Debug)]
pub(super) struct Stops {
    agent: PidFd,
    /// `None` when it has gone already.
    wrap: Option<PidFd>,
    /// Whether the agent is stopped.
    stopped: AtomicBool,
    /// Whether `wrap` has answered the last stop: has stopped and runs again, or had no need to stop.
    answered: AtomicBool,
}

impl Stops {
    pub(super) fn new(agent: PidFd, wrap: Option<PidFd>) -> Self {
        Self { agent, wrap, stopped: AtomicBool::new(false), answered: AtomicBool::new(true) }
    }

    /// The agent has stopped: `wrap` is to be told.
    pub(super) fn agent_stopped(&self) {
        self.answered.store(false, Ordering::SeqCst);
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// The agent goes on or has ended, and with it `wrap`. That may have been told of the stop and not have stopped yet, and
    /// a stop takes away the SIGCONT that came before: it is sent until the stop has been answered.
    pub(super) fn agent_goes_on(&self) {
        self.stopped.store(false, Ordering::SeqCst);
        let Some(wrap) = &self.wrap else { return };
        while wrap.signal(CONTINUE).is_ok() && !self.answered.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// `wrap` runs again: so does the agent, if it has not been continued since it stopped.
    pub(super) fn wrap_answers(&self) {
        if self.stopped.swap(false, Ordering::SeqCst) {
            // An agent that is gone needs no signal.
            let _ = self.agent.signal(CONTINUE);
        }
        self.answered.store(true, Ordering::SeqCst);
    }
}
