//! On macOS nothing about a process says that it is inside a session: whoever guards is asked.

use super::NestedError;
use crate::state::StateFolder;
use crate::system;
use endpoint_sec::macos::arrivals::let_go;
use helper_daemon::client::live::{self, Address, Live, Places};
use helper_daemon::embedded::{Command, Judge};
use helper_daemon::protocol::{Event, Request};
use nix::errno::Errno;
use nix::unistd::execve;
use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The session of root's helper that this process is inside.
pub(in crate::wrap) fn outer(helper: Option<&Path>, judge: &Judge) -> Result<Option<Live>, NestedError> {
    if let Judge::System(_) = judge
        && let Some(Event::Refused(_)) = system::ask(helper, &Request::Where)?
    {
        let why = " here: nobody can tell whether this process is inside a session";
        return Err(NestedError::NotHere(why.to_owned()));
    }
    let state = StateFolder::locate()?.path().to_owned();
    let places = Places { state, helper: helper.map(Path::to_owned) };
    match live::inside(&places) {
        Some(Live { session, address: Address::Door(_) }) => {
            let why =
                format!(": session {session}, which has a helper of its own, guards this process already");
            Err(NestedError::NotHere(why))
        }
        outer => Ok(outer),
    }
}

/// Signals have handlers here, which a program that is executed has not; what was ignored is to be again.
pub(super) fn give_back_dispositions() {
    let_go();
}

/// Executes a command in the place of this program, looked for in its own `PATH` as `execvp(3)` does.
pub(super) fn execute(command: &Command) -> Errno {
    let Some(name) = command.argv.first() else { return Errno::ENOENT };
    let tried = |path: &CStr| {
        let Err(errno) = execve(path, &command.argv, &command.env);
        errno
    };
    if name.as_bytes().contains(&b'/') {
        return tried(name);
    }
    let path = command.env.iter().find_map(|pair| pair.as_bytes().strip_prefix(b"PATH="));
    let path = OsStr::from_bytes(path.unwrap_or(b"/usr/bin:/bin"));
    let mut worst = Errno::ENOENT;
    for folder in std::env::split_paths(path) {
        let Ok(program) =
            CString::new(folder.join(OsStr::from_bytes(name.as_bytes())).as_os_str().as_bytes())
        else {
            continue;
        };
        match tried(&program) {
            Errno::ENOENT | Errno::ENOTDIR => {}
            // Another of this name may be executable.
            Errno::EACCES => worst = Errno::EACCES,
            errno => return errno,
        }
    }
    worst
}
