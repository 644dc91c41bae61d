//! The commands that not every system has, on Linux: all of them.

use crate::state::StateFolder;
use std::process::ExitCode;

pub(crate) use crate::doctor::linux::checks;
pub(crate) use crate::helper_cmd::run as helper;
pub(crate) use crate::sessions::restore::run as restore;
pub(crate) use crate::stash::run as stash;

/// Whether this process is one of es-guard's own, and what became of it: none is on Linux, where they are forked.
pub(crate) fn own_process() -> Option<ExitCode> {
    None
}

/// Tidies up after a session.
pub(crate) fn tidy(state: &StateFolder) {
    crate::stash::tidy(state);
    crate::sessions::tidy_doors(state);
}
