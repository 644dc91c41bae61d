//! `es-guard override`: letting a path through in a running session, for a while.
//!
//! It resolves the path as this process sees it, asks the system's helper, and shows the answer. Whether it is
//! granted is the helper's to say, which knows from the kernel who asks.

mod target;

use crate::cli::{GrantArgs, OverrideCommand, OverrideListArgs, RevokeArgs, Target, Until};
use crate::plan::place::resolve_name;
use crate::render::{self, json, print};
use crate::system::{self, SystemError};
use comfy_table::{Table, presets::NOTHING};
use helper_daemon::denial::printable;
use helper_daemon::protocol::{Event, LiveOverride, Refusal, Request};
use helper_daemon::session::SessionId;
use jiff::Timestamp;
use nix::unistd::{Uid, User};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use target::TargetError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum OverrideError {
    #[error(transparent)]
    System(#[from] SystemError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("find the current directory: {0}. Give the full path")]
    Cwd(#[source] std::io::Error),
    #[error("change what is let through in session {session}: refused: {}", refusal.detail)]
    Refused { session: SessionId, refusal: Refusal },
}

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
        Err(OverrideError::Refused { session, refusal }) if as_json => {
            print(&json(&Told { session: &session, what: What::Refused(&refusal) }));
        }
        Err(error) => render::problem(&error),
    }
    ExitCode::FAILURE
}

/// Asks about one session.
fn ask(
    target: &Target,
    question: impl Fn(SessionId) -> Request,
) -> Result<(SessionId, Event), OverrideError> {
    let helper = target.helper.as_deref();
    let session = target::find(&target.session, system::sessions(helper)?)?;
    match system::ask(helper, &question(session.clone()))? {
        Some(Event::Refused(refusal)) => Err(OverrideError::Refused { session, refusal }),
        Some(event) => Ok((session, event)),
        None => Err(system::out_of_turn(helper).into()),
    }
}

fn list(args: &OverrideListArgs) -> Result<(), OverrideError> {
    let target = &args.target;
    let (session, event) = ask(target, |session| Request::Overrides { session })?;
    let Event::Overrides { overrides, left_out } = event else {
        return Err(system::out_of_turn(target.helper.as_deref()).into());
    };
    if target.json {
        print(&json(&Told { session: &session, what: Listed { overrides, left_out } }));
        return Ok(());
    }
    if overrides.is_empty() {
        render::note(&format!("nothing is let through in session {session}"));
    } else {
        print(&table(&overrides));
    }
    if left_out > 0 {
        render::note(&format!("{left_out} more were left out, for which there was no room"));
    }
    Ok(())
}

fn grant(args: &GrantArgs) -> Result<(), OverrideError> {
    let path = named(&args.path)?;
    let expires_at = match args.until {
        Until::SessionEnds => None,
        Until::After(time) => Some(expiry(Timestamp::now(), time)),
    };
    let (session, event) = ask(&args.target, |session| Request::Grant {
        session,
        path: path.clone(),
        expires_at,
        reason: args.reason.clone(),
    })?;
    let Event::Granted { granted } = event else {
        return Err(system::out_of_turn(args.target.helper.as_deref()).into());
    };
    if args.target.json {
        print(&json(&Told { session: &session, what: What::Granted(&granted) }));
    } else {
        let until = until(granted.expires_at);
        print(&format!("{} is let through in session {session}, until {until}", shown(&granted.path)));
        if path.symlink_metadata().is_err() {
            render::note("nothing of that name is there now");
        }
    }
    Ok(())
}

fn revoke(args: &RevokeArgs) -> Result<(), OverrideError> {
    let path = named(&args.path)?;
    let (session, event) = ask(&args.target, |session| Request::Revoke { session, path: path.clone() })?;
    let Event::Revoked { revoked } = event else {
        return Err(system::out_of_turn(args.target.helper.as_deref()).into());
    };
    if args.target.json {
        print(&json(&Told { session: &session, what: What::Revoked(&revoked) }));
    } else {
        print(&format!("{} is protected again in session {session}", shown(&revoked.path)));
    }
    Ok(())
}

/// A path as the kernel resolves it.
fn named(path: &Path) -> Result<PathBuf, OverrideError> {
    let cwd = if path.is_absolute() {
        PathBuf::new()
    } else {
        std::env::current_dir().map_err(OverrideError::Cwd)?
    };
    Ok(resolve_name(&cwd.join(path)))
}

/// The end of a time, in whole Unix seconds: never earlier than it was asked for.
fn expiry(now: Timestamp, time: jiff::SignedDuration) -> u64 {
    let end = now.as_duration() + time;
    (end.as_secs() + i64::from(end.subsec_nanos() > 0)).max(0) as u64
}

fn table(overrides: &[LiveOverride]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["path", "until", "by", "reason"]);
    for one in overrides {
        let by = one.by.as_ref().map_or("the policy file".to_owned(), |by| {
            let user = User::from_uid(Uid::from_raw(by.uid)).ok().flatten();
            let user = user.map_or_else(|| format!("user {}", by.uid), |user| user.name);
            format!("{user}, process {} ({})", by.pid, printable(&by.exe))
        });
        let reason = printable(one.reason.as_deref().unwrap_or_default());
        table.add_row([shown(&one.path), until(one.expires_at), by, reason]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

fn until(end: Option<u64>) -> String {
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
