//! `es-guard wrap` inside a session, on macOS: it starts nothing.
//!
//! The outer session guards whatever this process starts, by its own zones. A second helper would be told of the same
//! processes, and neither of the other's rules.

use super::program::Program;
use super::signals::Signals;
use crate::cli::{NOTHING_RAN, WrapArgs};
use crate::state::{StateError, StateFolder};
use helper_daemon::client::inside;
use helper_daemon::client::live::Places;
use helper_daemon::embedded::Judge;
use helper_daemon::session::SessionId;
use std::convert::Infallible;
use std::path::Path;

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub(super) enum NestedError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(
        "start inside session {0}: what is started here is guarded by that one, and its zones can't be added to on macOS yet. Run the command without es-guard, or from outside that session"
    )]
    Inside(SessionId),
}

impl NestedError {
    pub(super) fn status(&self) -> u8 {
        NOTHING_RAN
    }
}

/// Whether this process is inside a session is an error; there is nothing else that could be joined.
pub(super) fn outer(helper: Option<&Path>, _: &Judge) -> Result<Option<Infallible>, NestedError> {
    let state = StateFolder::locate()?.path().to_owned();
    let places = Places { state, helper: helper.map(Path::to_owned) };
    inside(&places).map_or(Ok(None), |live| Err(NestedError::Inside(live.session)))
}

/// There is no session to run it in.
pub(super) fn run(_: &WrapArgs, session: Infallible, _: Program, _: &Signals) -> NestedError {
    match session {}
}
