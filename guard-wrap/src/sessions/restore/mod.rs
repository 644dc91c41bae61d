//! `es-guard sessions restore`: putting back what was removed, replaced or moved out.
//!
//! | room | what it does |
//! |---|---|
//! | [`select`] | what is meant: a session, and entries of its stash |
//! | [`place`] | the directory that a thing goes back to, reached without following a symlink |
//! | [`perform`] | putting one thing back, in steps of which any may be the last |
//! | [`directory`] | the same for directories that were empty |
//! | [`aside`] | keeping what is in the way, first |
//! | [`show`] | what there is, and what was done |
//!
//! What is put back is moved, or, to another file system, copied beside its place and then given its name: it is
//! there as a whole or not at all, and in the stash until it is. Nothing that is there is replaced.

mod aside;
mod directory;
mod perform;
mod place;
mod select;
mod show;
#[cfg(test)]
mod tests;

use crate::cli::RestoreArgs;
use crate::render::{note, print, problem};
use crate::stash::{Held, Stash, StashError};
use crate::state::StateFolder;
use perform::Restoring;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why nothing was put back.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestoreError {
    #[error(transparent)]
    Stash(#[from] StashError),
    #[error(
        "put back {path}: the session {session} keeps nothing of that path. See what it does: es-guard sessions restore {session} --list"
    )]
    NothingAt { path: PathBuf, session: String },
    #[error(
        "put back entry {entry}: the session {session} keeps no such entry. See what it does: es-guard sessions restore {session} --list"
    )]
    NoEntry { entry: u64, session: String },
    #[error("find the current directory: {0}. Name paths from the root")]
    Cwd(std::io::Error),
    #[error("use {path}: {source}. Name a directory that can be made and written")]
    To { path: PathBuf, source: std::io::Error },
}

/// Runs it. The exit status says whether everything that was meant is back.
pub(crate) fn run(args: &RestoreArgs) -> ExitCode {
    match restore(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            problem(&error);
            ExitCode::FAILURE
        }
    }
}

fn restore(args: &RestoreArgs) -> Result<bool, RestoreError> {
    let state = StateFolder::locate().map_err(StashError::from)?;
    let (id, paths) = select::session(&state, &args.words)?;
    let held = if args.list || args.dry_run { None } else { Some(Held::of(&state, &id)?) };
    let stash = Stash::read(&state, &id)?;
    for text in &stash.contents.notes {
        note(&format!("the stash's index: {text}"));
    }
    let cwd = std::env::current_dir().map_err(RestoreError::Cwd)?;
    let chosen = select::entries(&stash, &paths, &args.entries, &cwd)?;
    if args.list {
        let listed = show::listed(&stash, &chosen, args.json);
        if !listed.is_empty() {
            print(&listed);
        }
        return Ok(true);
    }
    let to = args.to.as_deref().map(|to| target(to, args.dry_run)).transpose()?;
    let jobs = select::jobs(&stash, &chosen, to.as_deref());
    let done = match held {
        None => jobs.iter().map(|job| perform::foresee(job, args.force)).collect(),
        Some(held) => {
            let mut notes = held.index()?;
            directory::close_again(stash.directories_elsewhere());
            let live = stash.is_live(&state);
            let mut go = || Ok(());
            let mut restoring = Restoring::new(&stash, &mut notes, args.force, live, &mut go)?;
            let done = perform::all(&mut restoring, &jobs);
            // Nobody stops it but a test.
            done.unwrap_or_default()
        }
    };
    show::done(&stash, &jobs, &done, &chosen, args);
    Ok(done.iter().all(Result::is_ok))
}

/// The directory that `--to` names, made if it is not there.
fn target(to: &std::path::Path, dry_run: bool) -> Result<PathBuf, RestoreError> {
    let refused = |source| RestoreError::To { path: to.to_owned(), source };
    if dry_run {
        return to.canonicalize().or_else(|_| std::path::absolute(to)).map_err(refused);
    }
    std::fs::create_dir_all(to).and_then(|()| to.canonicalize()).map_err(refused)
}
