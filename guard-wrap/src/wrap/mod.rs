//! `es-guard wrap`: run an agent guarded, and say afterwards what was blocked.
//!
//! | room | what it does |
//! |---|---|
//! | [`program`] | the command to execute, and whether there is such a one |
//! | [`nested`] | inside another session: that one guards more from then on |
//! | [`start`] | from what was prepared to a running agent |
//! | [`session`] | standing in for the agent until it ends |
//! | [`unfinished`] | a policy file that is just being written |
//! | [`bereft`] | the same when a helper has died |
//! | [`signals`] | signals that arrive here and belong to the agent |
//! | [`jobs`] | stopping when the agent stops, going on when it goes on |
//!
//! The helper, not this process, is the agent's parent. This process stands in for the agent towards the
//! shell: same process group, same stops, same end.

mod bereft;
pub(crate) mod itself;
mod jobs;
mod nested;
mod program;
mod session;
mod signals;
mod start;
mod unfinished;

use crate::agents;
use crate::cli::{NOTHING_RAN, WrapArgs};
use crate::preparation::prepare;
use crate::render;
use crate::system;
use helper_daemon::protocol::ExitStatus;
pub(crate) use itself::called;
use program::Program;
use session::Session;
use signals::Signals;
use std::process::ExitCode;

/// Runs the agent. The exit status is the agent's own.
pub(crate) fn run(args: &WrapArgs) -> ExitCode {
    // From here on signals wait until somebody is there to pass them on.
    let signals = match Signals::hold() {
        Ok(signals) => signals,
        Err(error) => return failed(&error, NOTHING_RAN),
    };
    let guard = if args.no_integrate { None } else { agents::Guard::here(args.helper.as_deref()) };
    let program = match Program::find(&args.command, guard.as_ref()) {
        Ok(program) => program,
        Err(error) => return failed(&error, error.status()),
    };
    let judge = match system::judge_for_a_session(args.helper.as_deref()) {
        Ok(judge) => judge,
        Err(error) => return failed(&error, NOTHING_RAN),
    };
    match nested::outer(args.helper.as_deref(), &judge) {
        Ok(None) => {}
        Ok(Some(session)) => {
            let error = nested::run(args, session, program, &signals);
            return failed(&error, error.status());
        }
        Err(error) => return failed(&error, NOTHING_RAN),
    }
    let prepared = match prepare(args) {
        Ok(prepared) => prepared,
        Err(error) => return failed(&error, NOTHING_RAN),
    };
    let state = prepared.state.clone();
    let ended = Session::start(args, prepared, program, signals, judge).map(Session::run);
    if ended.is_ok() {
        crate::platform::tidy(&state);
    }
    match ended {
        Ok(ExitStatus::Code(code)) => ExitCode::from(code as u8),
        Ok(ExitStatus::Signal(signal)) => {
            endpoint_sec::unix::signals::die_of(signal);
            ExitCode::from(128u8.wrapping_add(signal as u8))
        }
        Err(error) => failed(&error, error.status()),
    }
}

fn failed(error: &dyn std::error::Error, status: u8) -> ExitCode {
    render::problem(error);
    ExitCode::from(status)
}
