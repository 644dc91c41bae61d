//! `es-guard wrap` inside a session of the system's helper. Inside one with a helper of its own it is refused.
//!
//! What is inside a session can't be given a guard of its own: Linux allows a process one listener, and on macOS the two
//! would be told of the same processes. The outer session guards more instead, from then on and until it ends: it gets
//! the inner one's policy beside its own, and what either denies is denied. This process then becomes the command, which
//! the outer session guards already. What is blocked is in the outer session's ledger.

#[cfg_attr(target_os = "linux", path = "nested/linux.rs")]
#[cfg_attr(target_os = "macos", path = "nested/macos.rs")]
mod own;

pub(super) use own::outer;

use super::program::Program;
use super::signals::Signals;
use crate::cli::{NOTHING_RAN, WrapArgs};
use crate::plan::{Asked, Compiled, Plan, PlanError};
use crate::render::{self, banner};
use crate::state::{StateError, home};
use crate::system::SystemError;
use endpoint_sec::unix::signals::restore_startup_signals;
use helper_daemon::client::ClientError;
use helper_daemon::client::live::{Address, Live};
use helper_daemon::session::SessionId;
use nix::errno::Errno;

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub(super) enum NestedError {
    #[error(transparent)]
    System(#[from] SystemError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("start{0}. Start the agent from outside it")]
    NotHere(String),
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
    let plan = Plan::new(&asked)?;
    let compiled = plan.compile()?.with_a_zone(&plan)?;
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

/// Becomes the command. Returns only if that failed.
fn execute(outer: &Live, program: Program, signals: &Signals) -> NestedError {
    let door = match &outer.address {
        Address::Door(path) => Some(path.as_path()),
        Address::System(path) => path.as_deref(),
    };
    let command = program.command(&outer.session, door, signals.before());
    // What can't be given back is what a shell would have started it with, too.
    let _ = restore_startup_signals();
    own::give_back_dispositions();
    let _ = command.signals.thread_set_mask();
    let errno = own::execute(&command);
    NestedError::NotExecuted { command: command.argv[0].to_string_lossy().into_owned(), errno }
}
