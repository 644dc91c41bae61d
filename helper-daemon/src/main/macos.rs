//! The helper on macOS: it guards nobody yet, and says so.

use clap::Parser;
use std::process::ExitCode;

/// es-guard's system helper: guards the sessions of all users of this machine.
///
/// It is started as root, by launchd.
#[derive(Debug, Parser)]
#[command(name = "es-guard-helper", version)]
struct Cli {}

/// `EX_CONFIG` of `sysexits.h`: no other try would mend it.
const NOT_CONFIGURED: u8 = 78;

/// Says why there is nothing to run.
pub(crate) fn main() -> ExitCode {
    Cli::parse();
    eprintln!(
        "es-guard-helper: failed to start: the Endpoint Security engine is not in this version of es-guard yet"
    );
    ExitCode::from(NOT_CONFIGURED)
}
