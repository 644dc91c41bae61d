//! `es-guard`: the command line.
//!
//! It reads what a person typed, prepares the state folder and the policy, talks to a helper, and renders what
//! happened. It makes no verdict and holds no engine: that is `helper-daemon`.
#![forbid(unsafe_code)]

mod cli;
mod doctor;
mod helper_cmd;
mod overrides;
mod plan;
mod policy_cmd;
mod preparation;
mod render;
mod sessions;
mod stash;
mod state;
mod status;
mod system;
mod wrap;

use cli::Command;
use std::process::ExitCode;

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(status) => return status,
    };
    match command {
        Command::Wrap(args) => wrap::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Override(command) => overrides::run(&command),
        Command::Sessions(command) => sessions::run(&command),
        Command::Stash(command) => stash::run(&command),
        Command::Policy(command) => policy_cmd::run(&command),
        Command::Helper(command) => helper_cmd::run(&command),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions { shell } => cli::completions(shell),
        Command::Man { command } => cli::man(command.as_deref()),
    }
}
