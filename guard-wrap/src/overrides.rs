//! `es-guard override`: letting a path through in a running session, for a while.
//!
//! It resolves the path as this process sees it, asks the session's helper, and shows the answer. Whether it is
//! granted is the helper's to say, which knows from the kernel who asks.

use crate::asking::target::{Meant, find};
use crate::asking::{AskError, named};
use crate::cli::{GrantArgs, OverrideCommand, OverrideListArgs, RevokeArgs, Until};
use crate::render::{self, json, print};
use comfy_table::{Table, presets::NOTHING};
use helper_daemon::denial::printable;
use helper_daemon::policy::operation::Op;
use helper_daemon::protocol::{LiveOverride, Refusal};
use helper_daemon::session::SessionId;
use jiff::Timestamp;
use nix::unistd::{Uid, User};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

/// The JSON form: what became of it.
#[derive(Serialize)]
struct Told<'a, T> {
    session: &'a SessionId,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum What<'a> {
    Granted(&'a LiveOverride),
    Revoked(&'a LiveOverride),
    Refused(&'a Refusal),
}

#[derive(Serialize)]
struct Listed {
    overrides: Vec<LiveOverride>,
    left_out: usize,
}

/// Runs `es-guard override`: 0 if it was done, else 1.
pub(crate) fn run(command: &OverrideCommand) -> ExitCode {
    let (done, as_json) = match command {
        OverrideCommand::List(args) => (list(args), args.target.json),
        OverrideCommand::Grant(args) => (grant(args), args.target.json),
        OverrideCommand::Revoke(args) => (revoke(args), args.target.json),
    };
    match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(AskError::Refused { session, refusal }) if as_json => {
            print(&json(&Told { session: &session, what: What::Refused(&refusal) }));
        }
        Err(error) => render::problem(&error),
    }
    ExitCode::FAILURE
}

fn list(args: &OverrideListArgs) -> Result<(), AskError> {
    let here = std::env::current_dir().ok();
    let Meant { live, guessed } = find(&args.target, here.as_deref().as_slice())?;
    let (overrides, left_out) = live.overrides().map_err(AskError::of(&live.session))?;
    if args.target.json {
        print(&json(&Told { session: &live.session, what: Listed { overrides, left_out } }));
        return Ok(());
    }
    if overrides.is_empty() {
        render::note(&format!("nothing is let through in session {}", live.session));
    } else {
        if guessed {
            render::note(&format!("let through in session {}:", live.session));
        }
        print(&table(&overrides));
    }
    if left_out > 0 {
        render::note(&format!("{left_out} more were left out, for which there was no room"));
    }
    Ok(())
}

fn grant(args: &GrantArgs) -> Result<(), AskError> {
    let path = named(&args.path)?;
    let live = find(&args.target, &[&path])?.live;
    let expires_at = match args.until {
        Until::SessionEnds => None,
        Until::After(time) => Some(expiry(Timestamp::now(), time)),
    };
    let granted = live.grant(&path, args.op.map(Into::into), expires_at, args.reason.clone());
    let granted = granted.map_err(AskError::of(&live.session))?;
    let session = &live.session;
    if args.target.json {
        print(&json(&Told { session, what: What::Granted(&granted) }));
    } else {
        let until = until(granted.expires_at);
        print(&format!("{} is let through in session {session}, until {until}", shown(&granted.path)));
        if path.symlink_metadata().is_err() {
            render::note("nothing of that name is there now");
        }
    }
    Ok(())
}

fn revoke(args: &RevokeArgs) -> Result<(), AskError> {
    let path = named(&args.path)?;
    let live = find(&args.target, &[&path])?.live;
    let revoked = live.revoke(&path).map_err(AskError::of(&live.session))?;
    let session = &live.session;
    if args.target.json {
        print(&json(&Told { session, what: What::Revoked(&revoked) }));
    } else {
        print(&format!("{} is protected again in session {session}", shown(&revoked.path)));
    }
    Ok(())
}

/// The end of a time, in whole Unix seconds: never earlier than it was asked for.
pub(crate) fn expiry(now: Timestamp, time: jiff::SignedDuration) -> u64 {
    let end = now.as_duration() + time;
    (end.as_secs() + i64::from(end.subsec_nanos() > 0)).max(0) as u64
}

fn table(overrides: &[LiveOverride]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["path", "for", "until", "by", "reason"]);
    for one in overrides {
        let by = one.by.as_ref().map_or("the policy file".to_owned(), |by| {
            let user = User::from_uid(Uid::from_raw(by.uid)).ok().flatten();
            let user = user.map_or_else(|| format!("user {}", by.uid), |user| user.name);
            format!("{user}, process {} ({})", by.pid, printable(&by.exe))
        });
        let reason = printable(one.reason.as_deref().unwrap_or_default());
        let op = one.op.map_or("anything", Op::word);
        let what = if one.once { format!("{op}, once") } else { op.to_owned() };
        table.add_row([shown(&one.path), what, until(one.expires_at), by, reason]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// A path, made printable.
pub(crate) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// A time, in local time.
pub(crate) fn until(end: Option<u64>) -> String {
    let Some(end) = end else { return "the session ends".to_owned() };
    match i64::try_from(end).ok().and_then(|end| Timestamp::from_second(end).ok()) {
        Some(end) => end.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => "the end of time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_ends_early() {
        let second =
            |ms| expiry(Timestamp::from_millisecond(ms).unwrap(), jiff::SignedDuration::from_secs(10));
        assert_eq!((second(5_000), second(5_001), second(5_999)), (15, 16, 16));
    }
}
