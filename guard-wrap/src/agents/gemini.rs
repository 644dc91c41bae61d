//! Google's Gemini CLI.
//!
//! Nothing of it can be said on its command line: it is told of es-guard by its person's settings, and this is what
//! their hook speaks to.

use super::{Agent, Guard};
use std::ffi::OsString;

/// Gemini CLI.
pub(super) struct Gemini;

impl Agent for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["gemini"]
    }

    fn packages(&self) -> &'static [&'static str] {
        &["@google/gemini-cli"]
    }

    fn extended(&self, _: &[OsString], _: &Guard) -> Option<Vec<OsString>> {
        None
    }
}
