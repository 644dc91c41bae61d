//! On Linux whoever is inside a session carries a filter, unless the kernel judges by itself.

use super::NestedError;
use crate::system;
use endpoint_sec::linux::ancestry::filters;
use endpoint_sec::linux::process::PidFd;
use helper_daemon::client::live::{Address, Live, VARIABLE};
use helper_daemon::embedded::{Command, Judge};
use helper_daemon::engine::probe;
use helper_daemon::protocol::{Event, Request};
use nix::errno::Errno;
use nix::unistd::{execvpe, getpid};
use std::path::Path;

/// The session of the system's helper that this process is inside.
pub(in crate::wrap) fn outer(helper: Option<&Path>, judge: &Judge) -> Result<Option<Live>, NestedError> {
    // Whoever is inside has a filter, or is told of its session where the kernel judges by itself: for everybody else
    // there is nothing to ask. (Who has thrown that word away is found out when it registers.)
    let carries_none = || {
        let held = PidFd::open(getpid()).ok();
        held.and_then(|held| filters(getpid(), &held).ok()) == Some(0)
    };
    if carries_none() && std::env::var_os(VARIABLE).is_none() {
        return Ok(None);
    }
    if let Judge::System(_) = judge {
        match system::ask(helper, &Request::Where)? {
            Some(Event::Where { session: Some(session) }) => {
                let address = Address::System(helper.map(Path::to_owned));
                return Ok(Some(Live { session, address }));
            }
            Some(Event::Where { session: None }) => {}
            Some(Event::Refused(_)) => {
                let why = " inside a guarded tree: what guarded it is gone, and everything that was guarded is closed";
                return Err(NestedError::NotHere(why.to_owned()));
            }
            _ => return Err(system::out_of_turn(helper).into()),
        }
    }
    // Somebody's filter need not have a listener; one that has leaves no room for es-guard's. Found out before
    // anything is prepared: inside a session even the ledger of another can't be made.
    probe::listened_to().map_or(Ok(None), |reason| Err(NestedError::NotHere(format!(": {reason}"))))
}

/// None was changed: signals are read from a descriptor.
pub(super) fn give_back_dispositions() {}

/// Executes a command in the place of this program.
pub(super) fn execute(command: &Command) -> Errno {
    let Err(errno) = execvpe(&command.argv[0], &command.argv, &command.env);
    errno
}
