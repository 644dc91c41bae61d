//! The embedded helper: a helper of one's own, with no set-up and no privilege.
//!
//! [`start`] forks it from `wrap`. It forks the agent in turn, so it is the agent's parent (with Yama's
//! `ptrace_scope=1` only an ancestor may read a process), adopts what the agent leaves behind, can't be read
//! by the tree, and lives while any process of the tree does: `wrap` may be killed, the guard stays.
//!
//! `wrap` and this helper talk as `wrap` and the system's helper do: see [`protocol`](crate::protocol).

mod child;
mod door;
mod helper;
mod porter;
mod proof;
mod stops;
mod tree;
mod visitor;
mod watch;

pub use door::{Door, connect};

use crate::protocol::Channel;
use endpoint_sec::linux::process::{ForkError, fork};
use nix::sys::signal::SigSet;
use nix::unistd::Pid;
use std::ffi::CString;
use std::os::unix::net::UnixStream;

/// What the agent is executed with.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program, looked up in `PATH` when it has no slash, and its arguments.
    pub argv: Vec<CString>,
    /// The whole environment.
    pub env: Vec<CString>,
    /// The signals that are blocked in it.
    pub signals: SigSet,
}

/// Why no helper could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No socket.
    #[error("make a socket for the helper: {0}")]
    Socket(std::io::Error),
    /// No process.
    #[error("start the helper: {0}")]
    Fork(#[from] ForkError),
}

/// Where the session is judged.
#[derive(Debug)]
pub enum Judge {
    /// In the embedded helper itself, which is asked by others at this door (`None`: by nobody).
    Here(Option<Door>),
    /// In the system's helper, which this channel is connected to.
    System(Channel),
}

impl Judge {
    fn take_door(&mut self) -> Option<Door> {
        match self {
            Judge::Here(door) => door.take(),
            Judge::System(_) => None,
        }
    }
}

/// Starts a helper for `command`. It waits for [`Register`](crate::protocol::Register).
///
/// The process must have a single thread.
pub fn start(command: Command, judge: Judge) -> Result<(Channel, Pid), StartError> {
    let (here, there) = UnixStream::pair().map_err(StartError::Socket)?;
    let pid = fork(move || helper::run(Channel::new(there), &command, judge))?;
    Ok((Channel::new(here), pid))
}
