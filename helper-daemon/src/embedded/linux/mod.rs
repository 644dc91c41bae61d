//! The embedded helper on Linux: forked from `wrap`, and the agent from it in turn. So it is the agent's parent (with
//! Yama's `ptrace_scope=1` only an ancestor may read a process), adopts what the agent leaves behind, can't be read
//! by the tree, and lives while any process of the tree does.

mod child;
mod helper;
mod tree;

use super::{Command, Judge, StartError};
use crate::protocol::Channel;
use endpoint_sec::linux::process::fork;
use nix::unistd::Pid;
use std::os::unix::net::UnixStream;

/// Starts one. The process must have a single thread.
pub(super) fn start(command: Command, judge: Judge) -> Result<(Channel, Pid), StartError> {
    let (here, there) = UnixStream::pair().map_err(StartError::Socket)?;
    let pid = fork(move || helper::run(Channel::new(there), &command, judge))
        .map_err(|error| StartError::Process(error.to_string()))?;
    Ok((Channel::new(here), pid))
}
