//! `es-guard`: the command line.
//!
//! It reads what a person typed, prepares the state folder and the policy, talks to a helper, and renders what
//! happened. It makes no verdict and holds no engine: that is `helper-daemon`.
#![forbid(unsafe_code)]
#![cfg_attr(
    target_os = "macos",
    expect(dead_code, unused_imports, reason = "what a session needs waits there for the engine")
)]

#[cfg(target_os = "linux")]
mod agents;
#[cfg(target_os = "linux")]
mod approve;
#[cfg(target_os = "linux")]
mod asking;
mod cli;
mod doctor;
#[cfg(target_os = "linux")]
mod explained;
#[cfg(target_os = "linux")]
mod helper_cmd;
#[cfg(target_os = "linux")]
mod hook;
#[cfg(target_os = "linux")]
mod mcp;
#[cfg(target_os = "linux")]
mod mirror;
#[cfg(target_os = "linux")]
mod overrides;
mod plan;
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(target_os = "macos", path = "macos.rs")]
mod platform;
mod policy_cmd;
#[cfg(target_os = "linux")]
mod preparation;
mod render;
mod sessions;
#[cfg(target_os = "linux")]
mod stash;
mod state;
#[cfg(target_os = "linux")]
mod status;
#[cfg(target_os = "linux")]
mod wrap;

use cli::Command;
#[cfg(target_os = "linux")]
use helper_daemon::client::system;
use std::process::ExitCode;

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(status) => return status,
    };
    match command {
        Command::Wrap(args) => platform::wrap(&args),
        Command::Status(args) => platform::status(&args),
        Command::Override(command) => platform::overrides(&command),
        Command::Why(args) => platform::why(&args),
        Command::Check(args) => platform::check(&args),
        Command::Request(args) => platform::request(&args),
        Command::Approve(args) => platform::approve(&args),
        Command::Mcp(args) => platform::mcp(&args),
        Command::Hook(args) => platform::hook(&args),
        Command::Sessions(command) => sessions::run(&command),
        Command::Stash(command) => platform::stash(&command),
        Command::Policy(command) => policy_cmd::run(&command),
        Command::Helper(command) => platform::helper(&command),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions { shell } => cli::completions(shell),
        Command::Man { command } => cli::man(command.as_deref()),
    }
}
