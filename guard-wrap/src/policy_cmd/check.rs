//! `es-guard policy check`: whether the policy file can be used.

use super::plan;
use crate::cli::PolicyArgs;
use crate::plan::{Compiled, Origin, PlanError};
use crate::render::fit::count;
use crate::render::{json, note, print, problem, tell};
use helper_daemon::denial::printable;
use serde::Serialize;
use std::process::ExitCode;

/// The JSON form of `check`.
#[derive(Serialize)]
struct Checked {
    file: String,
    valid: bool,
    line: Option<usize>,
    column: Option<usize>,
    problem: Option<String>,
    warnings: Vec<String>,
}

pub(super) fn run(args: &PolicyArgs) -> ExitCode {
    let (plan, _) = match plan(args.policy.as_deref()) {
        Ok(plan) => plan,
        Err(error) => {
            problem(&error);
            return ExitCode::FAILURE;
        }
    };
    let compiled = plan.compile();
    let file = printable(&plan.watched().to_string_lossy());
    if args.json {
        print(&json(&checked(file, &compiled)));
    } else {
        match &compiled {
            Ok(compiled) if compiled.file => {
                let zones = compiled.origins.iter().filter(|&&origin| origin == Origin::PolicyFile).count();
                let zones = count(zones as u64, "zone");
                let overrides = count(compiled.policy.overrides.len() as u64, "override");
                print(&format!("{file}: valid: {zones}, {overrides}"));
                compiled.warnings.iter().for_each(|warning| note(warning));
            }
            Ok(_) => note(&format!(
                "there is no policy file {file}: nothing to check. Write one with: es-guard policy init"
            )),
            // As compilers write it, so that editors can jump there.
            Err(PlanError::FileBroken { mistake, .. }) => {
                tell(&format!("{file}:{}:{}: {}\n", mistake.line, mistake.column, printable(&mistake.what)));
            }
            Err(error) => problem(error),
        }
    }
    if compiled.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn checked(file: String, compiled: &Result<Compiled, PlanError>) -> Checked {
    let mut out =
        Checked { file, valid: true, line: None, column: None, problem: None, warnings: Vec::new() };
    match compiled {
        Ok(compiled) => out.warnings.clone_from(&compiled.warnings),
        Err(error) => {
            out.valid = false;
            out.problem = Some(match error {
                PlanError::FileBroken { mistake, .. } => {
                    (out.line, out.column) = (Some(mistake.line), Some(mistake.column));
                    mistake.what.clone()
                }
                other => format!("failed to {other}"),
            });
        }
    }
    out
}
