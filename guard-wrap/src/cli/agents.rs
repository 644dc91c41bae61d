//! `es-guard mcp` and `hook`: what agents are told to type.

use clap::Args;
use std::path::PathBuf;

/// `es-guard mcp`.
#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// Where the system's helper listens
    #[arg(long, value_name = "SOCKET")]
    pub(crate) helper: Option<PathBuf>,
}

/// `es-guard hook`.
#[derive(Debug, Args)]
pub(crate) struct HookArgs {
    /// The agent: codex, claude or gemini
    pub(crate) agent: String,
    /// The event, as the agent calls it
    pub(crate) event: String,
    /// Where the system's helper listens
    #[arg(long, value_name = "SOCKET")]
    pub(crate) helper: Option<PathBuf>,
}
