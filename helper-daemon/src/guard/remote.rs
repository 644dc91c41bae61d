//! A guard in the system's helper, reached over its socket.
//!
//! When that helper is gone, what is asked of it here does nothing: guarded operations fail, by the kernel's
//! own doing, and the agent's end is still told.

use super::{Guard, Records, failed};
use crate::ledger::Counts;
use crate::policy::Policy;
use crate::policy::judge::Reason;
use crate::protocol::{Channel, Event, Failure, Register, Request};
use endpoint_sec::linux::filter::Options;
use endpoint_sec::linux::process::PidFd;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A guard behind a socket.
pub struct Remote {
    channel: Mutex<Channel>,
    registration: Mutex<Option<(Register, Records)>>,
}

impl Remote {
    /// A guard for the session that asks to be registered, by the helper that `channel` is connected to.
    pub fn new(channel: Channel, register: Register, records: Records) -> Self {
        Self { channel: Mutex::new(channel), registration: Mutex::new(Some((register, records))) }
    }

    /// What the agent's filter must trap for the system's helper: it reads any process, and may do more than
    /// the agent's user. The tree must not get at it.
    pub fn filter_options() -> Options {
        Options { keep_readable: false, watch_credentials: true, defend: true }
    }

    fn channel(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, request: &Request) {
        // A helper that is gone has closed its listener: there is nobody left to tell.
        let _ = self.channel().send(request, &[]);
    }
}

fn answer(channel: &mut Channel) -> Result<Event, Failure> {
    match channel.receive::<Event>().map_err(|error| failed(format!("the system's helper: {error}")))? {
        (Event::Failed(failure), _) => Err(failure),
        (Event::Refused(refusal), _) => {
            Err(failed(format!("the system's helper refused: {}", refusal.detail)))
        }
        (event, _) => Ok(event),
    }
}

impl Guard for Remote {
    fn arm(&self, listener: OwnedFd, child: &PidFd) -> Result<String, Failure> {
        let taken = self.registration.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((register, records)) = taken else { return Err(failed("the session is armed already")) };
        let mut channel = self.channel();
        let fds = [&records.fds()[..], &[listener.as_fd(), child.as_fd()]].concat();
        channel.send(&Request::Register(Box::new(register)), &fds).map_err(failed)?;
        match answer(&mut channel)? {
            Event::Armed { engine, .. } => Ok(engine),
            _ => Err(failed("the system's helper spoke out of turn")),
        }
    }

    fn end_proof(&self) -> Result<Option<Reason>, Failure> {
        let mut channel = self.channel();
        channel.send(&Request::Proof, &[]).map_err(failed)?;
        match answer(&mut channel)? {
            Event::Proven { reason } => Ok(reason),
            _ => Err(failed("the system's helper spoke out of turn")),
        }
    }

    fn begin(&self, _: i32) -> Result<(), Failure> {
        self.channel().send(&Request::Go, &[]).map_err(failed)
    }

    fn replace_policy(&self, policy: Policy, detail: String) {
        self.tell(&Request::Policy { policy, detail });
    }

    fn policy_refused(&self, detail: String) {
        self.tell(&Request::PolicyRefused { detail });
    }

    fn settle(&self) -> Counts {
        let mut channel = self.channel();
        let asked = channel.send(&Request::Settle, &[]);
        match asked.map_err(failed).and_then(|()| answer(&mut channel)) {
            Ok(Event::Settled { counts }) => counts,
            // Nobody is left to tell. `wrap`, which holds the same conversation, sees that, too.
            _ => Counts::default(),
        }
    }

    fn close(&self, status: Option<i32>) {
        self.tell(&Request::Close { status });
    }
}
