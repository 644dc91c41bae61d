//! `es-guard helper`: the system's helper as a service: installing, removing and looking at it.
//!
//! A change is a list of [`Step`](step::Step)s, made by looking only. It is shown, a person agrees, and then it is
//! carried out, one step after the other. A [`Manifest`](manifest::Manifest) says what was written, from
//! before the first change on, so that a second try finishes an interrupted one and an undo is exact.

mod install;
#[cfg(all(test, not(target_os = "macos")))]
#[expect(dead_code, reason = "tested here, and used where launchd is")]
mod launchd;
mod layout;
mod manifest;
#[cfg_attr(target_os = "linux", path = "helper_cmd/systemd/mod.rs")]
#[cfg_attr(target_os = "macos", path = "helper_cmd/launchd/mod.rs")]
mod service;
mod show;
mod status;
mod step;
mod uninstall;

use crate::cli::{ChangeArgs, HelperCommand};
use crate::render::{self, print, problem};
use helper_daemon::place::PREFIX;
use helper_daemon::trust::Untrusted;
use layout::Layout;
use nix::unistd::geteuid;
use show::Change;
use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, thiserror::Error)]
enum HelperError {
    #[error("{doing} as user {uid}: it needs root. Run: sudo {command}")]
    NotRoot { doing: &'static str, uid: u32, command: String },
    #[error("{doing}: {remedy}")]
    NoService { doing: &'static str, remedy: &'static str },
    #[error(
        "install in {folder}: {why}. Nobody but root may be able to change what root runs: mend that, or name another place with --prefix"
    )]
    Untrusted { folder: PathBuf, why: Untrusted },
    #[error(
        "install below {0}: a prefix is an absolute path of letters, digits and /._+-. Name another with --prefix"
    )]
    Prefix(PathBuf),
    #[cfg_attr(target_os = "macos", expect(dead_code, reason = "there it is a bundle"))]
    #[error(
        "find es-guard-helper in {0}: it is not there. Build it (cargo build --release), or name its folder with --from"
    )]
    NoHelper(String),
    #[cfg_attr(not(any(test, target_os = "macos")), expect(dead_code, reason = "only macOS has bundles"))]
    #[error(
        "find {0}: it is not there. Make it (helper-daemon/macos/bundle, docs/macos.md), or name its folder with --from"
    )]
    NoBundle(String),
    #[error(
        "use {path}: {why}. Build both programs from the same source, or name another folder with --from"
    )]
    WrongHelper { path: PathBuf, why: String },
    #[error(
        "replace {0}: es-guard did not write it as it is. Move it away, or say --force to have it replaced"
    )]
    Foreign(String),
    #[error(
        "{doing} the helper: {live} live sessions would lose it, and {lose}. End them first (es-guard status), or say --force"
    )]
    Live { doing: &'static str, live: usize, lose: &'static str },
    #[error("remove the helper: nothing is installed, or not by es-guard helper install (there is no {0})")]
    NotInstalled(PathBuf),
    #[error("ask whether to go on: standard input is no terminal. Look at it with --dry-run, then say --yes")]
    NobodyToAsk,
    #[error("go on: the answer was no. Nothing was done")]
    Refused,
    #[error("read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("read {path}: {detail}. Mend it, or remove the files by hand")]
    Manifest { path: PathBuf, detail: String },
    #[error("{step}: {detail}. What was done so far is remembered: the same command finishes it")]
    Step { step: String, detail: String },
}

impl HelperError {
    fn not_root(doing: &'static str) -> Self {
        let words: Vec<String> =
            std::env::args_os().skip(1).map(|word| word.to_string_lossy().into()).collect();
        let program = std::env::current_exe().unwrap_or_else(|_| "es-guard".into());
        let command = format!("{} {}", program.display(), words.join(" "));
        HelperError::NotRoot { doing, uid: geteuid().as_raw(), command }
    }
}

/// Runs `es-guard helper`.
pub(crate) fn run(command: &HelperCommand) -> ExitCode {
    let done = match command {
        HelperCommand::Install(args) => {
            let layout = Layout::new(args.change.root.as_deref(), &args.prefix);
            allowed(&args.change, &layout, "install the helper")
                .and_then(|()| install::plan(args, &layout))
                .and_then(|change| go(&args.change, &layout, &change))
        }
        HelperCommand::Uninstall(args) => {
            let layout = Layout::new(args.change.root.as_deref(), PREFIX.as_ref());
            allowed(&args.change, &layout, "remove the helper")
                .and_then(|()| uninstall::plan(&args.change, &layout))
                .and_then(|change| go(&args.change, &layout, &change))
        }
        HelperCommand::Status(args) => return status::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            problem(&error);
            ExitCode::FAILURE
        }
    }
}

/// Shows a change, asks, and carries it out.
fn go(args: &ChangeArgs, layout: &Layout, change: &Change) -> Result<(), HelperError> {
    print(&show::text(change, layout));
    if args.dry_run || change.steps.is_empty() {
        return Ok(());
    }
    if let Some(refusal) = change.refusal() {
        return Err(refusal);
    }
    if !args.yes {
        ask()?;
    }
    for step in &change.steps {
        step::carry_out(step, layout)
            .map_err(|detail| HelperError::Step { step: show::in_short(step), detail })?;
    }
    change.afterwards.iter().for_each(|note| render::note(note));
    render::note(change.done);
    Ok(())
}

/// Whether this process may change the machine, where that is what is asked.
fn allowed(args: &ChangeArgs, layout: &Layout, doing: &'static str) -> Result<(), HelperError> {
    if args.dry_run || !layout.is_live() {
        return Ok(());
    }
    if !geteuid().is_root() {
        return Err(HelperError::not_root(doing));
    }
    if !service::is_there() {
        return Err(HelperError::NoService { doing, remedy: service::WITHOUT });
    }
    Ok(())
}

fn ask() -> Result<(), HelperError> {
    if !io::stdin().is_terminal() {
        return Err(HelperError::NobodyToAsk);
    }
    render::tell("Do this? [y/N] ");
    let mut answer = String::new();
    // No answer is a no.
    let _ = io::stdin().lock().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(HelperError::Refused),
    }
}
