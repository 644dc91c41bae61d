//! A guard in the system's helper, reached over its socket.
//!
//! When that helper is gone, what is asked of it here does nothing: guarded operations fail, by the kernel's
//! own doing, and the agent's end is still told.

use super::{Child, Guard, Records, failed};
use crate::ledger::Counts;
use crate::place::LOOK;
use crate::policy::Policy;
use crate::policy::judge::Reason;
use crate::protocol::{Channel, ChannelError, Event, Failure, Register, Request};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the helper may take to begin with a session. It has to start a process and to look at the zones.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same where it may have to load programs into the kernel first, which checks each of their paths.
const PATIENCE_TO_LOAD: Duration = Duration::from_secs(120);

/// A guard behind a socket.
pub struct Remote {
    channel: Mutex<Channel>,
    patience: Duration,
    registration: Mutex<Option<(Register, Records)>>,
}

impl Remote {
    /// A guard for the session that asks to be registered, by the helper that `channel` is connected to.
    pub fn new(channel: Channel, register: Register, records: Records) -> Self {
        let patience = if register.engine.is_some() { PATIENCE_TO_LOAD } else { PATIENCE };
        let (channel, registration) = (Mutex::new(channel), Mutex::new(Some((register, records))));
        Self { channel, patience, registration }
    }

    fn channel(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, request: &Request) {
        // A helper that is gone has closed its listener: there is nobody left to tell.
        let _ = self.channel().send(request, &[]);
    }
}

fn answered(event: Result<Event, ChannelError>) -> Result<Event, Failure> {
    match event {
        Ok(Event::Failed(failure)) => Err(failure),
        Ok(Event::Refused(refusal)) => {
            Err(failed(format!("the system's helper refused: {}", refusal.detail)))
        }
        Ok(event) => Ok(event),
        Err(ChannelError::TooSlow(time)) => Err(failed(silent(time))),
        Err(error) => Err(failed(format!("the system's helper: {error}"))),
    }
}

/// What is said of a system's helper that has not answered within this time.
pub fn silent(time: Duration) -> String {
    format!(
        "the system's helper has not answered within {} seconds: it is stopped, or has too much to do. Look at: {LOOK}. Or do without it: --helper none",
        time.as_secs_f32()
    )
}

impl Guard for Remote {
    fn arm(&self, child: Child) -> Result<String, Failure> {
        let taken = self.registration.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((mut register, records)) = taken else { return Err(failed("the session is armed already")) };
        let mut fds = records.fds().to_vec();
        match &child {
            Child::Filtered { listener, held } => fds.extend([listener.as_fd(), held.as_fd()]),
            Child::Waiting { held } => fds.push(held.as_fd()),
            Child::Suspended(token) => register.child = Some(token.raw().val),
        }
        let mut channel = self.channel();
        channel.allow(Some(self.patience));
        match answered(channel.ask(&Request::Register(Box::new(register)), &fds))? {
            Event::Armed { engine, .. } => {
                channel.allow(None);
                Ok(engine)
            }
            _ => Err(failed("the system's helper spoke out of turn")),
        }
    }

    fn end_proof(&self) -> Result<Option<Reason>, Failure> {
        let mut channel = self.channel();
        match answered(channel.ask(&Request::Proof, &[]))? {
            Event::Proven { reason } => Ok(reason),
            _ => Err(failed("the system's helper spoke out of turn")),
        }
    }

    fn begin(&self, _: i32) -> Result<(), Failure> {
        match answered(self.channel().ask(&Request::Go, &[]))? {
            Event::Begun => Ok(()),
            _ => Err(failed("the system's helper spoke out of turn")),
        }
    }

    fn replace_policy(&self, policy: Policy, detail: String) {
        self.tell(&Request::Policy { policy, detail });
    }

    fn policy_refused(&self, detail: String) {
        self.tell(&Request::PolicyRefused { detail });
    }

    fn settle(&self) -> Counts {
        let mut channel = self.channel();
        match answered(channel.ask(&Request::Settle, &[])) {
            Ok(Event::Settled { counts }) => counts,
            // Nobody is left to tell. `wrap`, which holds the same conversation, sees that, too.
            _ => Counts::default(),
        }
    }

    fn close(&self, status: Option<i32>) {
        self.tell(&Request::Close { status });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{FailureKind, PROTOCOL_VERSION, encode};
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    /// Why a helper that has said this, and then is silent or (`closes`) gone, guards nothing.
    fn refused(said: &[u8], closes: bool) -> String {
        let (here, mut there) = UnixStream::pair().unwrap();
        there.write_all(said).unwrap();
        let there = (!closes).then_some(there);
        let register = serde_json::from_value(serde_json::json!({
            "protocol": PROTOCOL_VERSION,
            "session": {"id": "20260102-030405-abcd", "argv": ["x"], "cwd": "/", "version": "0"},
            "policy": {"zones": [], "overrides": [], "exempt_names": []},
            "canary": "/nowhere/kept",
            "control": "/nowhere/free",
        }));
        let file = || tempfile::tempfile().unwrap();
        let records = Records { ledger: file(), denials: file(), index: file(), data: file().into() };
        let mut remote = Remote::new(Channel::new(here), register.unwrap(), records);
        remote.patience = Duration::from_millis(20);
        let child = Child::Filtered { listener: file().into(), held: file().into() };
        let why = remote.arm(child).unwrap_err().detail;
        drop(there);
        why
    }

    #[test]
    fn a_helper_that_says_nothing_is_named_with_what_to_look_at() {
        let why = refused(b"", false);
        assert!(why.contains("has not answered within 0.02 seconds"), "{why}");
        assert!(why.contains(LOOK) && why.contains("--helper none"), "{why}");
    }

    #[test]
    fn a_helper_that_turns_away_is_heard_though_it_has_closed() {
        let failure = Failure { kind: FailureKind::Guard, detail: "no room".into() };
        let said = encode(&Event::Failed(failure)).unwrap();
        assert_eq!(refused(&said, true), "no room");
        assert!(refused(b"", true).contains("has closed the connection"));
    }
}
