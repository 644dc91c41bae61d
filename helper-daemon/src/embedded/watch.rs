//! The helper while the agent runs: what `wrap` asks is passed to the guard, what becomes of the agent is told.

use super::stops::Stops;
use super::{Door, Judge};
use crate::guard::Guard;
use crate::ledger::Counts;
use crate::protocol::{Channel, Event, ExitStatus, Failure, Request};
use endpoint_sec::unix::wait::{Change, Waiting};
use nix::errno::Errno;
use nix::unistd::Pid;
use std::sync::Arc;
use std::time::Duration;

/// For so long whoever counts what is left may know less than this process does of the agent's end, between two counts.
const COUNTS_ANEW: Duration = Duration::from_millis(10);

/// A session whose agent runs.
pub(super) struct Session {
    pub(super) agent: Pid,
    pub(super) stops: Arc<Stops>,
    pub(super) guard: Arc<dyn Guard>,
    pub(super) rest: Box<dyn Rest>,
}

/// What the agent leaves behind.
pub(super) trait Rest {
    /// How many live processes of the tree there are beside the agent.
    fn count(&self) -> usize;

    /// Waits until there is none, once this process has no child any more, or for so long. Tells whether there is none.
    fn ends_within(&self, patience: Duration) -> bool;
}

/// Runs a helper: it begins as `begin` says, guards the session to its end, and shuts its door. Returns its exit status,
/// which nobody reads.
pub(super) fn live(
    mut channel: Channel,
    mut judge: Judge,
    begin: impl FnOnce(&mut Channel, Judge, Option<&Arc<Door>>) -> Result<Session, Failure>,
) -> i32 {
    let door = judge.take_door().map(Arc::new);
    let status = match begin(&mut channel, judge, door.as_ref()) {
        Ok(session) => session.guard(channel),
        Err(failure) => {
            let _ = channel.send(&Event::Failed(failure), &[]);
            1
        }
    };
    if let Some(door) = door {
        door.remove();
    }
    status
}

impl Session {
    /// Stays until no process of the tree is left. Returns this process's exit status.
    pub(super) fn guard(self, mut channel: Channel) -> i32 {
        let mut requests = match channel.another() {
            Ok(channel) => channel,
            Err(_) => return 1,
        };
        let (guard, stops) = (self.guard.clone(), self.stops.clone());
        let listens = std::thread::Builder::new().name("requests".into()).spawn(move || {
            // When wrap is gone the last policy stays in force.
            while let Ok((request, _)) = requests.receive::<Request>() {
                match request {
                    Request::Policy { policy, detail } => guard.replace_policy(policy, detail),
                    Request::PolicyRefused { detail } => guard.policy_refused(detail),
                    Request::Awake { stop } => stops.wrap_answers(stop),
                    _ => {}
                }
            }
        });
        let status = self.wait_for_tree(&mut channel);
        drop(listens);
        status
    }

    /// Waits for every process of the tree, tells of the agent's stops and its end, and closes the books.
    fn wait_for_tree(&self, channel: &mut Channel) -> i32 {
        let mut ended: Option<ExitStatus> = None;
        let code = |status: ExitStatus| match status {
            ExitStatus::Code(code) => code,
            ExitStatus::Signal(signal) => 128 + signal,
        };
        let mut told = false;
        let tell = |channel: &mut Channel, status, counts: Counts, left| {
            let _ = channel.send(&Event::Exited { status, counts, left }, &[]);
        };
        loop {
            // Once the agent has ended, whatever else has is reaped before its end is told.
            let waiting = if ended.is_some() && !told { Waiting::Not } else { Waiting::ForOne };
            match self.stops.next_change(waiting) {
                Ok(Some((pid, change))) if pid == self.agent => match change {
                    Change::Stopped(signal) => {
                        let stop = self.stops.number();
                        let _ = channel.send(&Event::Stopped { signal, stop }, &[]);
                    }
                    // Somebody continued the agent alone: wrap, which stopped with it, goes on too.
                    Change::Continued => self.stops.agent_goes_on(),
                    Change::Exited(code) => {
                        ended = Some(ExitStatus::Code(code));
                        self.stops.agent_goes_on();
                    }
                    Change::Killed(signal) => {
                        ended = Some(ExitStatus::Signal(signal));
                        self.stops.agent_goes_on();
                    }
                },
                Ok(None) => {
                    if let Some(status) = ended {
                        let left = self.rest.count();
                        tell(channel, status, self.guard.settle(), left);
                        told = true;
                    }
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => {
                    // Of what is left, and is no child of this process, wrap is told before its end.
                    let patience = |told| if told { Duration::MAX } else { COUNTS_ANEW };
                    while !self.rest.ends_within(patience(told || ended.is_none())) {
                        if let (Some(status), false, left @ 1..) = (ended, told, self.rest.count()) {
                            tell(channel, status, self.guard.settle(), left);
                            told = true;
                        }
                    }
                    let counts = self.guard.settle();
                    self.guard.close(ended.map(code));
                    if let (Some(status), false) = (ended, told) {
                        tell(channel, status, counts, 0);
                    }
                    return 0;
                }
            }
        }
    }
}
