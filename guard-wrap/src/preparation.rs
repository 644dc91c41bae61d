//! Everything that must be in place before a session is asked for: state folder, policy, ledger, canaries.
//!
//! What fails here fails before anything is started. It knows no helper.

use crate::cli::WrapArgs;
use crate::plan::{Asked, Compiled, Fingerprint, Plan, PlanError};
use crate::state::{Canaries, StateError, StateFolder, home};
use helper_daemon::session::SessionId;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

/// Why nothing can be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PreparationError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// What a session is started with.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) id: SessionId,
    pub(crate) home: PathBuf,
    pub(crate) cwd: PathBuf,
    pub(crate) state: StateFolder,
    /// To compile again when the policy file changes.
    pub(crate) plan: Plan,
    pub(crate) compiled: Compiled,
    /// Of the policy file, taken before it was read: an edit in between is seen as a change.
    pub(crate) fingerprint: Fingerprint,
    /// Open for appending.
    pub(crate) ledger: File,
    /// The shared file, open for reading and appending.
    pub(crate) denials: File,
    /// Made, and removed when this is dropped.
    pub(crate) canaries: Canaries,
}

/// Prepares a session. The policy is read before anything is made, so that a mistake leaves no traces.
pub(crate) fn prepare(args: &WrapArgs) -> Result<Prepared, PreparationError> {
    let home = home()?;
    let cwd = std::env::current_dir().map_err(PlanError::CurrentDirectory)?;
    let asked = |state, control| {
        let policy = args.policy.as_deref();
        Plan::new(&Asked { zones: &args.zones, policy, home: &home, cwd: &cwd, state, control })
    };
    asked(None, None)?.compile()?;
    let state = StateFolder::locate()?.prepare()?;
    let random = RandomState::new().hash_one(std::process::id()) as u16;
    let id = SessionId::new(jiff::Timestamp::now(), random);
    let canaries = state.canaries(&id);
    canaries.make()?;
    let plan = asked(Some(state.path()), Some(&canaries.free))?;
    let fingerprint = plan.fingerprint();
    let compiled = plan.compile()?;
    let denials = state.open_denials()?;
    let ledger = state.create_ledger(&id)?;
    Ok(Prepared { plan, compiled, fingerprint, ledger, denials, canaries, id, state, home, cwd })
}
