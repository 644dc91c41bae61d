//! `es-guard policy show`: what a `wrap` here would guard, and what it would let through.

use super::{PolicyError, plan};
use crate::cli::PolicyArgs;
use crate::plan::{Compiled, Origin, Plan};
use crate::render::fit::under_home;
use crate::render::{FAINT, json, note, print, styled};
use helper_daemon::denial::printable;
use helper_daemon::policy::{Asking, EXEMPT_NAMES, GIT_DIR, OnDelete, Override, REPLACERS, Requests, Zone};
use jiff::SignedDuration;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The JSON form of `show`.
#[derive(Serialize)]
struct Shown<'a> {
    file: String,
    file_exists: bool,
    zones: Vec<ShownZone<'a>>,
    overrides: &'a [Override],
    exempt_names: Vec<&'a str>,
    replacers: Vec<&'a str>,
    requests: Requests,
    self_grant: &'a [PathBuf],
    /// In seconds; `None`: the agent grants itself nothing.
    self_grant_max: Option<u64>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct ShownZone<'a> {
    #[serde(flatten)]
    zone: &'a Zone,
    from: Origin,
}

pub(super) fn run(args: &PolicyArgs) -> Result<(), PolicyError> {
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
            requests: policy.asking.requests,
            self_grant: &policy.asking.self_grant,
            self_grant_max: policy.asking.longest(),
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
    line("requests", who_decides(&policy.asking, home));
    out
}

/// Who decides what the agent asks for.
fn who_decides(asking: &Asking, home: Option<&Path>) -> String {
    let places = || asking.self_grant.iter().map(|place| under_home(place, home)).collect::<Vec<_>>();
    match (asking.requests, asking.longest()) {
        (Requests::Ask, _) => "a person decides: es-guard approve".to_owned(),
        (Requests::Deny, _) => "all are refused at once".to_owned(),
        (Requests::Itself, Some(most)) => format!(
            "the agent decides in {}, for {:#} at most; elsewhere a person",
            places().join(", "),
            SignedDuration::from_secs(i64::try_from(most).unwrap_or(i64::MAX))
        ),
        (Requests::Itself, None) => {
            "the agent decides nowhere, as self_grant names no place; a person does".to_owned()
        }
    }
}

/// A Unix time as a person reads it.
fn moment(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    time.map_or_else(
        || "the end of time".to_owned(),
        |time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}
