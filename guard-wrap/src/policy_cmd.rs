//! `es-guard policy`: what would be guarded here, whether the policy file can be used, and beginning one.
//!
//! It starts nothing and, but for `init`, writes nothing.

use crate::cli::{PolicyArgs, PolicyCommand, PolicyInitArgs};
use crate::plan::{Asked, Compiled, Origin, Plan, PlanError};
use crate::render::fit::{count, under_home};
use crate::render::{FAINT, json, note, print, problem, styled, tell};
use crate::state::{StateError, StateFolder, default_policy, home};
use helper_daemon::denial::printable;
use helper_daemon::policy::{EXEMPT_NAMES, GIT_DIR, OnDelete, Override, REPLACERS, Zone};
use serde::Serialize;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, thiserror::Error)]
enum PolicyError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("write the policy file {0}: it is there already. Edit it, or name another with --policy")]
    Exists(PathBuf),
    #[error("write the policy file {path}: {source}. Name another with --policy")]
    Unwritten { path: PathBuf, source: std::io::Error },
    #[error("write a policy file for {0}: its path is not UTF-8, which JSON can't hold. Use --zone instead")]
    NotUtf8(PathBuf),
}

/// Runs `es-guard policy`.
pub(crate) fn run(command: &PolicyCommand) -> ExitCode {
    let done = match command {
        PolicyCommand::Show(args) => show(args),
        PolicyCommand::Check(args) => return check(args),
        PolicyCommand::Init(args) => init(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            problem(&error);
            ExitCode::FAILURE
        }
    }
}

/// What a `wrap` in the current directory would be compiled from.
fn plan(policy: Option<&Path>) -> Result<(Plan, PathBuf), PolicyError> {
    let home = home()?;
    let cwd = std::env::current_dir().map_err(PlanError::CurrentDirectory)?;
    let state = StateFolder::locate()?.path().canonicalize().ok();
    let state = state.as_deref();
    Ok((
        Plan::new(&Asked {
            zones: &[],
            on_delete: OnDelete::Deny,
            policy,
            home: &home,
            cwd: &cwd,
            state,
            control: None,
        })?,
        home,
    ))
}

/// The JSON form of `show`.
#[derive(Serialize)]
struct Shown<'a> {
    file: String,
    file_exists: bool,
    zones: Vec<ShownZone<'a>>,
    overrides: &'a [Override],
    exempt_names: Vec<&'a str>,
    replacers: Vec<&'a str>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct ShownZone<'a> {
    #[serde(flatten)]
    zone: &'a Zone,
    from: Origin,
}

fn show(args: &PolicyArgs) -> Result<(), PolicyError> {
    let (plan, home) = plan(args.policy.as_deref())?;
    let compiled = plan.compile()?;
    let policy = &compiled.policy;
    if args.json {
        let zones = policy.zones.iter().zip(&compiled.origins);
        print(&json(&Shown {
            file: plan.watched().to_string_lossy().into_owned(),
            file_exists: compiled.file,
            zones: zones.map(|(zone, &from)| ShownZone { zone, from }).collect(),
            overrides: &policy.overrides,
            exempt_names: all(&EXEMPT_NAMES, &policy.exempt_names),
            replacers: all(&REPLACERS, &policy.replacers),
            warnings: &compiled.warnings,
        }));
    } else {
        print(&text(&plan, &compiled, &home));
        compiled.warnings.iter().for_each(|warning| note(warning));
    }
    Ok(())
}

/// What is built in, and what the policy file adds.
fn all<'a>(built_in: &[&'a str], further: &'a [String]) -> Vec<&'a str> {
    built_in.iter().copied().chain(further.iter().map(String::as_str)).collect()
}

