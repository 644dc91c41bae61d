//! Runs one row against the real kernel, bare or guarded, and says what is wrong.

use crate::guard::{Mode, Stage, Watchdog, denials, kept};
use crate::person;
use crate::row::{Expected, Row, Step, Who};
use crate::sandbox::Sandbox;
use crate::words::{line, words};
use helper_daemon::denial::Denial;
use helper_daemon::policy::OnDelete;
use nix::errno::Errno;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What came of a row's steps.
#[derive(Debug)]
pub struct Steps {
    /// `ok` or the errno's name, a step each; shorter where the driver died.
    pub results: Vec<String>,
    /// What else the run said.
    pub remarks: String,
    /// What the ledger has.
    pub denials: Vec<Denial>,
    /// What was let through, and what it took is in the stash.
    pub kept: Vec<Denial>,
    sandbox: Sandbox,
}

/// Runs the row and returns everything that is wrong with it, each naming row, step, expected and got.
pub fn bare(stage: &Stage, row: &Row, who: Who) -> Vec<String> {
    let run = perform(stage, row, who, false);
    let refused = row.first_refused();
    let until = refused.map_or(row.steps.len(), |first| first + 1);
    let mut wrong = compare(&run, &row.steps[..until], true);
    let unmet = run.sandbox.unmet(&row.after);
    match refused {
        None => wrong.extend(unmet),
        Some(_) if unmet.is_empty() && row.harmless_bare.is_none() => {
            wrong.push("the attack does no harm unguarded: all that must hold afterwards does".to_owned());
        }
        Some(_) => {}
    }
    told(row, who, "bare", &run, wrong)
}

/// Runs the row in a session and returns everything that is wrong.
pub fn guarded(stage: &Stage, row: &Row, who: Who) -> Vec<String> {
    let run = perform(stage, row, who, true);
    let mut wrong = compare(&run, &row.steps, false);
    wrong.extend(run.sandbox.unmet(&row.after));
    if let Some(expected) = row.reasons() {
        let got: Vec<_> = run.denials.iter().map(|denial| denial.reason).collect();
        if expected != got {
            let got: Vec<_> = run.denials.iter().map(brief).collect();
            wrong.push(format!("ledger: expected {expected:?}, got {got:?}"));
        }
    }
    let got: Vec<_> = run.kept.iter().map(|kept| kept.reason).collect();
    if row.kept() != got {
        wrong.push(format!("stash: expected {:?}, got {:?}", row.kept(), run.kept.iter().map(brief)));
    }
    if row.kernel_only.is_none() && row.reasons().is_some() {
        wrong.extend(differs_from_model(row, &run));
    }
    wrong.extend(not_restored(stage, row, &run));
    told(row, who, "guarded", &run, wrong)
}

/// What is not as it must be once everything that was kept is put back.
fn not_restored(stage: &Stage, row: &Row, run: &Steps) -> Vec<String> {
    if row.restored.is_empty() {
        return Vec::new();
    }
    let restored = stage.guard(&run.sandbox, &["sessions", "restore", "--force"]).output();
    let restored = restored.expect("es-guard runs");
    let mut wrong = run.sandbox.unmet(&row.restored);
    if !restored.status.success() {
        let [out, err] = [&restored.stdout, &restored.stderr].map(|text| String::from_utf8_lossy(text));
        wrong.push(format!("restore ends with {}: {out}{err}", restored.status));
    }
    wrong
}

fn brief(denial: &Denial) -> String {
    format!(
        "{} of {} to {:?}: {}",
        denial.op.word(),
        denial.path.display(),
        denial.dest,
        denial.reason.word()
    )
}

/// The records have the names that the model has.
fn differs_from_model(row: &Row, run: &Steps) -> Vec<String> {
    let root = run.sandbox.root();
    let (kept, denied): (Vec<_>, Vec<_>) = match crate::model::foreseen(row, &root) {
        Ok(foreseen) => foreseen.into_iter().partition(|foreseen| foreseen.kept),
        Err(why) => return vec![format!("model: {why}")],
    };
    // Where mounts give a place several names, any of them will do for the place that nothing came to.
    let mounts = row.steps.iter().any(|step| step.text.starts_with("bind_mount"));
    let mut wrong = Vec::new();
    for (expected, got) in denied.iter().zip(&run.denials).chain(kept.iter().zip(&run.kept)) {
        let got = (got.op, &got.path, got.dest.as_ref().filter(|_| !mounts), &got.zone);
        let expected =
            (expected.op, &expected.path, expected.dest.as_ref().filter(|_| !mounts), &expected.zone);
        if expected != got {
            wrong.push(format!("ledger: expected {expected:?}, got {got:?}"));
        }
    }
    wrong
}

