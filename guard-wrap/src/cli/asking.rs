//! `es-guard why`, `check`, `request` and `approve`: what can be typed.

use super::Target;
use super::overrides::{Until, until};
use clap::{Args, ValueEnum};
use helper_daemon::policy::operation::Op;
use std::path::PathBuf;

/// `es-guard why`.
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// What was blocked; without it, or with --last, whatever was last
    pub(crate) path: Option<PathBuf>,
    /// What was blocked last
    #[arg(long, conflicts_with = "path")]
    pub(crate) last: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `es-guard check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The operation
    #[arg(value_enum)]
    pub(crate) op: OpChoice,
    /// Its path
    pub(crate) path: PathBuf,
    /// Of `rename` the new name, of `exchange` the other one
    pub(crate) dest: Option<PathBuf>,
    /// Without a live session: read this policy file instead of ~/.codex/es_policy.json
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `es-guard request`.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// The path, and all below it
    pub(crate) path: PathBuf,
    /// Why: it is all that whoever answers has to go by
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// For this operation alone
    #[arg(long, value_enum, value_name = "OP")]
    pub(crate) op: Option<OpChoice>,
    /// For how long: 90s, 10m, 1h30m; or `session`. Without it whoever answers says
    #[arg(long = "for", value_name = "TIME", value_parser = until)]
    pub(crate) until: Option<Until>,
    /// Wait for the answer, so long at most if a time is given
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "session", value_parser = until)]
    pub(crate) wait: Option<Until>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `es-guard approve`.
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// Only what is asked in this session, in those whose name begins so, or in the `last`
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Where the system's helper listens
    #[arg(long, value_name = "SOCKET")]
    pub(crate) helper: Option<PathBuf>,
}

/// An operation that can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OpChoice {
    /// Remove a file
    #[value(alias = "rm", alias = "remove")]
    Unlink,
    /// Remove an empty directory
    Rmdir,
    /// Move, or give another name
    #[value(alias = "mv", alias = "move")]
    Rename,
    /// Exchange two names
    Exchange,
    /// Write
    Write,
}

impl From<OpChoice> for Op {
    fn from(choice: OpChoice) -> Self {
        match choice {
            OpChoice::Unlink => Op::Unlink,
            OpChoice::Rmdir => Op::Rmdir,
            OpChoice::Rename => Op::Rename,
            OpChoice::Exchange => Op::Exchange,
            OpChoice::Write => Op::Write,
        }
    }
}