fn text(plan: &Plan, compiled: &Compiled, home: &Path) -> String {
    let policy = &compiled.policy;
    let home = Some(home);
    let missing = if compiled.file { "" } else { " (not there)" };
    let mut out =
        format!("{} {}{missing}\n", styled(FAINT, "policy file "), under_home(plan.watched(), home));
    let mut line =
        |title: &str, text: String| out += &format!("{} {text}\n", styled(FAINT, format!("{title:<12}")));
    let zones = policy.zones.iter().zip(&compiled.origins);
    for (at, (zone, origin)) in zones.enumerate() {
        let title = if at == 0 { "zones" } else { "" };
        let stash =
            if zone.on_delete == OnDelete::Stash { "; what would be lost is kept in the stash" } else { "" };
        line(title, format!("{}  ({}{stash})", under_home(&zone.path, home), origin.words()));
    }
    let now = jiff::Timestamp::now().as_second();
    for (at, entry) in policy.overrides.iter().enumerate() {
        let until = match entry.expires_at {
            None => "for ever".to_owned(),
            Some(end) if i64::try_from(end).is_ok_and(|end| end <= now) => "expired".to_owned(),
            Some(end) => format!("until {}", moment(end)),
        };
        let reason =
            entry.reason.as_deref().map(|reason| format!(": {}", printable(reason))).unwrap_or_default();
        let title = if at == 0 { "overrides" } else { "" };
        line(title, format!("{}  ({until}{reason})", under_home(&entry.path, home)));
    }
    if policy.overrides.is_empty() {
        line("overrides", "none".to_owned());
    }
    line("exempt names", format!("{}  (built in)", EXEMPT_NAMES.join(", ")));
    if !policy.exempt_names.is_empty() {
        line("", format!("{}  (policy file)", printable(&policy.exempt_names.join(", "))));
    }
    line("", format!("{GIT_DIR}  (for git and jj alone)"));
    line("replacers", format!("{}  (built in)", REPLACERS.join(", ")));
    if !policy.replacers.is_empty() {
        line("", format!("{}  (policy file)", printable(&policy.replacers.join(", "))));
    }
    out
}

/// A Unix time as a person reads it.
fn moment(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    time.map_or_else(
        || "the end of time".to_owned(),
        |time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

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

fn check(args: &PolicyArgs) -> ExitCode {
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

fn init(args: &PolicyInitArgs) -> Result<(), PolicyError> {
    let home = home()?;
    // The project, as if there were no policy file yet.
    let cwd = std::env::current_dir().map_err(PlanError::CurrentDirectory)?;
    let nowhere = Asked {
        zones: &[],
        on_delete: OnDelete::Deny,
        policy: None,
        home: &home,
        cwd: &cwd,
        state: None,
        control: None,
    };
    let project = Plan::new(&nowhere)?.project().to_owned();
    let path = args.policy.as_ref().map_or_else(|| default_policy(&home), |path| cwd.join(path));
    let text = example(&project, &home)?;
    let unwritten = |source: std::io::Error| match source.kind() {
        ErrorKind::AlreadyExists => PolicyError::Exists(path.clone()),
        _ => PolicyError::Unwritten { path: path.clone(), source },
    };
    if let (None, Some(folder)) = (&args.policy, path.parent()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritten)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(unwritten)?;
    print(&format!("{} guards {}", under_home(&path, Some(&home)), under_home(&project, Some(&home))));
    note("edit it, then try: es-guard policy check");
    Ok(())
}

/// A policy file for a project. JSON has no comments, so the example is an override that has expired.
fn example(project: &Path, home: &Path) -> Result<String, PolicyError> {
    let text = project.to_str().ok_or_else(|| PolicyError::NotUtf8(project.to_owned()))?;
    let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    let project = match project.strip_prefix(&home).ok().and_then(Path::to_str) {
        Some("") => "~".to_owned(),
        Some(below) => format!("~/{below}"),
        None => text.to_owned(),
    };
    let example = format!("{}/example", project.trim_end_matches('/'));
    let quoted = |text: &str| json(&text);
    Ok(format!(
        r#"{{
  "protected_zones": [
    {}
  ],
  "temporary_overrides": [
    {{
      "path": {},
      "expires_at": 1,
      "reason": "an example: this path may be deleted until expires_at, in Unix seconds"
    }}
  ],
  "exempt_names": [],
  "replacers": []
}}
"#,
        quoted(&project),
        quoted(&example)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use helper_daemon::policy::file::parse;

    #[test]
    fn what_init_writes_is_valid_and_lets_nothing_through() {
        for (project, written) in
            [("/h/u/a \"b\"", "/h/u/a \"b\""), ("/h/u", "/h/u"), ("/srv", "/srv"), ("/", "/")]
        {
            let text = example(Path::new(project), Path::new("/h/u")).unwrap();
            let file = parse(text.as_bytes(), Path::new("/h/u")).unwrap();
            assert_eq!(file.zones[0].path, PathBuf::from(written));
            assert_eq!(file.overrides[0].expires_at, Some(1));
        }
    }
}
