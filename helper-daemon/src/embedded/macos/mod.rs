//! The embedded helper on macOS: `es-guard` executed once more, and the agent's process started from it suspended.
//!
//! | room | what it does |
//! |---|---|
//! | [`orders`] | what `wrap` tells the helper that it starts |
//! | [`life`] | the helper: connect, enrol the child, prove, guard, end with the tree |
//! | [`child`] | the agent's process before it is the agent |
//! | [`nursery`] | where that comes from; a simulated one in tests |
//!
//! Nobody forks: a process that has used a framework can't. The helper has the agent for a child, as on Linux, and its
//! client is one of descendants (macOS 27). Before that the system's helper judges, and this one only stands beside
//! the agent. What the agent leaves behind launchd adopts; the engine's tree knows it all the same.

pub mod child;
pub mod life;
pub mod nursery;
mod orders;

use super::{Command, Judge, StartError};
use crate::protocol::Channel;
use endpoint_sec::macos::Launch;
use endpoint_sec::unix::descriptors::{given, inherited};
use nix::sys::signal::SigSet;
use nix::unistd::{Pid, getpgrp};
use orders::Orders;
use std::ffi::{CString, OsStr};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// The first argument of a helper; the second is the number of its descriptor.
pub const HELPER: &str = "embedded-helper";

/// Starts one: this very program, with [`HELPER`] for its first argument.
pub fn start(command: Command, judge: Judge) -> Result<(Channel, Pid), StartError> {
    let (here, there) = UnixStream::pair().map_err(StartError::Socket)?;
    let refused = |error: &dyn std::fmt::Display| StartError::Process(error.to_string());
    let program = this_program().map_err(|error| refused(&error))?;
    let number = there.as_raw_fd();
    let words = ["es-guard", HELPER, &number.to_string()].map(str::to_owned);
    let argv: Vec<CString> = words.into_iter().filter_map(|word| CString::new(word).ok()).collect();
    let descriptors = passed_on(number).map_err(|error| refused(&error))?;
    let launch = Launch {
        program: &program,
        argv: &argv,
        env: &command.env,
        // It leaves that once the agent is in it.
        group: getpgrp(),
        // A key press is for the agent.
        blocked: SigSet::all(),
        by_default: SigSet::all(),
        descriptors: &descriptors,
    };
    let helper = launch.start().map_err(|error| refused(&error))?;
    let mut channel = Channel::new(here);
    let orders = Orders::new(&command, &judge, getpgrp());
    channel.send(&orders, &orders::descriptors(&judge)).map_err(|error| refused(&error))?;
    Ok((channel, helper))
}

/// Runs the helper that was started so: `number` is the second argument. Returns its exit status.
pub fn run(number: &OsStr) -> i32 {
    let socket = number.to_str().and_then(|number| number.parse().ok()).map(given);
    let Some(Ok(socket)) = socket else { return 1 };
    let mut channel = Channel::new(UnixStream::from(socket));
    match channel
        .receive::<Orders>()
        .map_err(|error| error.to_string())
        .and_then(|(orders, fds)| orders.taken(fds))
    {
        Ok((agent, judge, group)) => life::run(channel, &nursery::Real { agent, group }, judge),
        Err(_) => 1,
    }
}

/// What is inherited from here on, and this one.
fn passed_on(number: RawFd) -> std::io::Result<Vec<RawFd>> {
    let mut all = inherited()?;
    all.push(number);
    Ok(all)
}

fn this_program() -> std::io::Result<CString> {
    let path: PathBuf = std::env::current_exe()?;
    CString::new(path.as_os_str().as_bytes()).map_err(std::io::Error::other)
}
