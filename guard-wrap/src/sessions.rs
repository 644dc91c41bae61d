//! `es-guard sessions`: what was blocked, now and earlier.
//!
//! Data goes to stdout, notes and problems to stderr. It reads ledgers and changes nothing.

mod doors;
mod follow;
mod list;
mod own;
#[cfg(target_os = "linux")]
pub(crate) mod restore;
mod shelf;
mod show;
mod story;
mod tail;

pub(crate) use doors::tidy_doors;
pub(crate) use tail::Tail;

use crate::cli::SessionsCommand;
use crate::platform;
use crate::state::{StateError, StateFolder};
use helper_daemon::denial::printable;
use helper_daemon::ledger::{Contents, read};
use helper_daemon::session::SessionId;
use std::io::{BufReader, ErrorKind};
use std::path::PathBuf;
use std::process::ExitCode;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionsError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("read the sessions in {path}: {source}. Look at its permissions")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("show a session: there are none yet. Begin one with: es-guard wrap -- CMD")]
    None,
    #[error("show the session \"{0}\": there is no such session. List them with: es-guard sessions list")]
    Unknown(String),
    #[error("show the session \"{prefix}\": several begin so: {}. Type more of the name", matches.join(", "))]
    Ambiguous { prefix: String, matches: Vec<String> },
    #[error("read the ledger {path}: {source}. Look at its permissions, or show another session")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(
        "read the ledger {0}: it is empty: the session did not begin, or the disk was full. Others: es-guard sessions list"
    )]
    Empty(PathBuf),
    #[error("read the ledger {path}: it is no ledger of es-guard ({note}). Others: es-guard sessions list")]
    Foreign { path: PathBuf, note: String },
}

/// Runs `es-guard sessions`.
pub(crate) fn run(command: &SessionsCommand) -> ExitCode {
    let done = match command {
        SessionsCommand::List(args) => list::run(args),
        SessionsCommand::Show(args) => show::run(args).map(|()| true),
        SessionsCommand::Restore(args) => return platform::restore(args),
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

/// The ledger of a session: the last one, or the one of this name, or whose name begins so.
pub(crate) fn ledger_of(wanted: &str) -> Result<(SessionId, Contents), SessionsError> {
    let folder = located()?;
    let name = shelf::find(&folder, wanted)?;
    let (contents, _) = shelf::open(&folder.ledger(&name))?;
    Ok((name, contents))
}

/// Whether a helper holds the ledger of a session and has not written its end, after which it lets go of it.
/// `None` where there is no ledger, or nothing in it yet.
pub(crate) fn is_live(folder: &StateFolder, id: &SessionId) -> Option<bool> {
    let file = match shelf::open_file(&folder.ledger(id)) {
        Ok(file) => file,
        Err(SessionsError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => return None,
        // Who can't tell takes it for one that lives.
        Err(_) => return Some(true),
    };
    let held = shelf::held(&file).unwrap_or(true);
    let begun = file.metadata().map_or(true, |found| found.len() > 0);
    let ended = held && read(BufReader::new(file)).is_ok_and(|contents| contents.end().is_some());
    (held || begun).then_some(held && !ended)
}

/// A command line on one line.
fn command_line(argv: &[String]) -> String {
    printable(&argv.join(" "))
}

fn located() -> Result<StateFolder, SessionsError> {
    Ok(StateFolder::locate()?)
}
