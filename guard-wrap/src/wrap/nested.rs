//! `es-guard wrap` inside a session of the system's helper. Inside one with a helper of its own it is refused.
//!
//! The kernel allows a process one listener, so what is inside a session can't be given a guard of its own. The
//! outer session guards more instead, from then on and until it ends: it gets the inner one's policy beside its own,
//! and what either denies is denied. This process then becomes the command, which the outer session guards
//! already. What is blocked is in the outer session's ledger.

use super::program::Program;
use super::signals::Signals;
use crate::cli::{NOTHING_RAN, WrapArgs};
use crate::plan::{Asked, Compiled, Plan, PlanError};
use crate::render::{self, banner};
use crate::state::{StateError, home};
use crate::system::{self, SystemError};
use endpoint_sec::linux::ancestry::filters;
use endpoint_sec::linux::process::{PidFd, restore_startup_signals};
use helper_daemon::client::ClientError;
use helper_daemon::client::live::{Address, Live};
use helper_daemon::embedded::Judge;
use helper_daemon::engine::probe;
use helper_daemon::protocol::{Event, Request};
use helper_daemon::session::SessionId;
use nix::errno::Errno;
use nix::unistd::{execvpe, getpid};
use std::path::Path;

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub(super) enum NestedError {
    #[error(transparent)]
    System(#[from] SystemError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("start inside a guarded tree: {0}. Start the agent from outside it")]
    Outside(&'static str),
    #[error("start: {0}. Start the agent from outside it")]
    Listened(String),
    #[error("have session {session} guard more: {source}. Start the agent from outside it")]
    Refused { session: SessionId, source: ClientError },
    #[error("start `{command}`: {}", errno.desc())]
    NotExecuted { command: String, errno: Errno },
}

impl NestedError {
    pub(super) fn status(&self) -> u8 {
        match self {
            NestedError::NotExecuted { errno: Errno::ENOENT, .. } => 127,
            NestedError::NotExecuted { .. } => 126,
            _ => NOTHING_RAN,
        }
    }
}

/// The session of the system's helper that this process is inside.
pub(super) fn outer(helper: Option<&Path>, judge: &Judge) -> Result<Option<Live>, NestedError> {
    // Whoever is inside has a filter: for everybody else there is nothing to ask.
    let carries_none = || {
        let held = PidFd::open(getpid()).ok();
        held.and_then(|held| filters(getpid(), &held).ok()) == Some(0)
    };
    if carries_none() {
        return Ok(None);
    }
    if let Judge::System(_) = judge {
        match system::ask(helper, &Request::Where)? {
            Some(Event::Where { session: Some(session) }) => {
                let address = Address::System(helper.map(Path::to_owned));
                return Ok(Some(Live { session, address }));
            }
            Some(Event::Where { session: None }) => {}
            Some(Event::Refused(_)) => {
                return Err(NestedError::Outside(
                    "what guarded it is gone, and everything that was guarded is closed",
                ));
            }
            _ => return Err(system::out_of_turn(helper).into()),
        }
    }
    // Somebody's filter need not have a listener; one that has leaves no room for es-guard's. Found out before
    // anything is prepared: inside a session even the ledger of another can't be made.
    probe::listened_to().map_or(Ok(None), |reason| Err(NestedError::Listened(reason)))
}

/// Has the outer session guard what this one is asked to, and becomes the command. Returns only if that failed.
pub(super) fn run(args: &WrapArgs, outer: Live, program: Program, signals: &Signals) -> NestedError {
    match narrowed(args, &outer) {
        Ok(compiled) => {
            greet(args, &outer.session, &compiled);
            execute(&outer, program, signals)
        }
        Err(error) => error,
    }
}

fn narrowed(args: &WrapArgs, outer: &Live) -> Result<Compiled, NestedError> {
    let (home, cwd) = (home()?, std::env::current_dir().map_err(PlanError::CurrentDirectory)?);
    let (zones, policy) = (&args.zones, args.policy.as_deref());
    let asked = Asked { zones, on_delete: args.on_delete.into(), policy, ..Asked::nothing(&home, &cwd) };
    let compiled = Plan::new(&asked)?.compile()?;
    let refused = |source| NestedError::Refused { session: outer.session.clone(), source };
    outer.narrow(&compiled.policy).map_err(refused)?;
    Ok(compiled)
}

fn greet(args: &WrapArgs, session: &SessionId, compiled: &Compiled) {
    compiled.warnings.iter().for_each(|warning| render::note(warning));
    if !args.quiet && !args.json {
        let zones = compiled.policy.visible_zones().map(|zone| zone.path.as_path());
        let home = home().ok();
        render::tell(&format!("{}\n", banner::nested(zones, session.as_str(), home.as_deref())));
    }
}

fn execute(outer: &Live, program: Program, signals: &Signals) -> NestedError {
    let door = match &outer.address {
        Address::Door(path) => Some(path.as_path()),
        Address::System(path) => path.as_deref(),
    };
    let command = program.command(&outer.session, door, signals.before());
    // What can't be given back is what a shell would have started it with, too.
    let _ = restore_startup_signals();
    let _ = command.signals.thread_set_mask();
    let Err(errno) = execvpe(&command.argv[0], &command.argv, &command.env);
    NestedError::NotExecuted { command: command.argv[0].to_string_lossy().into_owned(), errno }
}
