//! A session whose agent runs: this process stands in for it until it ends, and sums up.

use super::jobs;
use super::signals::{Arrived, Signals, after_stop};
use super::unfinished::Unfinished;
use crate::mirror::Mirror;
use crate::plan::{Fingerprint, Plan, difference};
use crate::render::{self, fit::Screen, report, summary};
use endpoint_sec::unix::held::Held;
use helper_daemon::ledger::Counts;
use helper_daemon::policy::Policy;
use helper_daemon::protocol::{Channel, Event, ExitStatus, FailureKind, Request};
use helper_daemon::session::SessionId;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Instant;

/// How often the policy file is looked at, in milliseconds: a change takes effect within one second. A look is
/// one `stat(2)`; it sees a file that is replaced, that appears, and one on a network, which watches do not.
pub(super) const LOOK_EVERY: u16 = 250;

/// A session whose agent runs.
pub(super) struct Session {
    /// To the helper beside the agent.
    pub(super) channel: Channel,
    /// Another hold on the conversation with the system's helper, where that judges.
    pub(super) system: Option<Channel>,
    pub(super) signals: Signals,
    pub(super) agent: Pid,
    pub(super) helper: Pid,
    pub(super) pidfd: Held,
    pub(super) id: SessionId,
    /// The engine's name, and where it is, as it is shown.
    pub(super) engine: String,
    /// The engine's name.
    pub(super) judged_by: String,
    pub(super) home: PathBuf,
    pub(super) ledger: PathBuf,
    pub(super) plan: Plan,
    pub(super) fingerprint: Fingerprint,
    pub(super) policy: Policy,
    /// Whether the policy file was broken when it was read last.
    pub(super) refused: bool,
    pub(super) unfinished: Unfinished,
    /// Whether the agent was ended, as nobody judged it.
    pub(super) deserted: bool,
    pub(super) quiet: bool,
    pub(super) json: bool,
    pub(super) notes: Vec<String>,
    /// `None`: grants are not shown in the policy file.
    pub(super) mirror: Option<Mirror>,
}

/// How the agent ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// `None` where nobody is left to tell: the ledger is what is known.
    pub(super) counts: Option<Counts>,
    /// Processes of the tree that live on; `None` where it is not known.
    pub(super) left: Option<usize>,
}

impl Session {
    /// Stands in for the agent until it ends.
    pub(super) fn run(mut self) -> ExitStatus {
        let ended = loop {
            let readable = match self.wait() {
                Ok(readable) => readable,
                Err(_) => break self.without_helper(),
            };
            while let Some(arrived) = self.signals.next() {
                self.pass(arrived);
            }
            self.look_at_policy();
            self.look_at_the_judge();
            if readable {
                match self.channel.receive::<Event>() {
                    Ok((Event::Exited { status, counts, left }, _)) => {
                        let counts = self.note_whether_judged().then_some(counts);
                        break Ended { status, counts, left: Some(left) };
                    }
                    Ok((Event::Stopped { signal, stop }, _)) => {
                        jobs::stop_with(self.agent, signal);
                        // What continued this process is answered by the helper, by now or when it is told.
                        self.pass_after_stop();
                        // A helper that is gone is noticed by the next look at its socket.
                        let _ = self.channel.send(&Request::Awake { stop }, &[]);
                    }
                    Ok((Event::Failed(failure), _)) => {
                        render::note(&format!("failed to start the agent: {}", failure.detail));
                        let code = if failure.kind == FailureKind::NotFound { 127 } else { 126 };
                        return ExitStatus::Code(code);
                    }
                    Ok(_) => {}
                    Err(_) => break self.without_helper(),
                }
            }
        };
        self.sum_up(&ended);
        ended.status
    }

    /// Waits until something happens; tells whether the helper has spoken.
    fn wait(&self) -> Result<bool, Errno> {
        let mut fds = [
            PollFd::new(self.channel.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::from(LOOK_EVERY)) {
            Ok(_) => Ok(fds[0].any() == Some(true)),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    pub(super) fn pass(&self, arrived: Arrived) {
        match arrived {
            // An agent that is gone needs no signal.
            Arrived::PassOn(signal) => drop(self.pidfd.signal(signal)),
            // The helper continues this process when the agent goes on: the agent knows.
            Arrived::Continued(from) if from == self.helper.as_raw() as u32 => {}
            Arrived::Continued(_) => drop(self.pidfd.signal(Signal::SIGCONT as i32)),
            Arrived::Drop => {}
        }
    }

    /// What has arrived until this process came back from a stop.
    pub(super) fn pass_after_stop(&self) {
        after_stop(std::iter::from_fn(|| self.signals.next())).for_each(|arrived| self.pass(arrived));
    }

    /// A changed policy file is compiled and sent; a broken one is recorded, and the last good policy stays.
    pub(super) fn look_at_policy(&mut self) {
        self.read_policy();
        if let Some(mirror) = &mut self.mirror {
            mirror.look();
        }
    }

    fn read_policy(&mut self) {
        let now = self.plan.fingerprint();
        if now == self.fingerprint {
            return;
        }
        let request = match self.plan.compile() {
            Ok(compiled) => {
                self.fingerprint = now;
                if let Some(mirror) = &mut self.mirror {
                    mirror.read_back(&compiled.granted);
                }
                // Only what is shown of grants may be different.
                if compiled.policy == self.policy && !std::mem::take(&mut self.refused) {
                    return;
                }
                let detail = difference(&self.policy, &compiled.policy);
                self.policy = compiled.policy.clone();
                self.notes.extend(compiled.warnings);
                Request::Policy { policy: compiled.policy, detail }
            }
            // What was read may be newer than what was seen to stay as it is.
            Err(_) if self.plan.fingerprint() != now || self.unfinished.may_be(now, Instant::now()) => return,
            Err(error) => {
                self.fingerprint = now;
                self.refused = true;
                // A terminal is the agent's until it ends; a file and a pipe are read as they come.
                if !self.json && !std::io::stderr().is_terminal() {
                    render::note(&format!("a change of policy is refused, the earlier one stays: {error}"));
                }
                Request::PolicyRefused { detail: error.to_string() }
            }
        };
        // A helper that is gone is noticed by the next look at its socket.
        let _ = self.channel.send(&request, &[]);
    }

    fn sum_up(&mut self, ended: &Ended) {
        if let Some(mirror) = &mut self.mirror {
            mirror.end();
        }
        let ended = report::Ended {
            session: self.id.as_str(),
            ledger: &self.ledger,
            engine: &self.engine,
            policy: &self.policy,
            status: code(ended.status),
            counts: ended.counts,
            left: ended.left,
        };
        let mut report = report::Report::of_wrap(&ended);
        report.notes.extend(self.notes.iter().cloned());
        let screen = Screen::for_a_summary(std::io::stderr());
        if self.json {
            render::tell(&format!("{}\n", render::json(&report)));
        } else if self.quiet {
            render::tell(&summary::loud(&report, screen.width));
        } else {
            render::tell(&summary::text(&report, screen, Some(&self.home)));
        }
    }
}

/// As a shell has it: 128 + n for a signal.
pub(super) fn code(status: ExitStatus) -> i32 {
    match status {
        ExitStatus::Code(code) => code,
        ExitStatus::Signal(signal) => 128 + signal,
    }
}
