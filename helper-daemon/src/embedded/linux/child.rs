//! The agent's process before it is the agent: it arms itself, proves it, and executes.
//!
//! It runs between fork and exec, talks to its helper over a socket in [`words`](super::super::words), and has no
//! other thread.

use crate::embedded::Command;
use crate::embedded::words::{Word, hear, say};
use endpoint_sec::linux::filter::{self, InstallError, Program};
use endpoint_sec::linux::process::restore_startup_signals;
use nix::errno::Errno;
use nix::unistd::execvpe;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The kinds of [`Word::NotArmed`].
pub(super) mod kind {
    pub(in super::super) const OTHER: i32 = 0;
    pub(in super::super) const LISTENING_ALREADY: i32 = 1;
    pub(in super::super) const UNSUPPORTED: i32 = 2;
}

/// Arms this process, where it does that itself, proves it, and executes the command. Returns only if that failed.
pub(super) fn run(
    socket: &UnixStream,
    program: Option<&Program>,
    canary: &Path,
    control: &Path,
    command: &Command,
) -> i32 {
    let listener = match program.map(filter::install).transpose() {
        Ok(listener) => listener,
        Err(error) => {
            let word = match error {
                InstallError::AlreadyListening => {
                    Word::NotArmed(Errno::EBUSY as i32, kind::LISTENING_ALREADY)
                }
                InstallError::Unsupported(errno) => Word::NotArmed(errno as i32, kind::UNSUPPORTED),
                InstallError::NoNewPrivs(errno) | InstallError::Refused(errno) => {
                    Word::NotArmed(errno as i32, kind::OTHER)
                }
            };
            let _ = say(socket, word, None);
            return 125;
        }
    };
    if say(socket, Word::Armed, listener.as_ref()).is_err() {
        return 125;
    }
    drop(listener);
    let Some((Word::Prove, _)) = hear(socket) else { return 125 };
    let tried =
        |path: &Path| std::fs::remove_file(path).map_or_else(|e| e.raw_os_error().unwrap_or(-1), |()| 0);
    if say(socket, Word::Proof(tried(canary), tried(control)), None).is_err() {
        return 125;
    }
    let Some((Word::Execute, _)) = hear(socket) else { return 125 };
    let _ = restore_startup_signals();
    let _ = command.signals.thread_set_mask();
    let Err(errno) = execvpe(&command.argv[0], &command.argv, &command.env);
    let _ = say(socket, Word::NotExecuted(errno as i32), None);
    127
}
