//! The embedded helper: a helper of one's own, with no set-up and no privilege.
//!
//! [`start`] starts it from `wrap`. It starts the agent in turn, so it is the agent's parent, and it lives while any
//! process of the tree does: `wrap` may be killed, the guard stays. How it is started, and how the agent, each system
//! has its own way; what both have alike is here.
//!
//! `wrap` and this helper talk as `wrap` and the system's helper do: see [`protocol`](crate::protocol).

mod door;
#[cfg(target_os = "linux")]
mod linux;
pub mod macos;
mod porter;
mod proof;
mod registration;
mod retreat;
mod stops;
mod visitor;
mod watch;
mod words;

pub use door::{Door, connect};

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
use macos as system;

use crate::protocol::Channel;
use nix::sys::signal::SigSet;
use nix::unistd::Pid;
use std::ffi::CString;

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
    Process(String),
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
    system::start(command, judge)
}
