//! Everything that must be in place before a session is asked for: state folder, policy, ledger, canaries.
//!
//! What fails here fails before anything is started. It knows no helper.

use crate::cli::WrapArgs;
use crate::plan::{Asked, Compiled, Fingerprint, Plan, PlanError};
use crate::state::{Canaries, OpenStash, StateError, StateFolder, home};
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
    /// The session's stash.
    pub(crate) stash: OpenStash,
    /// Made, and removed when this is dropped.
    pub(crate) canaries: Canaries,
}

/// Prepares a session. The policy is read before anything is made, so that a mistake leaves no traces.
pub(crate) fn prepare(args: &WrapArgs) -> Result<Prepared, PreparationError> {
    let home = home()?;
    let cwd = std::env::current_dir().map_err(PlanError::CurrentDirectory)?;
    let asked = |state, state_named, control| {
        let policy = args.policy.as_deref();
        Plan::new(&Asked {
            zones: &args.zones,
            on_delete: args.on_delete.into(),
            policy,
            home: &home,
            cwd: &cwd,
            state,
            state_named,
            control,
        })
    };
    let first = asked(None, None, None)?;
    first.compile()?.with_a_zone(&first)?;
    let named = StateFolder::locate()?;
    let state = named.prepare()?;
    let (id, ledger) = new_session(&state, fresh_name)?;
    let canaries = state.canaries(&id);
    let plan = asked(Some(state.path()), Some(named.path()), Some(&canaries.free))?;
    let ready = || -> Result<_, PreparationError> {
        canaries.make()?;
        let fingerprint = plan.fingerprint();
        Ok((fingerprint, plan.compile()?, state.open_denials()?, state.create_stash(&id)?))
    };
    let (fingerprint, compiled, denials, stash) = ready().inspect_err(|_| state.discard(&id))?;
    Ok(Prepared { plan, compiled, fingerprint, ledger, denials, stash, canaries, id, state, home, cwd })
}

/// How often a name that is taken is tried again. Many sessions may start in one second.
const NAMES_TRIED: u32 = 100;

/// Takes a name that no other session has, by making its ledger.
fn new_session(state: &StateFolder, name: impl Fn() -> SessionId) -> Result<(SessionId, File), StateError> {
    let mut tried = 0;
    loop {
        let id = name();
        tried += 1;
        match state.create_ledger(&id) {
            Ok(ledger) => return Ok((id, ledger)),
            Err(error) if error.is_taken() && tried < NAMES_TRIED => {}
            Err(error) => return Err(error),
        }
    }
}

fn fresh_name() -> SessionId {
    let random = RandomState::new().hash_one(std::process::id()) as u16;
    SessionId::new(jiff::Timestamp::now(), random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn two_sessions_of_one_second_never_share_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateFolder::at(dir.path().into()).prepare().unwrap();
        let now = jiff::Timestamp::now();
        let tried = Cell::new(0);
        let name = || SessionId::new(now, tried.replace(tried.get() + 1) / 3);
        let names: Vec<_> = (0..5).map(|_| new_session(&state, name).unwrap().0).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        let same = SessionId::new(now, 0);
        assert!(new_session(&state, || same.clone()).unwrap_err().is_taken());
    }
}
