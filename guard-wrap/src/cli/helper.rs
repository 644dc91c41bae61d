//! `es-guard helper`: its commands and options.

use super::examples::{HELPER_INSTALL_EXAMPLES, HELPER_STATUS_EXAMPLES, HELPER_UNINSTALL_EXAMPLES};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum HelperCommand {
    /// Install it, or a newer one over it; what is done is shown first
    #[command(after_help = HELPER_INSTALL_EXAMPLES)]
    Install(HelperInstallArgs),
    /// Undo what install did; what is done is shown first
    #[command(after_help = HELPER_UNINSTALL_EXAMPLES)]
    Uninstall(HelperUninstallArgs),
    /// Whether it is installed and runs, and what to do about what is wrong: exit status 0 if all is well, else 1
    #[command(after_help = HELPER_STATUS_EXAMPLES)]
    Status(HelperStatusArgs),
}

#[derive(Debug, Args)]
pub(crate) struct HelperInstallArgs {
    /// Put the programs below DIR: on Linux in libexec/es-guard and bin, on macOS a bundle
    #[arg(long, value_name = "DIR", default_value = helper_daemon::place::PREFIX)]
    pub(crate) prefix: PathBuf,
    /// Take es-guard-helper (on macOS es-guard-helper.app) from DIR. Without this: from beside this es-guard
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HelperUninstallArgs {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// How a change of the system is made.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Don't ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Even if it replaces files that es-guard did not write, or live sessions lose their helper: their guarded
    /// operations fail from then on
    #[arg(long)]
    pub(crate) force: bool,
    /// Write below DIR, as a package or an image is made: nothing is started, no account is made
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct HelperStatusArgs {
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
