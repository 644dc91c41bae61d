//! The helper on Linux: the monitor, `--check`, and each worker.

use clap::{Parser, Subcommand};
use endpoint_sec::linux::station::Identity;
use helper_daemon::daemon::account::{self, ACCOUNT, AccountError};
use helper_daemon::daemon::monitor::MonitorError;
use helper_daemon::daemon::returning::Home;
use helper_daemon::daemon::session::Origin;
use helper_daemon::daemon::state::STATE;
use helper_daemon::daemon::{PINS, SOCKET, check, log, monitor, worker};
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
    /// Remember the sessions here: a folder that is root's alone
    #[arg(long, value_name = "DIR", default_value = STATE)]
    state: PathBuf,
    /// Pin what guards sessions in the kernel here: a folder of a bpf file system
    #[arg(long, value_name = "DIR", default_value = PINS)]
    bpf: PathBuf,
    /// The account that nobody uses: workers have its real and saved ids, so that no user may signal them
    #[arg(long, value_name = "NAME", default_value = ACCOUNT)]
    account: String,
    /// Say whether the helper could run here, fact by fact, and end: exit status 1 if it could not
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
        /// Where the next monitor will listen
        #[arg(long)]
        home: PathBuf,
        /// How many filters the peer carries
        #[arg(long)]
        filters: u32,
    },
}

const EXAMPLES: &str = "\
Examples:
  es-guard-helper                       listen at /run/es-guard/helper.sock
  es-guard-helper --check               say whether it could
  es-guard-helper --socket /run/h.sock --state /root/h --account daemon

SIGHUP: tell which sessions are guarded, and look anew at the account; no session is touched.
SIGTERM, SIGINT: end. Live sessions stay guarded: their workers judge on, and come back to the next
helper. Only when a worker ends, too, do the guarded operations of its session fail.";

/// Why the helper can't run.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("run as user {0}: the helper needs root. Start it with sudo, or use `es-guard wrap` without it")]
    NotRoot(u32),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Monitor(#[from] monitor::MonitorError),
}

impl Problem {
    /// `EX_CONFIG` of `sysexits.h` for what no other try would mend: the unit does not start it again.
    fn status(&self) -> u8 {
        match self {
            Problem::Monitor(
                MonitorError::Taken(_) | MonitorError::Socket { .. } | MonitorError::Runtime(_),
            ) => 1,
            Problem::NotRoot(_) | Problem::Account(_) | Problem::Monitor(MonitorError::State(_)) => 78,
        }
    }
}

/// Runs it.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Internal::Worker { uid, gid, home, filters }) = cli.internal {
        // Looked up while this process still sees the machine's files.
        let origin = Origin { home: Home::of(&home).ok(), filters };
        return match worker::run(&Identity { uid, gid, groups: Vec::new() }, origin) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                log::warning("a worker ends", &[("pid", &std::process::id()), ("reason", &failure.detail)]);
                ExitCode::FAILURE
            }
        };
    }
    if cli.check {
        let facts = check::check(&cli.socket, &cli.state, &cli.account);
        facts.iter().for_each(|fact| println!("{fact}"));
        return ExitCode::from(u8::from(facts.iter().any(|fact| fact.remedy.is_some())));
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            log::error("failed to start", &[("reason", &problem)]);
            ExitCode::from(problem.status())
        }
    }
}

fn run(cli: Cli) -> Result<(), Problem> {
    let uid = nix::unistd::geteuid();
    if !uid.is_root() {
        return Err(Problem::NotRoot(uid.as_raw()));
    }
    let service = account::ids(&cli.account)?;
    let Cli { socket, state, bpf: pins, account, .. } = cli;
    monitor::run(&monitor::Settings { socket, state, pins, account, service }).map_err(Problem::from)
}
