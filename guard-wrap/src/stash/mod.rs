//! The stashes of all sessions: which there are, what is in them, and letting go of the oldest.
//!
//! | room | what it does |
//! |---|---|
//! | [`shelf`] | finding a stash, reading it, and holding it while it is changed |
//! | [`list`] | `es-guard stash list` |
//! | [`prune`] | `es-guard stash prune`, and the same at the end of every session |
//!
//! What is kept is put there by a helper, and put back by `es-guard sessions restore`.

mod list;
mod prune;
mod shelf;

pub(crate) use list::in_words;
pub(crate) use prune::tidy;
pub(crate) use shelf::{Held, Notes, Stash, names};

use crate::cli::StashCommand;
use crate::state::StateError;
use nix::errno::Errno;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a stash can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StashError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("read the stashes in {path}: {source}. Look at its permissions")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(
        "find something to put back: no session keeps anything. A session does so from its start: es-guard wrap --on-delete stash -- CMD"
    )]
    None,
    #[error(
        "find the session \"{0}\": none of that name keeps anything. List them with: es-guard stash list"
    )]
    Unknown(String),
    #[error("find the session \"{prefix}\": several begin so: {}. Type more of the name", matches.join(", "))]
    Ambiguous { prefix: String, matches: Vec<String> },
    #[error("read the stash {path}: {source}. Look at its permissions")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("change the stash {path}: es-guard is at it already. Wait until that has ended")]
    Busy { path: PathBuf },
    #[error(
        "change the stash {path}: {source}. Inside a guarded session nobody may: run it outside the session"
    )]
    Sealed { path: PathBuf, source: std::io::Error },
    #[error("change the stash {path}: {source}. Free some space and run it again")]
    Refused { path: PathBuf, source: std::io::Error },
}

impl StashError {
    fn changing(path: PathBuf, source: std::io::Error) -> Self {
        match source.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EPERM | Errno::EACCES) => Self::Sealed { path, source },
            _ => Self::Refused { path, source },
        }
    }
}

/// Runs `es-guard stash`.
pub(crate) fn run(command: &StashCommand) -> ExitCode {
    let done = match command {
        StashCommand::List(args) => list::run(args),
        StashCommand::Prune(args) => prune::run(args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            crate::render::problem(&error);
            ExitCode::FAILURE
        }
    }
}
