//! `es-guard status`: the live sessions, whoever guards them.

use crate::asking::target::places;
use crate::cli::StatusArgs;
use crate::render::banner::zones_in_short;
use crate::render::fit::{Screen, count, keep_start};
use crate::render::{self, json, print};
use comfy_table::{Table, presets::NOTHING};
use helper_daemon::client::live;
use helper_daemon::denial::printable;
use helper_daemon::protocol::Description;
use nix::unistd::{Uid, User};
use std::path::Path;
use std::process::ExitCode;

/// Runs `es-guard status`: 0, or 1 where a helper that there is can't be asked.
pub(crate) fn run(args: &StatusArgs) -> ExitCode {
    let found = places(args.helper.as_deref()).and_then(|places| Ok(live::all(&places)?));
    let sessions: Vec<Description> = match found {
        Ok(found) => found.into_iter().map(|(_, session)| session).collect(),
        Err(error) => {
            render::problem(&error);
            return ExitCode::FAILURE;
        }
    };
    if args.json {
        print(&json(&sessions));
    } else if sessions.is_empty() {
        render::note("no session runs that you may see. Ended ones: es-guard sessions list");
    } else {
        let width = Screen::of(std::io::stdout()).map(|screen| screen.width);
        let now = jiff::Timestamp::now().as_second();
        print(&table(&sessions, now, width, dirs::home_dir().as_deref()));
    }
    ExitCode::SUCCESS
}

fn table(sessions: &[Description], now: i64, width: Option<usize>, home: Option<&Path>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["session", "for", "user", "engine", "blocked", "agent", "zones"]);
    // Beside the two last columns, some 64 columns are taken.
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(66).max(24) / 2);
    for session in sessions {
        let zones = zones_in_short(session.zones.iter().map(Path::new), home);
        let agent = format!("{} ({})", printable(&session.session.argv.join(" ")), session.agent);
        table.add_row([
            printable(session.session.id.as_str()),
            lasting(now - session.began),
            user(session.user),
            printable(&session.engine),
            session.counts.denied.to_string(),
            keep_start(&agent, room),
            keep_start(&printable(&zones), room),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// How long, in the largest unit that is not 0.
fn lasting(seconds: i64) -> String {
    let seconds = seconds.max(0) as u64;
    match seconds {
        0..60 => count(seconds, "second"),
        60..3600 => count(seconds / 60, "minute"),
        3600..86400 => count(seconds / 3600, "hour"),
        _ => count(seconds / 86400, "day"),
    }
}

fn user(uid: u32) -> String {
    let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    known.map_or_else(|| uid.to_string(), |user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_is_told_in_one_unit() {
        let told: Vec<_> = [-3, 1, 59, 60, 7199, 86400 * 3].map(lasting).into();
        assert_eq!(told, ["0 seconds", "1 second", "59 seconds", "1 minute", "1 hour", "3 days"]);
    }
}
