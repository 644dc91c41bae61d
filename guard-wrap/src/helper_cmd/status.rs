//! `es-guard helper status`: whether the helper is installed and runs, and what is wrong.

use super::service;
use crate::cli::HelperStatusArgs;
use crate::render::{LOUD, NAME, json, print, styled};
use anstyle::AnsiColor;
use helper_daemon::denial::printable;
use serde::Serialize;
use std::process::ExitCode;

/// What installs it.
pub(super) const INSTALL: &str = "sudo es-guard helper install";

/// One fact.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) ok: bool,
    pub(super) detail: String,
    pub(super) remedy: Option<String>,
}

impl Check {
    pub(super) fn good(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: true, detail: detail.into(), remedy: None }
    }

    pub(super) fn bad(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, ok: false, detail: detail.into(), remedy: Some(remedy.into()) }
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Versions {
    pub(super) es_guard: &'static str,
    pub(super) installed: Option<String>,
    pub(super) running: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Findings {
    pub(super) ok: bool,
    pub(super) installed: bool,
    pub(super) running: bool,
    pub(super) version: Versions,
    pub(super) checks: Vec<Check>,
}

impl Findings {
    pub(super) fn new(installed: bool, version: Versions, checks: Vec<Check>) -> Self {
        let (ok, running) = (checks.iter().all(|check| check.ok), version.running.is_some());
        Self { ok, installed, running, version, checks }
    }
}

/// Runs `es-guard helper status`: 0 if there is nothing to mend.
pub(super) fn run(args: &HelperStatusArgs) -> ExitCode {
    let findings = service::status::look();
    print(&if args.json { json(&findings) } else { text(&findings) });
    ExitCode::from(u8::from(!findings.ok))
}

fn text(findings: &Findings) -> String {
    let good = AnsiColor::Green.on_default();
    let mut out = String::new();
    for check in &findings.checks {
        let word = if check.ok { styled(good, "ok") } else { styled(LOUD, "problem") };
        let name = styled(NAME, format!("{}:", check.name));
        out += &format!("{name} {word}: {}\n", printable(&check.detail));
        if let Some(remedy) = &check.remedy {
            out += &format!("  remedy: {}\n", printable(remedy));
        }
    }
    out
}