fn told(row: &Row, who: Who, how: &str, run: &Steps, wrong: Vec<String>) -> Vec<String> {
    let remarks =
        if run.remarks.is_empty() { String::new() } else { format!(" [{}]", run.remarks.trim_end()) };
    wrong.into_iter().map(|what| format!("{} ({who:?}, {how}): {what}{remarks}", row.name)).collect()
}

fn compare(run: &Steps, steps: &[Step], bare: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let got = run.results.get(n).map_or("nothing: the driver ended", String::as_str);
        let expected = match step.expected {
            Expected::Done | Expected::Kept(_) => "ok",
            Expected::Bare(errno) => errno,
            Expected::Denied(_) | Expected::Refused if bare => "ok",
            Expected::Denied(_) => "EPERM",
            Expected::Refused if got.starts_with('E') => continue,
            Expected::Refused => "an error",
        };
        if got != expected {
            wrong.push(format!("step {}, {}: expected {expected}, got {got}", n + 1, step.text));
        }
    }
    wrong
}

fn perform(stage: &Stage, row: &Row, who: Who, guard: bool) -> Steps {
    let sandbox = Sandbox::of(row, who);
    let root = sandbox.root();
    let steps = sandbox.beside("steps");
    std::fs::write(&steps, script(row, &root)).expect("the steps");
    let mode = if guard { guarded_mode(row, &sandbox) } else { Mode::Bare };
    let mut command = stage.command(&sandbox, &mode, &stage.program("driver"));
    command.arg(steps).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {command:?}: {error}", row.name));
    let _watchdog = Watchdog::of(child.id());
    let mut answer = child.stdin.take().expect("a pipe");
    let mut results = Vec::new();
    for said in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let said = said.expect("the driver's words");
        let result = said.split_once(' ').map_or("", |(_, result)| result);
        if result == "ask" {
            person::does(&root, row.steps[results.len()].of_person().expect("a step of the person"));
            sandbox.hand_over();
            answer.write_all(b"\n").expect("the driver listens");
            results.push("ok".to_owned());
        } else {
            results.push(named(result));
        }
    }
    let status = child.wait().expect("its status");
    let mut remarks = String::new();
    _ = child.stderr.take().expect("a pipe").read_to_string(&mut remarks);
    if !status.success() {
        remarks = format!("{status}; {remarks}");
    }
    Steps { results, remarks, denials: denials(&sandbox), kept: kept(&sandbox), sandbox }
}

fn script(row: &Row, root: &Path) -> String {
    let step = |step: &Step| match step.of_person() {
        Some(_) => "ask\n".to_owned(),
        None => line(&words(&step.text, &root.to_string_lossy())),
    };
    row.steps.iter().map(step).collect()
}

pub(crate) fn named(result: &str) -> String {
    match result.parse::<i32>() {
        Ok(0) => "ok".to_owned(),
        Ok(84) | Ok(-84) => "another content".to_owned(),
        Ok(n) => format!("{:?}", Errno::from_raw(-n)),
        Err(_) => result.to_owned(),
    }
}

fn guarded_mode(row: &Row, sandbox: &Sandbox) -> Mode {
    let zones: Vec<PathBuf> = row.zones.iter().map(|zone| sandbox.root().join(zone)).collect();
    if row.overrides.is_empty() && row.exempt_names.is_empty() && row.on_delete == OnDelete::Deny {
        return Mode::Guarded { zones, policy: None };
    }
    let overrides = row.overrides.iter().map(|o| {
        let path = sandbox.root().join(&o.path);
        match (o.expires_at, o.op) {
            (Some(at), None) => serde_json::json!({"path": path, "expires_at": at, "reason": "a row"}),
            (None, None) => serde_json::json!({"path": path}),
            (at, op) => serde_json::json!({"path": path, "expires_at": at, "op": op}),
        }
    });
    let overrides: Vec<_> = overrides.collect();
    let zone = |path: &PathBuf| serde_json::json!({"path": path, "on_delete": row.on_delete});
    let policy = serde_json::json!({
        "protected_zones": zones.iter().map(zone).collect::<Vec<_>>(),
        "temporary_overrides": overrides,
        "exempt_names": row.exempt_names,
    });
    let path = sandbox.beside("policy.json");
    std::fs::write(&path, policy.to_string()).expect("a policy");
    Mode::Guarded { zones: Vec::new(), policy: Some(path) }
}
