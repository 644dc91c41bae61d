//! The helper on macOS.

use clap::Parser;
use endpoint_sec::macos::{Framework, LoadError};
use helper_daemon::place::SOCKET;
use helper_daemon::single::{self, Problem, Settings};
use std::path::PathBuf;
use std::process::ExitCode;

/// es-guard's system helper: guards the sessions of all users of this machine.
///
/// It is started as root, by launchd. `es-guard wrap` finds it by its socket.
#[derive(Debug, Parser)]
#[command(name = "es-guard-helper", version)]
struct Cli {
    /// Listen here
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
}

/// `EX_CONFIG` of `sysexits.h`: no other try would mend it.
const NOT_CONFIGURED: u8 = 78;

/// Why it can't run.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("run as user {0}: the helper needs root. launchd starts it so: sudo es-guard helper install")]
    NotRoot(u32),
    #[error(transparent)]
    Framework(#[from] LoadError),
    #[error(transparent)]
    Problem(#[from] Problem),
}

/// Runs it.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("es-guard-helper: failed to {failure}");
            let mends_itself =
                matches!(failure, Failure::Problem(Problem::Taken(_) | Problem::Socket { .. }));
            ExitCode::from(if mends_itself { 1 } else { NOT_CONFIGURED })
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let uid = nix::unistd::geteuid();
    if !uid.is_root() {
        return Err(Failure::NotRoot(uid.as_raw()));
    }
    let framework = Framework::load()?;
    single::run(&Settings { socket: cli.socket }, &framework).map_err(Failure::from)
}
