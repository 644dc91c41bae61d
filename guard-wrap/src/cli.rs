//! What can be typed: commands, options, their help, and the exit status of a command line that is wrong.
//!
//! It only reads; it knows no file and starts nothing.

mod agents;
mod asking;
mod examples;
mod helper;
mod overrides;
mod policy;
mod sessions;
mod stash;
mod wrap;

pub(crate) use agents::{HookArgs, McpArgs};
pub(crate) use asking::{ApproveArgs, CheckArgs, RequestArgs, WhyArgs};
use clap::{Args, CommandFactory, Parser, Subcommand, error::ErrorKind};
use examples::*;
pub(crate) use helper::{ChangeArgs, HelperCommand, HelperInstallArgs, HelperStatusArgs};
pub(crate) use overrides::{GrantArgs, OverrideCommand, OverrideListArgs, RevokeArgs, Target, Until};
pub(crate) use policy::{PolicyArgs, PolicyCommand, PolicyInitArgs};
pub(crate) use sessions::{ListArgs, SessionsCommand, ShowArgs};
#[cfg(target_os = "linux")]
pub(crate) use stash::{PruneArgs, StashListArgs};
pub(crate) use stash::{RestoreArgs, StashCommand};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
pub(crate) use wrap::{EngineChoice, WrapArgs};

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
    /// The sessions that run now
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Let a path through in a running session, for a while
    #[command(subcommand, after_help = OVERRIDE_EXAMPLES)]
    Override(OverrideCommand),
    /// Why something was blocked, and what to do
    #[command(after_help = WHY_EXAMPLES)]
    Why(WhyArgs),
    /// What would become of an operation, without doing it
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Ask whoever runs the session to let a path through
    #[command(after_help = REQUEST_EXAMPLES)]
    Request(RequestArgs),
    /// Answer what agents ask for, as it comes in
    #[command(after_help = APPROVE_EXAMPLES)]
    Approve(ApproveArgs),
    /// Be a server of tools for an agent, over standard input and output (MCP)
    #[command(after_help = MCP_EXAMPLES)]
    Mcp(McpArgs),
    /// Be an agent's hook: tell its model what was refused since
    #[command(after_help = HOOK_EXAMPLES)]
    Hook(HookArgs),
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
        /// Of this command, such as `wrap` or `sessions restore`, instead of es-guard itself
        command: Vec<String>,
    },
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
/// or what is wrong. For `wrap` that is 125, as always when the agent was not started; for `hook` 0, as agents take
/// another status for an order to stop.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, ExitCode> {
    let args: Vec<OsString> = args.into_iter().collect();
    let error = match Cli::try_parse_from(&args) {
        Ok(cli) => return Ok(cli.command),
        Err(error) => error,
    };
    let wrap = args.get(1).is_some_and(|word| word == "wrap");
    let hook = args.get(1).is_some_and(|word| word == "hook");
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if wrap && error.kind() == ErrorKind::MissingRequiredArgument {
        crate::render::tell(NO_COMMAND);
    } else {
        // A closed pipe is no reason for another status.
        let _ = error.print();
    }
    Err(match (asked || hook, wrap) {
        (true, _) => ExitCode::SUCCESS,
        (false, true) => ExitCode::from(NOTHING_RAN),
        (false, false) => ExitCode::from(USAGE),
    })
}

/// Prints a completion script.
pub(crate) fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "es-guard", &mut script);
    if shell == clap_complete::Shell::Bash {
        script = with_one_name(&script);
    }
    print_bytes(&script)
}

/// clap_complete 4.6 gives a program with a hyphen in its name two names in a script for bash: one where it looks
/// which command is typed, another where it has that command's words.
fn with_one_name(script: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(script).replace("es__subcmd__guard", "es__guard").into_bytes()
}

/// Prints the manual page of es-guard, or of one of its commands.
pub(crate) fn man(command: &[String]) -> ExitCode {
    let mut all = Cli::command();
    all.build();
    let mut page = &all;
    for name in command {
        let Some(found) = page.find_subcommand(name) else {
            let names: Vec<&str> = page.get_subcommands().map(clap::Command::get_name).collect();
            let (whole, of) = (command.join(" "), page.get_bin_name().unwrap_or("es-guard"));
            crate::render::note(&match names.join(", ") {
                names if names.is_empty() => {
                    format!("there is no command `{whole}`: `{of}` has none below it")
                }
                names => format!("there is no command `{whole}`. Name one of: {names}"),
            });
            return ExitCode::from(USAGE);
        };
        page = found;
    }
    let mut text = Vec::new();
    match clap_mangen::Man::new(page.clone()).render(&mut text) {
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

    /// What is set out in columns must not be folded on a usual screen, and what is a sentence is folded as it needs.
    #[test]
    fn examples_fit_a_usual_screen() {
        fn walk(command: &clap::Command, seen: &mut usize) {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in text.lines().filter(|line| line.starts_with("  ")) {
                assert!(line.chars().count() <= 80, "{}: {line}", command.get_name());
                *seen += 1;
            }
            command.get_subcommands().for_each(|below| walk(below, seen));
        }
        let mut seen = 0;
        walk(&Cli::command(), &mut seen);
        assert!(seen > 50, "{seen}");
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
        let in_kernel = wrap(&["--engine", "bpf-lsm", "x"]).engine;
        assert!(
            in_kernel.takes("bpf-lsm") && in_kernel.takes("bpf-lsm+seccomp") && !in_kernel.takes("seccomp")
        );
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
