//! When somebody the session needs has died: the helper beside the agent, or the system's helper, which judges.
//!
//! Whoever judges is asked over a socket that is closed with it. On Linux the agent goes on, as this process's child,
//! and what is guarded fails when nobody is there to judge it; on macOS it would be let through, and the agent is ended.

#[cfg_attr(target_os = "linux", path = "bereft/linux.rs")]
#[cfg_attr(target_os = "macos", path = "bereft/macos.rs")]
mod own;

use super::jobs;
use super::session::{Ended, LOOK_EVERY, Session, code};
use endpoint_sec::unix::wait::{Change, Waiting, has_change, next_change};
use helper_daemon::ledger::Counts;
use helper_daemon::protocol::{Channel, Event, ExitStatus, Request};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::os::fd::AsFd;

/// The engine that needs nobody.
const IN_KERNEL: &str = "bpf-lsm";

impl Session {
    /// Whether whoever judges outside this family is still there; notes it when not.
    pub(super) fn note_whether_judged(&mut self) -> bool {
        let judged = self.system.as_ref().is_none_or(is_connected);
        if !judged && !self.deserted {
            let note = if self.judged_by == IN_KERNEL {
                "the system's helper died: the kernel guarded on, unrecorded"
            } else {
                "the system's helper died: from then on every guarded operation failed"
            };
            self.notes.push(note.into());
        }
        judged
    }

    /// Where what nobody judges would be let through, the agent ends with whoever judged it outside this family.
    pub(super) fn look_at_the_judge(&mut self) {
        if own::LETS_THROUGH
            && !self.deserted
            && self.system.as_ref().is_some_and(|system| !is_connected(system))
        {
            self.deserted = true;
            self.notes.push(own::nobody_judges(&self.pidfd).into());
        }
    }

    /// The helper beside the agent is gone: the agent is this process's child. Where the system's helper
    /// judges, it goes on to, and is told here what that helper told it before.
    pub(super) fn without_helper(&mut self) -> Ended {
        // A copy that can't be made leaves the policy as it is.
        if let Some(Ok(channel)) = self.system.as_ref().map(Channel::another) {
            self.channel = channel;
        }
        let deserted = self.system.is_none().then(|| own::nobody_judges(&self.pidfd));
        let status = self.stand_in();
        let mut counts = None;
        if let Some(note) = deserted {
            self.notes.push(note.into());
        } else if self.note_whether_judged() {
            self.notes.push("the helper beside the agent died; the system's helper guarded on".into());
            counts = self.last_words(status);
        }
        Ended { status, counts, left: None }
    }

    /// Until the agent ends.
    fn stand_in(&mut self) -> ExitStatus {
        loop {
            while let Some(arrived) = self.signals.next() {
                self.pass(arrived);
            }
            self.look_at_policy();
            self.look_at_the_judge();
            match next_change(Some(self.agent), Waiting::Not) {
                Ok(Some((_, Change::Exited(code)))) => return ExitStatus::Code(code),
                Ok(Some((_, Change::Killed(signal)))) => return ExitStatus::Signal(signal),
                Ok(Some((_, Change::Stopped(signal)))) => {
                    jobs::stop_with(self.agent, signal);
                    self.pass_after_stop();
                    // One that was continued together with this process must not hear of it twice: it may have
                    // been stopped anew.
                    if has_change(self.agent) == Ok(false) {
                        // An agent that is gone needs no signal.
                        let _ = self.pidfd.signal(Signal::SIGCONT as i32);
                    }
                    // Its next change may have been announced among the signals that are gone by now.
                    continue;
                }
                Ok(_) | Err(Errno::EINTR) => {}
                // Not this process's child: its end is seen, its status is not.
                Err(_) if self.pidfd.signal(0).is_ok() => {}
                Err(_) => return ExitStatus::Code(i32::from(crate::cli::NOTHING_RAN)),
            }
            let mut fds = [
                PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            // Whatever it is that it says, everything is looked at again.
            let _ = poll(&mut fds, PollTimeout::from(LOOK_EVERY));
        }
    }

    /// What the system's helper has counted; it learns how the agent ended.
    fn last_words(&mut self, status: ExitStatus) -> Option<Counts> {
        let system = self.system.as_mut()?;
        system.send(&Request::Settle, &[]).ok()?;
        let Ok((Event::Settled { counts }, _)) = system.receive::<Event>() else { return None };
        system.send(&Request::Close { status: Some(code(status)) }, &[]).ok()?;
        Some(counts)
    }
}

/// Whether somebody is at the other end.
fn is_connected(channel: &Channel) -> bool {
    let mut fds = [PollFd::new(channel.as_fd(), PollFlags::empty())];
    !matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..) if fds[0].revents().is_some_and(|seen| !seen.is_empty()))
}
