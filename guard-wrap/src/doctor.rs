//! `es-guard doctor`: which engines this machine has, and what stands in the way.

#[cfg(target_os = "linux")]
pub(crate) mod linux;
#[cfg(any(test, target_os = "macos"))]
pub(crate) mod macos;

use crate::asking::target::places;
use crate::cli::DoctorArgs;
use crate::plan::{Asked, Plan, PlanError};
use crate::platform;
use crate::render::fit::under_home;
use crate::render::{LOUD, NAME, NOTE, json, print, styled};
use crate::state::{StateFolder, home};
use anstyle::AnsiColor;
use helper_daemon::client::live;
use helper_daemon::denial::printable;
use helper_daemon::engine::probe::{EngineReport, probe};
use serde::Serialize;
use std::process::ExitCode;

/// Something beside the engines that `wrap` depends on.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
}

#[derive(Debug, Serialize)]
struct Findings {
    version: &'static str,
    usable: bool,
    engines: Vec<EngineReport>,
    checks: Vec<Check>,
}

/// Runs `es-guard doctor`: 0 if at least one engine can be used.
pub(crate) fn run(args: &DoctorArgs) -> ExitCode {
    let engines = probe();
    let usable = engines.iter().any(|engine| engine.available);
    let mut checks = vec![state_folder(args), policy_file()];
    checks.extend(platform::checks(args));
    let findings = Findings { version: env!("CARGO_PKG_VERSION"), usable, engines, checks };
    print(&if args.json { json(&findings) } else { text(&findings) });
    if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn state_folder(args: &DoctorArgs) -> Check {
    let name = "state folder";
    // There nobody may write it, and to try would be told as the agent's doing.
    if let Some(live) = places(args.helper.as_deref()).ok().and_then(|places| live::inside(&places)) {
        let detail = format!("written by the helper of session {}, and by nobody inside it", live.session);
        return Check { name, ok: true, detail };
    }
    let tried = StateFolder::locate().and_then(|folder| {
        let folder = folder.prepare()?;
        folder.try_writing()?;
        Ok(folder)
    });
    let (ok, detail) = match tried {
        Ok(folder) => {
            (true, format!("{} is writable", under_home(folder.path(), dirs::home_dir().as_deref())))
        }
        Err(error) => (false, format!("failed to {error}")),
    };
    Check { name, ok, detail }
}

fn policy_file() -> Check {
    let name = "policy file";
    let home = match home() {
        Ok(home) => home,
        Err(error) => return Check { name, ok: false, detail: format!("failed to {error}") },
    };
    let compiled = std::env::current_dir().map_err(PlanError::CurrentDirectory).and_then(|cwd| {
        let plan = Plan::new(&Asked::nothing(&home, &cwd))?;
        Ok((under_home(plan.watched(), Some(&home)), plan.compile()?))
    });
    let (ok, detail) = match compiled {
        Ok((path, compiled)) if !compiled.file => (true, format!("{path} is not there, and need not be")),
        Ok((path, compiled)) if compiled.warnings.is_empty() => (true, format!("{path} is valid")),
        Ok((path, compiled)) => (true, format!("{path} is valid; {}", compiled.warnings.join("; "))),
        Err(error) => (false, format!("failed to {error}")),
    };
    Check { name, ok, detail }
}

fn text(findings: &Findings) -> String {
    let good = AnsiColor::Green.on_default();
    let mut out = String::new();
    for engine in &findings.engines {
        let word = if engine.available { styled(good, "available") } else { styled(NOTE, "not available") };
        out += &format!("{} {word}\n", styled(NAME, format!("{}:", engine.name)));
        for reason in &engine.reasons {
            out += &format!("  {}\n", printable(reason));
        }
        if let Some(remedy) = &engine.remedy {
            out += &format!("  remedy: {}\n", printable(remedy));
        }
    }
    for check in &findings.checks {
        let word = if check.ok { styled(good, "ok") } else { styled(LOUD, "problem") };
        let name = styled(NAME, format!("{}:", check.name));
        out += &format!("{name} {word}: {}\n", printable(&check.detail));
    }
    if !findings.usable {
        out += &format!(
            "{} no engine can be used here: es-guard wrap would start nothing\n",
            styled(LOUD, "es-guard:")
        );
    }
    out
}
