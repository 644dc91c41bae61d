//! `es-guard-helper`: the system's helper, and each of its workers.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};
use endpoint_sec::linux::station::Identity;
use helper_daemon::daemon::{ACCOUNT, SOCKET, monitor, worker};
use nix::unistd::User;
use std::path::PathBuf;
use std::process::ExitCode;

/// es-guard's system helper: guards the sessions of all users of this machine.
///
/// It is started as root, by systemd or by hand. `es-guard wrap` finds it by its socket.
#[derive(Debug, Parser)]
#[command(name = "es-guard-helper", version, after_help = EXAMPLES)]
struct Cli {
    /// Listen here
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
    /// The account that nobody uses: workers have its real and saved ids, so that no user may signal them
    #[arg(long, value_name = "NAME", default_value = ACCOUNT)]
    account: String,
    /// Check that the helper could run here, and end
    #[arg(long)]
    check: bool,
    #[command(subcommand)]
    internal: Option<Internal>,
}

#[derive(Debug, Subcommand)]
enum Internal {
    /// Serve the connection that standard input is
    #[command(hide = true)]
    Worker {
        #[arg(long)]
        uid: u32,
        #[arg(long)]
        gid: u32,
    },
}

const EXAMPLES: &str = "\
Examples:
  es-guard-helper                       listen at /run/es-guard/helper.sock
  es-guard-helper --check               say whether it could
  es-guard-helper --socket /tmp/h.sock --account daemon";

/// Why the helper can't run.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("run as user {0}: the helper needs root. Start it with sudo, or use `es-guard wrap` without it")]
    NotRoot(u32),
    #[error(
        "find the account {0}: there is none. Make it: useradd --system --no-create-home --shell /usr/sbin/nologin {0}"
    )]
    NoAccount(String),
    #[error("use the account {0}: it is root's, which protects nothing. Name another with --account")]
    RootsAccount(String),
    #[error(transparent)]
    Monitor(#[from] monitor::MonitorError),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Internal::Worker { uid, gid }) = cli.internal {
        return match worker::run(&Identity { uid, gid, groups: Vec::new() }) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("es-guard-helper: worker {}: {}", std::process::id(), failure.detail);
                ExitCode::FAILURE
            }
        };
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("es-guard-helper: failed to {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Problem> {
    let uid = nix::unistd::geteuid();
    if !uid.is_root() {
        return Err(Problem::NotRoot(uid.as_raw()));
    }
    let account = User::from_name(&cli.account).ok().flatten();
    let account = account.ok_or_else(|| Problem::NoAccount(cli.account.clone()))?;
    if account.uid.is_root() {
        return Err(Problem::RootsAccount(cli.account));
    }
    if cli.check {
        println!("es-guard-helper could run here: root, with the account {}", cli.account);
        return Ok(());
    }
    let service = Identity { uid: account.uid.as_raw(), gid: account.gid.as_raw(), groups: Vec::new() };
    monitor::run(&monitor::Settings { socket: cli.socket, service }).map_err(Problem::from)
}
