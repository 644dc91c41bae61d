//! `es-guard sessions list`.

use super::shelf::{State, names, open};
use super::{SessionsError, command_line, located};
use crate::cli::ListArgs;
use crate::render::banner::zones_in_short;
use crate::render::fit::{Screen, count, keep_start};
use crate::render::report::{Report, local};
use crate::render::{json, note, print};
use comfy_table::{Table, presets::NOTHING};
use serde::Serialize;
use std::path::Path;

/// One session in the list.
#[derive(Debug, Serialize)]
struct Item {
    session: String,
    state: State,
    /// RFC 3339; `None` while the session is being armed.
    started: Option<String>,
    argv: Vec<String>,
    cwd: String,
    zones: Vec<String>,
    blocked: u64,
    lost: u64,
    status: Option<i32>,
    ledger: String,
}

/// Tells whether every session could be told of.
pub(super) fn run(args: &ListArgs) -> Result<bool, SessionsError> {
    let folder = located()?;
    let (names, foreign) = names(&folder)?;
    let (mut items, mut all) = (Vec::new(), true);
    for name in names.iter().rev() {
        let path = folder.ledger(name);
        match open(&path) {
            Ok((contents, state)) => {
                let report = Report::of_ledger(name.as_str(), &path, &contents);
                let start = contents.start();
                items.push(Item {
                    state,
                    started: start.map(|(line, _)| line.time.clone()),
                    argv: start.map(|(_, start)| start.argv.clone()).unwrap_or_default(),
                    cwd: start.map(|(_, start)| start.cwd.clone()).unwrap_or_default(),
                    blocked: report.denied,
                    lost: report.lost,
                    status: report.status,
                    session: report.session,
                    zones: report.zones,
                    ledger: report.ledger,
                });
            }
            Err(error) => {
                all &= !matches!(error, SessionsError::Unreadable { .. });
                note(&format!("left out: failed to {error}"));
            }
        }
    }
    if !foreign.is_empty() {
        let files = count(foreign.len() as u64, "file");
        let names = foreign.join(", ");
        note(&format!("{files} in {} left out, no ledger by name: {names}", folder.sessions().display()));
    }
    if args.json {
        print(&json(&items));
    } else if items.is_empty() {
        note("there are no sessions yet. Begin one with: es-guard wrap -- CMD");
    } else {
        let width = Screen::of(std::io::stdout()).map(|screen| screen.width);
        print(&table(&items, width, dirs::home_dir().as_deref()));
    }
    Ok(all)
}

fn table(items: &[Item], width: Option<usize>, home: Option<&Path>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["session", "started", "state", "blocked", "agent", "zones"]);
    // Beside the two last columns, some 60 columns are taken.
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(62).max(24) / 2);
    for item in items {
        let zones = zones_in_short(item.zones.iter().map(Path::new), home);
        table.add_row([
            item.session.clone(),
            item.started.as_deref().map_or("-".into(), |time| local(time, "%Y-%m-%d %H:%M")),
            item.state.word().to_owned(),
            item.blocked.to_string(),
            keep_start(&command_line(&item.argv), room),
            keep_start(&zones, room),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}
