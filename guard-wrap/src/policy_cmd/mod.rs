//! `es-guard policy`: what would be guarded here, whether the policy file can be used, and beginning one.
//!
//! It starts nothing and, but for `init`, writes nothing.

mod check;
mod init;
mod show;

use crate::cli::PolicyCommand;
use crate::plan::{Asked, Plan, PlanError};
use crate::render::problem;
use crate::state::{StateError, StateFolder, home};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, thiserror::Error)]
enum PolicyError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("write the policy file {0}: it is there already. Edit it, or name another with --policy")]
    Exists(PathBuf),
    #[error("write the policy file {path}: {source}. Name another with --policy")]
    Unwritten { path: PathBuf, source: std::io::Error },
    #[error("write a policy file for {0}: its path is not UTF-8, which JSON can't hold. Use --zone instead")]
    NotUtf8(PathBuf),
}

/// Runs `es-guard policy`.
pub(crate) fn run(command: &PolicyCommand) -> ExitCode {
    let done = match command {
        PolicyCommand::Show(args) => show::run(args),
        PolicyCommand::Check(args) => return check::run(args),
        PolicyCommand::Init(args) => init::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            problem(&error);
            ExitCode::FAILURE
        }
    }
}

/// What a `wrap` in the current directory would be compiled from.
fn plan(policy: Option<&Path>) -> Result<(Plan, PathBuf), PolicyError> {
    let home = home()?;
    let cwd = std::env::current_dir().map_err(PlanError::CurrentDirectory)?;
    let state = StateFolder::locate()?.path().canonicalize().ok();
    let state = state.as_deref();
    Ok((Plan::new(&Asked { policy, state, ..Asked::nothing(&home, &cwd) })?, home))
}
