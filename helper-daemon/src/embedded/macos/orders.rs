//! What `wrap` tells the helper that it starts, before it registers the session: a helper that is executed has nothing
//! of what `wrap` had but descriptors.

use crate::embedded::{Command, Door, Judge};
use crate::protocol::Channel;
use endpoint_sec::unix::signals::ignored_at_the_start;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::ffi::{CString, OsString};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;

/// All of it. Text that may have any bytes is lists of them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    argv: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    /// The signals that are blocked in the agent.
    blocked: Vec<i32>,
    /// The signals that the agent is to ignore.
    ignored: Vec<i32>,
    /// The agent's process group.
    group: i32,
    judge: Whom,
}

/// By whom the session is judged; with it come descriptors.
#[derive(Debug, Serialize, Deserialize)]
enum Whom {
    /// By the helper, which is asked by nobody.
    Here,
    /// By the helper, which is asked at a door of this name: a listener, and the folder that it is in.
    AtDoor(Vec<u8>),
    /// By the system's: the connection to it.
    System,
}

impl Orders {
    pub(super) fn new(command: &Command, judge: &Judge, group: Pid) -> Self {
        let bytes = |texts: &[CString]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        Self {
            argv: bytes(&command.argv),
            env: bytes(&command.env),
            blocked: command.signals.iter().map(|signal| signal as i32).collect(),
            ignored: ignored_at_the_start().iter().map(|signal| signal as i32).collect(),
            group: group.as_raw(),
            judge: match judge {
                Judge::Here(None) => Whom::Here,
                Judge::Here(Some(door)) => Whom::AtDoor(door.name().as_bytes().to_vec()),
                Judge::System(_) => Whom::System,
            },
        }
    }

    /// What they mean, with the descriptors that came along: the agent, who judges, the agent's process group.
    pub(super) fn taken(self, fds: Vec<OwnedFd>) -> Result<(Agent, Judge, Pid), String> {
        let texts = |all: Vec<Vec<u8>>| all.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>();
        let command = Command {
            argv: texts(self.argv).map_err(|error| error.to_string())?,
            env: texts(self.env).map_err(|error| error.to_string())?,
            signals: set(&self.blocked),
        };
        let mut fds = fds.into_iter();
        let mut next = || fds.next().ok_or_else(|| "a descriptor is missing".to_owned());
        let judge = match self.judge {
            Whom::Here => Judge::Here(None),
            Whom::AtDoor(name) => {
                let (listener, folder) = (next()?, next()?);
                Judge::Here(Some(Door::taken(listener.into(), folder, OsString::from_vec(name))))
            }
            Whom::System => Judge::System(Channel::new(UnixStream::from(next()?))),
        };
        Ok((Agent { command, ignored: set(&self.ignored) }, judge, Pid::from_raw(self.group)))
    }
}

/// What the agent is executed with.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    /// The command.
    pub(super) command: Command,
    /// The signals that it ignores from the start.
    pub(super) ignored: SigSet,
}

fn set(numbers: &[i32]) -> SigSet {
    numbers.iter().filter_map(|number| Signal::try_from(*number).ok()).collect()
}

/// What goes with them, in order.
pub(super) fn descriptors(judge: &Judge) -> Vec<BorrowedFd<'_>> {
    use std::os::fd::AsFd;
    match judge {
        Judge::Here(None) => Vec::new(),
        Judge::Here(Some(door)) => door.fds().to_vec(),
        Judge::System(channel) => vec![channel.as_fd()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_arrive_as_they_were_given_whatever_bytes_they_have() {
        let text = |bytes: &[u8]| CString::new(bytes).unwrap();
        let command = Command {
            argv: vec![text(b"codex"), text(b"\xff\xfe")],
            env: vec![text(b"A=\x80")],
            signals: SigSet::from(Signal::SIGUSR1),
        };
        let orders = Orders::new(&command, &Judge::Here(None), Pid::from_raw(77));
        let told: Orders = serde_json::from_slice(&serde_json::to_vec(&orders).unwrap()).unwrap();
        let (agent, judge, group) = told.taken(Vec::new()).unwrap();
        assert_eq!((&agent.command.argv, &agent.command.env), (&command.argv, &command.env));
        assert_eq!((agent.command.signals, group), (command.signals, Pid::from_raw(77)));
        assert!(matches!(judge, Judge::Here(None)));
    }

    #[test]
    fn a_door_comes_with_its_two_descriptors_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let door = Judge::Here(Some(Door::make(&dir.path().join("x.sock")).unwrap()));
        let command = Command { argv: Vec::new(), env: Vec::new(), signals: SigSet::empty() };
        let told = || Orders::new(&command, &door, Pid::from_raw(1));
        let sent = descriptors(&door).into_iter().map(|fd| fd.try_clone_to_owned().unwrap()).collect();
        let (_, taken, _) = told().taken(sent).unwrap();
        let Judge::Here(Some(taken)) = taken else { panic!("no door") };
        taken.remove();
        assert!(!dir.path().join("x.sock").exists());
        assert_eq!(told().taken(Vec::new()).unwrap_err(), "a descriptor is missing");
    }
}
