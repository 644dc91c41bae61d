//! What can be typed: commands, options, their help, and the exit status of a command line that is wrong.
//!
//! It only reads; it knows no file and starts nothing.

mod examples;
mod helper;
mod overrides;
mod stash;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, error::ErrorKind};
use examples::*;
pub(crate) use helper::{ChangeArgs, HelperCommand, HelperInstallArgs, HelperStatusArgs};
use helper_daemon::policy::OnDelete;
pub(crate) use overrides::{GrantArgs, OverrideCommand, OverrideListArgs, RevokeArgs, Target, Until};
pub(crate) use stash::{PruneArgs, RestoreArgs, StashCommand, StashListArgs};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit status when es-guard itself failed and the agent was not started.
pub(crate) const NOTHING_RAN: u8 = 125;
/// Exit status of the other commands for a command line that is wrong.
const USAGE: u8 = 2;

/// Let an AI coding agent edit your files, and not delete or move them away.
///
/// The kernel enforces it, for the agent's process tree only: your own shell and editor are not affected.
#[derive(Debug, Parser)]
#[command(name = "es-guard", version, arg_required_else_help = true, after_help = MAIN_EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an agent guarded
    Wrap(WrapArgs),
    /// What was blocked, in this session and earlier ones
    #[command(subcommand, after_help = SESSIONS_EXAMPLES)]
    Sessions(SessionsCommand),
    /// What sessions keep of what was removed in them: how much, and letting go of the oldest
    #[command(subcommand, after_help = STASH_EXAMPLES)]
    Stash(StashCommand),
    /// The live sessions that the system's helper guards
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Let a path through in a running session, for a while
    #[command(subcommand, after_help = OVERRIDE_EXAMPLES)]
    Override(OverrideCommand),
    /// Show, check or begin the policy file
    #[command(subcommand, after_help = POLICY_EXAMPLES)]
    Policy(PolicyCommand),
    /// Install, remove or look at the system's helper: a service of root's that guards the sessions of all users
    #[command(subcommand, after_help = HELPER_EXAMPLES)]
    Helper(HelperCommand),
    /// Which engines this machine has, and what is missing
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// Of this command, instead of es-guard itself
        command: Option<String>,
    },
}

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
    /// The best that this machine has
    Auto,
    /// seccomp user notification: Linux 5.19 or later, no root
    Seccomp,
}

impl EngineChoice {
    /// Whether a session may be guarded by this engine.
    pub(crate) fn takes(self, engine: &str) -> bool {
        match self {
            EngineChoice::Auto => true,
            EngineChoice::Seccomp => engine == "seccomp",
        }
    }
}

impl std::fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Where the system's helper listens
    #[arg(long, value_name = "SOCKET")]
    pub(crate) helper: Option<PathBuf>,
    /// One JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

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

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Where the system's helper listens
    #[arg(long, value_name = "SOCKET")]
    pub(crate) helper: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads a command line. `Err` is the exit status, when everything has been said already: help, the version,
/// or what is wrong. For `wrap` that is 125, as always when the agent was not started.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, ExitCode> {
    let args: Vec<OsString> = args.into_iter().collect();
    let error = match Cli::try_parse_from(&args) {
        Ok(cli) => return Ok(cli.command),
        Err(error) => error,
    };
    let wrap = args.get(1).is_some_and(|word| word == "wrap");
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if wrap && error.kind() == ErrorKind::MissingRequiredArgument {
        crate::render::tell(NO_COMMAND);
    } else {
        // A closed pipe is no reason for another status.
        let _ = error.print();
    }
    Err(match (asked, wrap) {
        (true, _) => ExitCode::SUCCESS,
        (false, true) => ExitCode::from(NOTHING_RAN),
        (false, false) => ExitCode::from(USAGE),
    })
}

/// Prints a completion script.
pub(crate) fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "es-guard", &mut script);
    print_bytes(&script)
}

/// Prints the manual page of es-guard, or of one of its commands.
pub(crate) fn man(command: Option<&str>) -> ExitCode {
    let mut all = Cli::command();
    all.build();
    let page = match command {
        None => all,
        Some(name) => match all.find_subcommand(name) {
            Some(found) => found.clone(),
            None => {
                let names: Vec<&str> = all.get_subcommands().map(clap::Command::get_name).collect();
                let names = names.join(", ");
                crate::render::note(&format!("there is no command `{name}`. Name one of: {names}"));
                return ExitCode::from(USAGE);
            }
        },
    };
    let mut text = Vec::new();
    match clap_mangen::Man::new(page).render(&mut text) {
        Ok(()) => print_bytes(&text),
        Err(_) => ExitCode::FAILURE,
    }
}

fn print_bytes(bytes: &[u8]) -> ExitCode {
    match std::io::stdout().lock().write_all(bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

const NO_COMMAND: &str = "es-guard: failed to start: no command was given. Put it after `--`, for example: es-guard wrap -- codex\n";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn wrap(args: &[&str]) -> WrapArgs {
        let args = ["es-guard", "wrap"].iter().chain(args).map(OsString::from);
        match parse(args) {
            Ok(Command::Wrap(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_after_the_command_are_the_commands() {
        for args in [["--zone", "z", "--", "rm", "--quiet"].as_slice(), &["--zone", "z", "rm", "--quiet"]] {
            let args = wrap(args);
            assert_eq!(args.command, ["rm", "--quiet"]);
            assert_eq!(args.zones, ["z"]);
            assert!(!args.quiet);
        }
    }

    #[test]
    fn an_engine_that_is_asked_for_is_the_only_one() {
        assert_eq!(wrap(&["x"]).engine, EngineChoice::Auto);
        let asked = wrap(&["--engine", "seccomp", "x"]).engine;
        assert!(asked.takes("seccomp") && !asked.takes("bpf-lsm"));
        assert!(EngineChoice::Auto.takes("seccomp") && EngineChoice::Auto.takes("bpf-lsm"));
        assert_eq!(asked.to_string(), "seccomp");
        assert!(parse(["es-guard", "wrap", "--engine", "magic", "x"].map(OsString::from)).is_err());
    }

    #[test]
    fn names_that_are_not_utf8_come_through() {
        let odd = OsString::from_vec(b"\xff".to_vec());
        let args = ["es-guard".into(), "wrap".into(), "--zone".into(), odd.clone(), "--".into(), odd.clone()];
        match parse(args) {
            Ok(Command::Wrap(args)) => assert_eq!((&args.zones[0], &args.command[0]), (&odd, &odd)),
            other => panic!("{other:?}"),
        }
    }
}
