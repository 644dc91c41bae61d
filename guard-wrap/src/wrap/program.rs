//! The command that is to become the agent.

use crate::agents;
use helper_daemon::client::{self, live};
use helper_daemon::embedded::Command;
use helper_daemon::session::SessionId;
use nix::sys::signal::SigSet;
use nix::unistd::{AccessFlags, access};
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A command that exists.
#[derive(Debug)]
pub(super) struct Program {
    argv: Vec<CString>,
    /// As it was typed.
    words: Vec<String>,
}

/// Why there is nothing to execute.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProgramError {
    #[error("start `{0}`: there is no such command in PATH. Check the spelling, or give its full path")]
    NotInPath(String),
    #[error("start `{0}`: there is no such file. Check the path")]
    Missing(String),
    #[error("start `{0}`: it is not executable. Check its permissions")]
    NotExecutable(String),
    #[error("start `{0}`: it is a directory. Name a program in it, or a command in PATH")]
    Directory(String),
    #[error("start the agent: an argument has a NUL byte in it, which no command can be given")]
    Nul,
    #[error(transparent)]
    Elsewhere(#[from] agents::Elsewhere),
}

impl ProgramError {
    /// The exit status, as every shell has it.
    pub(super) fn status(&self) -> u8 {
        match self {
            ProgramError::NotInPath(_) | ProgramError::Missing(_) => 127,
            ProgramError::NotExecutable(_) | ProgramError::Directory(_) => 126,
            ProgramError::Nul | ProgramError::Elsewhere(_) => crate::cli::NOTHING_RAN,
        }
    }
}

impl Program {
    /// Checks that there is such a command, so that a spelling mistake costs no session. What is executed in
    /// the end is the kernel's and `execvp(3)`'s to say. An agent that is known is told of es-guard as `guard` says.
    pub(super) fn find(command: &[OsString], guard: Option<&agents::Guard>) -> Result<Self, ProgramError> {
        let name = command.first().map_or(OsStr::new(""), OsString::as_os_str);
        let shown = || helper_daemon::denial::printable(&name.to_string_lossy());
        if name.as_bytes().contains(&b'/') {
            let path = Path::new(name);
            if std::fs::metadata(path).is_err() {
                return Err(ProgramError::Missing(shown()));
            }
            if path.is_dir() {
                return Err(ProgramError::Directory(shown()));
            }
            if !is_executable(path) {
                return Err(ProgramError::NotExecutable(shown()));
            }
        } else {
            let mut found = candidates(name).filter(|path| path.exists()).peekable();
            if found.peek().is_none() {
                return Err(ProgramError::NotInPath(shown()));
            }
            if !found.any(|path| is_executable(&path)) {
                return Err(ProgramError::NotExecutable(shown()));
            }
        }
        let words = command.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let whole = agents::arranged(command, guard)?;
        let argv = whole.iter().map(|arg| CString::new(arg.as_bytes()));
        Ok(Self { argv: argv.collect::<Result<_, _>>().map_err(|_| ProgramError::Nul)?, words })
    }

    /// The command line as it was typed, for the ledger.
    pub(super) fn words(&self) -> Vec<String> {
        self.words.clone()
    }

    /// What the helper executes: the command, this process's environment, and in it the session's name and where it
    /// is asked.
    pub(super) fn command(self, id: &SessionId, door: Option<&Path>, signals: SigSet) -> Command {
        let set: Vec<(OsString, OsString)> = [(live::VARIABLE, id.as_str())]
            .into_iter()
            .chain(agents::KEPT_HERE)
            .map(|(name, value)| (name.into(), value.into()))
            .chain(door.map(|door| (client::door::VARIABLE.into(), door.into())))
            .collect();
        let replaced =
            |name: &OsStr| name == client::door::VARIABLE || set.iter().any(|(set, _)| set == name);
        let own: Vec<_> = std::env::vars_os().filter(|(name, _)| !replaced(name)).collect();
        let pair = |(name, value): (OsString, OsString)| {
            let mut bytes = name.into_vec();
            bytes.push(b'=');
            bytes.extend(value.into_vec());
            CString::new(bytes).ok()
        };
        Command { argv: self.argv, env: own.into_iter().chain(set).filter_map(pair).collect(), signals }
    }
}

/// Where `execvp(3)` looks. An empty entry is the current directory.
fn candidates(name: &OsStr) -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    let found: Vec<PathBuf> = if name.is_empty() {
        Vec::new()
    } else {
        std::env::split_paths(&path).map(|dir| dir.join(name)).collect()
    };
    found.into_iter()
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}
