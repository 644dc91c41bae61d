//! `es-guard policy`: what can be typed.

use super::examples::{POLICY_CHECK_EXAMPLES, POLICY_INIT_EXAMPLES, POLICY_SHOW_EXAMPLES};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// What would be guarded here, and where that comes from
    #[command(after_help = POLICY_SHOW_EXAMPLES)]
    Show(PolicyArgs),
    /// Check the policy file: exit status 0 if it can be used, else 1
    #[command(after_help = POLICY_CHECK_EXAMPLES)]
    Check(PolicyArgs),
    /// Write a policy file for the current project, to be edited
    #[command(after_help = POLICY_INIT_EXAMPLES)]
    Init(PolicyInitArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// This policy file instead of ~/.codex/es_policy.json
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyInitArgs {
    /// Write this file instead of ~/.codex/es_policy.json
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}
