//! The commands that not every system has, on macOS. What an engine can only refuse, and never does itself, it can't
//! keep: there is no stash to look at, and nothing to put back.

pub(crate) use crate::doctor::macos::checks;
pub(crate) use crate::helper_cmd::run as helper;

use crate::cli::{RestoreArgs, StashCommand};
use crate::render;
use crate::state::StateFolder;
use helper_daemon::embedded::macos::{HELPER, child};
use std::ffi::OsString;
use std::process::ExitCode;

/// Why a command does nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}: on macOS nothing is kept. What would be lost is refused instead; what was: es-guard sessions show"
)]
struct NothingKept(&'static str);

pub(crate) fn restore(_: &RestoreArgs) -> ExitCode {
    refused("put back what a session keeps")
}

pub(crate) fn stash(_: &StashCommand) -> ExitCode {
    refused("look at what sessions keep")
}

/// Whether this process is one of es-guard's own, and what became of it: on macOS they are this program once more.
pub(crate) fn own_process() -> Option<ExitCode> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let status = match words.as_slice() {
        [word, number] if word == HELPER => helper_daemon::embedded::macos::run(number),
        [word, arguments @ ..] if word == child::CHILD => child::run(arguments),
        _ => return None,
    };
    Some(ExitCode::from(u8::try_from(status).unwrap_or(1)))
}

/// Tidies up after a session.
pub(crate) fn tidy(state: &StateFolder) {
    crate::sessions::tidy_doors(state);
}

fn refused(what: &'static str) -> ExitCode {
    render::problem(&NothingKept(what));
    ExitCode::FAILURE
}
