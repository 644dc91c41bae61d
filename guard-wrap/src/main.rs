//! `es-guard`: the command line.
//!
//! It reads what a person typed, prepares the state folder and the policy, talks to a helper, and renders what
//! happened. It makes no verdict and holds no engine: that is `helper-daemon`.
#![forbid(unsafe_code)]

mod agents;
mod approve;
mod asking;
mod cli;
mod doctor;
mod explained;
mod helper_cmd;
mod hook;
mod mcp;
mod mirror;
mod overrides;
mod plan;
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(target_os = "macos", path = "macos.rs")]
mod platform;
mod policy_cmd;
mod preparation;
mod render;
mod sessions;
#[cfg(target_os = "linux")]
mod stash;
mod state;
mod status;
mod wrap;

use cli::Command;
use helper_daemon::client::system;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(status) = platform::own_process() {
        return status;
    }
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(status) => return status,
    };
    // An agent takes another status of its hook's for an order to stop.
    let is_hook = matches!(command, Command::Hook(_));
    let status = match command {
        Command::Wrap(args) => wrap::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Override(command) => overrides::run(&command),
        Command::Why(args) => asking::why(&args),
        Command::Check(args) => asking::check(&args),
        Command::Request(args) => asking::request(&args),
        Command::Approve(args) => approve::run(&args),
        Command::Mcp(args) => mcp::run(&args),
        Command::Hook(args) => hook::run(&args),
        Command::Sessions(command) => sessions::run(&command),
        Command::Stash(command) => platform::stash(&command),
        Command::Policy(command) => policy_cmd::run(&command),
        Command::Helper(command) => platform::helper(&command),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions { shell } => cli::completions(shell),
        Command::Man { command } => cli::man(&command),
    };
    if is_hook { status } else { render::ended(status) }
}
