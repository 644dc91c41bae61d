//! `es-guard sessions`: what can be typed.

use super::RestoreArgs;
use super::examples::{LIST_EXAMPLES, RESTORE_EXAMPLES, SHOW_EXAMPLES};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// All sessions, the newest first
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// One session: everything that was blocked
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
    /// Put back what was removed, replaced or moved out in a session that keeps such things
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(RestoreArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// One JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A session, or the beginning of its name if that is unique, or `last`
    #[arg(default_value = "last")]
    pub(crate) id: String,
    /// Each record as it is written, until the session ends
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// What the session itself made that is still there, and what of it it took away, too
    #[arg(long)]
    pub(crate) own: bool,
    /// One JSON object; with --follow the ledger's own lines
    #[arg(long)]
    pub(crate) json: bool,
}
