//! What a person sees: the banner, the summary, and problems.
//!
//! Everything here makes text from facts and starts nothing. Text that came from the tree is made printable
//! first: a file name must not drive a terminal. Colours are written always and taken out by `anstream` where
//! they are not wanted: not a terminal, `NO_COLOR`.

pub(crate) mod banner;
pub(crate) mod fit;
pub(crate) mod report;
pub(crate) mod rows;
pub(crate) mod summary;

use anstyle::{AnsiColor, Style};
use helper_daemon::denial::printable;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether data could not be written to stdout.
static UNWRITTEN: AtomicBool = AtomicBool::new(false);

/// What went wrong, or protects less than it seems to.
pub(crate) const LOUD: Style = AnsiColor::Red.on_default().bold();
/// What a person should look at.
pub(crate) const NOTE: Style = AnsiColor::Yellow.on_default();
/// es-guard's name at the beginning of a line.
pub(crate) const NAME: Style = Style::new().bold();
/// What matters less.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Text in a style.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Tells, on stderr, why something failed. Errors of this program complete "failed to …".
pub(crate) fn problem(error: &dyn std::error::Error) {
    tell(&format!("{} failed to {}\n", styled(LOUD, "es-guard:"), printable(&error.to_string())));
}

/// Tells, on stderr, what a person should know.
pub(crate) fn note(text: &str) {
    tell(&format!("{} {}\n", styled(NOTE, "es-guard:"), printable(text)));
}

/// Writes text for a person to stderr as it is: the banner, a summary.
pub(crate) fn tell(text: &str) {
    // Where stderr is closed there is nobody to tell.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Writes data to stdout, ended by a newline. What could not be written is told, and makes the status [`ended`] a
/// failure.
pub(crate) fn print(text: &str) {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    match anstream::stdout().write_all(format!("{text}{end}").as_bytes()) {
        Ok(()) => {}
        // The reader has seen enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
        Err(e) => {
            if !UNWRITTEN.swap(true, Ordering::Relaxed) {
                tell(&format!("{} failed to write to standard output: {e}\n", styled(LOUD, "es-guard:")));
            }
        }
    }
}

/// The exit status of a command that has printed its data.
pub(crate) fn ended(status: ExitCode) -> ExitCode {
    if UNWRITTEN.load(Ordering::Relaxed) && status == ExitCode::SUCCESS { ExitCode::FAILURE } else { status }
}

/// Data as one line of JSON.
pub(crate) fn json(data: &impl serde::Serialize) -> String {
    // Strings, numbers and lists: there is nothing in this program's data that can't be written.
    serde_json::to_string(data).unwrap_or_default()
}
