//! From what was prepared to a running agent: a helper is started, the session registered, and the agent let go
//! once it has proven to be guarded.

#[cfg_attr(target_os = "linux", path = "start/linux.rs")]
#[cfg_attr(target_os = "macos", path = "start/macos.rs")]
mod own;

use super::itself;
use super::program::Program;
use super::session::Session;
use super::signals::Signals;
use super::unfinished::Unfinished;
use crate::cli::{EngineChoice, WrapArgs};
use crate::mirror::Mirror;
use crate::preparation::Prepared;
use crate::render::{self, banner};
use crate::state::StateFolder;
use endpoint_sec::unix::held::Held;
use endpoint_sec::unix::signals::default_signal;
use helper_daemon::client::live::{Address, Live};
use helper_daemon::embedded::{self, Door, Judge};
use helper_daemon::protocol::{
    Channel, ChannelError, Event, FailureKind, PROTOCOL_VERSION, Register, Request,
};
use helper_daemon::session::{SessionId, SessionInfo};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::os::fd::AsFd;

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
    #[error(
        "start: this session would be guarded by {found}, and --engine asks for {asked}. Nothing was run; do without --engine, or without the system's helper: --helper none"
    )]
    OtherEngine { found: String, asked: EngineChoice },
    #[error("start: {0}. Nothing was run")]
    NotPrepared(#[from] own::NotPrepared),
    #[error("start `{command}`: {detail}")]
    NotExecutable { command: String, detail: String },
    #[error("start `{command}`: {detail}")]
    NotFound { command: String, detail: String },
}

/// What the helper answers to a registration.
struct Armed {
    agent: Pid,
    engine: String,
    pidfd: Held,
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
        let Prepared { id, home, cwd, state, plan, compiled, fingerprint, ledger, denials, stash, canaries } =
            prepared;
        let wanted =
            own::prepare_for(args.engine, &judge, &compiled.policy).inspect_err(|_| state.discard(&id))?;
        let (system, judge) = match judge {
            Judge::System(channel) => (Some(channel.another()?), Judge::System(channel)),
            Judge::Here(_) => (None, Judge::Here(door(&state, &id))),
        };
        let at = matches!(judge, Judge::Here(Some(_))).then(|| state.door(&id));
        // Where the system's helper listens by itself, everybody knows.
        let asked_at = if system.is_some() { args.helper.clone() } else { at.clone() };
        let words = program.words();
        let name = words.first().cloned().unwrap_or_default();
        own::adopt_whom_the_helper_leaves()?;
        let (mut channel, helper) =
            embedded::start(program.command(&id, asked_at.as_deref(), signals.before()), judge)?;
        own::hide()?;
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
            explain: (!args.no_explain).then(itself::called),
            child: None,
            engine: wanted,
        };
        channel.send(
            &Request::Register(Box::new(register)),
            &[ledger.as_fd(), denials.as_fd(), stash.index.as_fd(), stash.data.as_fd()],
        )?;
        drop((ledger, denials, stash));
        let armed = armed(&mut channel, &name).and_then(|armed| armed.by(args.engine));
        if armed.is_err() {
            state.discard(&id);
        }
        let Armed { agent, engine, pidfd } = armed?;
        let judged_by = engine;
        let engine = if system.is_some() { format!("{judged_by}, system helper") } else { judged_by.clone() };
        drop(canaries);
        let address = match &at {
            Some(door) => Some(Address::Door(door.clone())),
            None => system.is_some().then(|| Address::System(args.helper.clone())),
        };
        let live = address.map(|address| Live { session: id.clone(), address });
        let mirror = live.and_then(|live| Mirror::new(live, state.clone(), &home, plan.watched()));
        let mut session = Self {
            channel,
            system,
            signals,
            agent,
            helper,
            pidfd,
            engine,
            judged_by,
            ledger: state.ledger(&id),
            id,
            home,
            fingerprint,
            plan,
            policy: compiled.policy,
            refused: false,
            unfinished: Unfinished::default(),
            deserted: false,
            mirror,
            quiet: args.quiet,
            json: args.json,
            notes: Vec::new(),
        };
        session.greet(&compiled.warnings);
        session.channel.send(&Request::Go, &[])?;
        Ok(session)
    }

    fn greet(&self, warnings: &[String]) {
        for warning in warnings {
            render::note(warning);
        }
        if !self.quiet && !self.json {
            own::limits(&self.judged_by).iter().for_each(|limit| render::note(limit));
            let line =
                banner::line(self.policy.visible_zones(), &self.engine, self.id.as_str(), Some(&self.home));
            render::tell(&format!("{line}\n"));
        }
    }
}

/// The door of a session with a helper of its own. Without one the session is guarded all the same.
fn door(state: &StateFolder, id: &SessionId) -> Option<Door> {
    match state.make_door(id) {
        Ok(door) => Some(door),
        Err(error) => {
            render::note(&format!("nobody can ask for anything in this session: failed to {error}"));
            None
        }
    }
}

impl Armed {
    /// The same, if this engine is what was asked for.
    fn by(self, asked: EngineChoice) -> Result<Self, SessionError> {
        if asked.takes(&self.engine) {
            Ok(self)
        } else {
            Err(SessionError::OtherEngine { found: self.engine, asked })
        }
    }
}

fn armed(channel: &mut Channel, command: &str) -> Result<Armed, SessionError> {
    let (event, fds) = channel.receive::<Event>()?;
    let command = command.to_owned();
    match event {
        Event::Armed { pid, engine } => {
            let agent = Pid::from_raw(pid);
            Ok(Armed { agent, engine, pidfd: own::held(agent, fds)? })
        }
        Event::Failed(failure) => Err(match failure.kind {
            FailureKind::NotFound => SessionError::NotFound { command, detail: failure.detail },
            FailureKind::NotExecutable => SessionError::NotExecutable { command, detail: failure.detail },
            FailureKind::Guard | FailureKind::Engine => SessionError::Refused(failure.detail),
        }),
        _ => Err(ChannelError::Closed.into()),
    }
}

impl SessionError {
    /// The exit status of `wrap`.
    pub(super) fn status(&self) -> u8 {
        match self {
            SessionError::NotExecutable { .. } => 126,
            SessionError::NotFound { .. } => 127,
            _ => crate::cli::NOTHING_RAN,
        }
    }
}
