//! The conversation with the helper, from registration to the agent's end.

use super::jobs;
use super::program::Program;
use super::signals::{Arrived, Signals};
use crate::cli::WrapArgs;
use crate::plan::{Fingerprint, Plan, difference};
use crate::preparation::Prepared;
use crate::render::{self, banner, fit::Screen, report, summary};
use endpoint_sec::linux::process::{PidFd, default_signal};
use endpoint_sec::linux::wait::{Change, Waiting, has_change, next_change};
use helper_daemon::embedded::{self, Judge};
use helper_daemon::ledger::Counts;
use helper_daemon::policy::Policy;
use helper_daemon::protocol::{
    Channel, ChannelError, Event, ExitStatus, FailureKind, PROTOCOL_VERSION, Register, Request,
};
use helper_daemon::session::{SessionId, SessionInfo};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

/// How often the policy file is looked at, in milliseconds: a change takes effect within one second. A look is
/// one `stat(2)`; it sees a file that is replaced, that appears, and one on a network, which watches do not.
const LOOK_EVERY: u16 = 250;

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error("start: {0}")]
    Helper(#[from] embedded::StartError),
    #[error("start: the helper is gone: {0}")]
    Channel(#[from] ChannelError),
    #[error("start: {0}")]
    Kernel(#[from] Errno),
    #[error("start: {0}. Nothing was run; `es-guard doctor` tells what this machine has")]
    Refused(String),
    #[error("start `{command}`: {detail}")]
    NotExecutable { command: String, detail: String },
    #[error("start `{command}`: {detail}")]
    NotFound { command: String, detail: String },
}

/// A session whose agent runs.
pub(super) struct Session {
    channel: Channel,
    signals: Signals,
    agent: Pid,
    helper: Pid,
    pidfd: PidFd,
    id: SessionId,
    engine: String,
    home: PathBuf,
    ledger: PathBuf,
    plan: Plan,
    fingerprint: Fingerprint,
    policy: Policy,
    quiet: bool,
    json: bool,
    notes: Vec<String>,
}

impl Session {
    /// Starts a helper, registers, and lets the agent begin once it has proven to be guarded.
    pub(super) fn start(
        args: &WrapArgs,
        prepared: Prepared,
        program: Program,
        signals: Signals,
        judge: Judge,
    ) -> Result<Self, SessionError> {
        let Prepared { id, home, cwd, state, plan, compiled, fingerprint, ledger, denials, canaries } =
            prepared;
        let systems = matches!(judge, Judge::System(_));
        let words = program.words();
        let name = words.first().cloned().unwrap_or_default();
        // Should the helper die, the agent becomes this process's child, and its end is still seen.
        nix::sys::prctl::set_child_subreaper(true)?;
        let (mut channel, helper) = embedded::start(program.command(&id, signals.before()), judge)?;
        // The agent gets it as this process was given it; to learn of its end, this process must not ignore it.
        default_signal(Signal::SIGCHLD)?;
        let register = Register {
            protocol: PROTOCOL_VERSION,
            session: SessionInfo {
                id: id.clone(),
                argv: words,
                cwd,
                version: env!("CARGO_PKG_VERSION").into(),
            },
            policy: compiled.policy.clone(),
            canary: canaries.kept.clone(),
            control: canaries.free.clone(),
        };
        channel.send(&Request::Register(Box::new(register)), &[ledger.as_fd(), denials.as_fd()])?;
        drop((ledger, denials));
        let armed = armed(&mut channel, &name);
        if armed.is_err() {
            state.discard_ledger(&id);
        }
        let (agent, engine, pidfd) = armed?;
        let engine = if systems { format!("{engine}, system helper") } else { engine };
        drop(canaries);
        let session = Self {
            channel,
            signals,
            agent,
            helper,
            pidfd,
            engine,
            ledger: state.ledger(&id),
            id,
            home,
            fingerprint,
            plan,
            policy: compiled.policy,
            quiet: args.quiet,
            json: args.json,
            notes: Vec::new(),
        };
        session.greet(&compiled.warnings);
        session.go()
    }

    fn greet(&self, warnings: &[String]) {
        for warning in warnings {
            render::note(warning);
        }
        if !self.quiet && !self.json {
            let zones = self.policy.visible_zones().map(|zone| zone.path.as_path());
            say(&format!("{}\n", banner::line(zones, &self.engine, self.id.as_str(), Some(&self.home))));
        }
    }

    fn go(mut self) -> Result<Self, SessionError> {
        self.channel.send(&Request::Go, &[])?;
        Ok(self)
    }

    /// Stands in for the agent until it ends.
    pub(super) fn run(mut self) -> ExitStatus {
        let (status, counts, left) = loop {
            let readable = match self.wait() {
                Ok(readable) => readable,
                Err(_) => break self.without_helper(),
            };
            while let Some(arrived) = self.signals.next() {
                self.pass(arrived);
            }
            self.look_at_policy();
            if readable {
                match self.channel.receive::<Event>() {
                    Ok((Event::Exited { status, counts, left }, _)) => break (status, counts, left),
                    Ok((Event::Stopped { signal, stop }, _)) => {
                        jobs::stop_with(self.agent, signal);
                        // What continued this process is answered by the helper, by now or when it is told.
                        self.pass_all_but_continued();
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
        self.sum_up(status, counts, left);
        status
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

    fn pass(&self, arrived: Arrived) {
        match arrived {
            // An agent that is gone needs no signal.
            Arrived::PassOn(signal) => drop(self.pidfd.signal(signal)),
            // The helper continues this process when the agent goes on: the agent knows.
            Arrived::Continued(from) if from == self.helper.as_raw() as u32 => {}
            Arrived::Continued(_) => drop(self.pidfd.signal(Signal::SIGCONT as i32)),
            Arrived::Drop => {}
        }
    }

    /// After a stop, whose end is the agent's already or will be told.
    fn pass_all_but_continued(&self) {
        while let Some(arrived) = self.signals.next() {
            if !matches!(arrived, Arrived::Continued(_)) {
                self.pass(arrived);
            }
        }
    }

    /// A changed policy file is compiled and sent; a broken one is recorded, and the last good policy stays.
    fn look_at_policy(&mut self) {
        let now = self.plan.fingerprint();
        if now == self.fingerprint {
            return;
        }
        self.fingerprint = now;
        let request = match self.plan.compile() {
            Ok(compiled) => {
                let detail = difference(&self.policy, &compiled.policy);
                self.policy = compiled.policy.clone();
                self.notes.extend(compiled.warnings);
                Request::Policy { policy: compiled.policy, detail }
            }
            Err(error) => Request::PolicyRefused { detail: error.to_string() },
        };
        // A helper that is gone is noticed by the next look at its socket.
        let _ = self.channel.send(&request, &[]);
    }

    /// The helper is gone: every guarded operation fails from now on. The agent is this process's child.
    fn without_helper(&mut self) -> (ExitStatus, Counts, usize) {
        self.notes.push(
            "the helper died during the session: from then on every guarded operation of the agent failed"
                .into(),
        );
        let status = loop {
            while let Some(arrived) = self.signals.next() {
                self.pass(arrived);
            }
            match next_change(Some(self.agent), Waiting::Not) {
                Ok(Some((_, Change::Exited(code)))) => break ExitStatus::Code(code),
                Ok(Some((_, Change::Killed(signal)))) => break ExitStatus::Signal(signal),
                Ok(Some((_, Change::Stopped(signal)))) => {
                    jobs::stop_with(self.agent, signal);
                    self.pass_all_but_continued();
                    // One that was continued together with this process must not hear of it twice: it may have
                    // been stopped anew.
                    if has_change(self.agent) == Ok(false) {
                        let _ = self.pidfd.signal(Signal::SIGCONT as i32);
                    }
                }
                Ok(_) | Err(Errno::EINTR) => {}
                // Not this process's child: its end is seen, its status is not.
                Err(_) if self.pidfd.signal(0).is_ok() => {}
                Err(_) => break ExitStatus::Code(i32::from(crate::cli::NOTHING_RAN)),
            }
            let mut fds = [
                PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            let _ = poll(&mut fds, PollTimeout::from(LOOK_EVERY));
        };
        (status, Counts::default(), 0)
    }

    fn sum_up(&self, status: ExitStatus, counts: Counts, left: usize) {
        let code = match status {
            ExitStatus::Code(code) => code,
            ExitStatus::Signal(signal) => 128 + signal,
        };
        let ended = report::Ended {
            session: self.id.as_str(),
            ledger: &self.ledger,
            engine: &self.engine,
            policy: &self.policy,
            status: code,
            counts,
            left,
        };
        let mut report = report::Report::of_wrap(&ended);
        report.notes.extend(self.notes.iter().cloned());
        let screen = Screen::of(std::io::stderr()).unwrap_or(Screen::USUAL);
        if self.json {
            say(&format!("{}\n", serde_json::to_string(&report).unwrap_or_default()));
        } else if self.quiet {
            say(&summary::loud(&report, screen.width));
        } else {
            say(&summary::text(&report, screen, Some(&self.home)));
        }
    }
}

/// The helper's answer to a registration.
fn armed(channel: &mut Channel, command: &str) -> Result<(Pid, String, PidFd), SessionError> {
    let (event, fds) = channel.receive::<Event>()?;
    let command = command.to_owned();
    match event {
        Event::Armed { pid, engine } => {
            let pidfd: OwnedFd = fds.into_iter().next().ok_or(ChannelError::Closed)?;
            Ok((Pid::from_raw(pid), engine, PidFd::from_fd(pidfd)))
        }
        Event::Failed(failure) => Err(match failure.kind {
            FailureKind::NotFound => SessionError::NotFound { command, detail: failure.detail },
            FailureKind::NotExecutable => SessionError::NotExecutable { command, detail: failure.detail },
            FailureKind::Guard | FailureKind::Engine => SessionError::Refused(failure.detail),
        }),
        _ => Err(ChannelError::Closed.into()),
    }
}

/// Says something on stderr; one that is closed is no reason to fail.
fn say(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}
