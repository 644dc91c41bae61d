//! One session: the agent, the helper, and what passes between them.

use std::process::ExitCode;

/// Runs the agent guarded.
pub(crate) fn run(args: &crate::cli::WrapArgs) -> ExitCode {
    match crate::preparation::prepare(args) {
        Ok(prepared) => {
            crate::render::tell("not there yet\n");
            prepared.state.discard_ledger(&prepared.id);
        }
        Err(error) => crate::render::problem(&error),
    }
    ExitCode::from(crate::cli::NOTHING_RAN)
}
