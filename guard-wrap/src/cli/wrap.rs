//! `es-guard wrap`: what can be typed.

use super::examples::WRAP_EXAMPLES;
use clap::{Args, ValueEnum};
use helper_daemon::policy::OnDelete;
use std::ffi::OsString;
use std::path::PathBuf;

/// `es-guard wrap`.
#[derive(Clone, Debug, Args)]
#[command(after_help = WRAP_EXAMPLES)]
pub(crate) struct WrapArgs {
    /// Guard this directory, or this single file; may be given more than once. Without it, and without zones
    /// in the policy file: the git top level of the current directory, else the current directory
    #[arg(long = "zone", value_name = "DIR")]
    pub(crate) zones: Vec<OsString>,
    /// What becomes of what would be lost in the zones; the policy file may say otherwise for one of its own
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnDeleteChoice::Deny)]
    pub(crate) on_delete: OnDeleteChoice,
    /// Read this policy file instead of ~/.codex/es_policy.json
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// What makes the kernel obey
    #[arg(long, value_enum, default_value_t = EngineChoice::Auto)]
    pub(crate) engine: EngineChoice,
    /// The system's helper: where it listens, or `none` to do without it. Without this option it is used if it
    /// runs
    #[arg(long, value_name = "SOCKET")]
    pub(crate) helper: Option<PathBuf>,
    /// No banner, no summary; problems are still told
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Don't tell a command in its own output why it was refused something
    #[arg(long)]
    pub(crate) no_explain: bool,
    /// Don't tell an agent that is known of es-guard on its own command line: no hook, no tools, no orientation
    #[arg(long)]
    pub(crate) no_integrate: bool,
    /// The summary as one JSON object, on stderr
    #[arg(long)]
    pub(crate) json: bool,
    /// The agent's command and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    pub(crate) command: Vec<OsString>,
}

/// What becomes of what would be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnDeleteChoice {
    /// The agent is refused it
    Deny,
    /// The agent may, and it is kept in the session's stash: `es-guard sessions restore` puts it back
    Stash,
}

impl From<OnDeleteChoice> for OnDelete {
    fn from(choice: OnDeleteChoice) -> Self {
        match choice {
            OnDeleteChoice::Deny => OnDelete::Deny,
            OnDeleteChoice::Stash => OnDelete::Stash,
        }
    }
}

/// Which engine to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineChoice {
    /// The most that this machine has: seccomp, and with the system's helper BPF LSM below it where the kernel can
    Auto,
    /// seccomp user notification: Linux 5.19 or later, no root
    Seccomp,
    /// BPF LSM: decided in the kernel. Linux 6.1 or later with bpf among its security modules, and the system's helper;
    /// with seccomp above it where the zones have a stash, further replacers or git in them
    BpfLsm,
}

impl EngineChoice {
    /// Whether a session may be guarded by this engine.
    pub(crate) fn takes(self, engine: &str) -> bool {
        match self {
            EngineChoice::Auto => true,
            EngineChoice::Seccomp => engine == "seccomp",
            // With or without what can do more above it.
            EngineChoice::BpfLsm => engine == "bpf-lsm" || engine == "bpf-lsm+seccomp",
        }
    }
}

impl std::fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}
