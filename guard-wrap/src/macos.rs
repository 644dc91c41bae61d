//! The commands that not every system has, on macOS: none of them, as nothing can be guarded there yet.
//!
//! Each says so and does nothing. Whatever reads and writes only what es-guard itself has written works as on Linux.

use crate::cli::{
    ApproveArgs, CheckArgs, DoctorArgs, HelperCommand, HookArgs, McpArgs, NOTHING_RAN, OverrideCommand,
    RequestArgs, RestoreArgs, StashCommand, StatusArgs, WhyArgs, WrapArgs,
};
use crate::doctor::Check;
use crate::render;
use std::process::ExitCode;

/// Why a command does nothing.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error(
        "start: the Endpoint Security engine is not in this version of es-guard yet, and no agent is run unguarded. Nothing was run; `es-guard doctor` tells what this machine has"
    )]
    Wrap,
    #[error("{0}: no session can be guarded on macOS yet, so there is none")]
    Session(&'static str),
    #[error("{0}: there is no system helper for macOS yet")]
    Helper(&'static str),
}

pub(crate) fn wrap(_: &WrapArgs) -> ExitCode {
    refused(&NotYet::Wrap, ExitCode::from(NOTHING_RAN))
}

pub(crate) fn restore(_: &RestoreArgs) -> ExitCode {
    refused(&NotYet::Session("put back what a session keeps"), ExitCode::FAILURE)
}

pub(crate) fn stash(_: &StashCommand) -> ExitCode {
    refused(&NotYet::Session("look at what sessions keep"), ExitCode::FAILURE)
}

pub(crate) fn status(_: &StatusArgs) -> ExitCode {
    refused(&NotYet::Helper("show the live sessions"), ExitCode::FAILURE)
}

pub(crate) fn overrides(_: &OverrideCommand) -> ExitCode {
    refused(&NotYet::Helper("change what is let through"), ExitCode::FAILURE)
}

pub(crate) fn why(_: &WhyArgs) -> ExitCode {
    refused(&NotYet::Session("say why something was blocked"), ExitCode::FAILURE)
}

pub(crate) fn check(_: &CheckArgs) -> ExitCode {
    refused(&NotYet::Session("say what would be blocked"), ExitCode::FAILURE)
}

pub(crate) fn request(_: &RequestArgs) -> ExitCode {
    refused(&NotYet::Session("ask for a path"), ExitCode::FAILURE)
}

pub(crate) fn approve(_: &ApproveArgs) -> ExitCode {
    refused(&NotYet::Session("answer what is asked for"), ExitCode::FAILURE)
}

pub(crate) fn mcp(_: &McpArgs) -> ExitCode {
    refused(&NotYet::Session("serve an agent"), ExitCode::FAILURE)
}

/// It stands in no agent's way.
pub(crate) fn hook(_: &HookArgs) -> ExitCode {
    ExitCode::SUCCESS
}

pub(crate) fn helper(_: &HelperCommand) -> ExitCode {
    refused(&NotYet::Helper("look at the system's helper"), ExitCode::FAILURE)
}

/// Nothing beside what every system is asked.
pub(crate) fn checks(_: &DoctorArgs) -> Vec<Check> {
    Vec::new()
}

fn refused(why: &NotYet, status: ExitCode) -> ExitCode {
    render::problem(why);
    status
}
