//! `es-guard sessions show`.

use super::own::Own;
use super::shelf::{State, find, open};
use super::{SessionsError, command_line, follow, located, story};
use crate::cli::ShowArgs;
use crate::render::fit::{Screen, count, under_home};
use crate::render::report::{Report, local};
use crate::render::{FAINT, json, note, print, rows, styled};
use helper_daemon::denial::printable;
use helper_daemon::ledger::{Contents, Line};
use serde::Serialize;
use std::path::Path;

/// The JSON form: the report, and how it came about.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    report: &'a Report,
    state: State,
    started: Option<&'a str>,
    ended: Option<&'a str>,
    argv: &'a [String],
    cwd: Option<&'a str>,
    /// Requests, their answers and overrides, as the ledger has them.
    asked: Vec<&'a Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own: Option<&'a Own>,
}

pub(super) fn run(args: &ShowArgs) -> Result<(), SessionsError> {
    let folder = located()?;
    let name = find(&folder, &args.id)?;
    let path = folder.ledger(&name);
    if args.follow {
        return follow::run(&name, &path, args);
    }
    let (contents, state) = open(&path)?;
    let report = Report::of_ledger(name.as_str(), &path, &contents);
    let start = contents.start();
    let own = args.own.then(|| Own::of(&contents));
    if args.json {
        print(&json(&Shown {
            report: &report,
            state,
            started: start.map(|(line, _)| line.time.as_str()),
            ended: contents.end().map(|(line, _)| line.time.as_str()),
            argv: start.map(|(_, start)| start.argv.as_slice()).unwrap_or_default(),
            cwd: start.map(|(_, start)| start.cwd.as_str()),
            asked: story::records(&contents),
            own: own.as_ref(),
        }));
        return Ok(());
    }
    let home = dirs::home_dir();
    let mut text = header(&report, &contents, state, home.as_deref());
    if !report.denials.is_empty() {
        let screen = Screen::of(std::io::stdout()).unwrap_or(Screen::ENDLESS);
        text += "\n";
        text += &rows::all(&report, screen.width, home.as_deref());
    }
    if !report.kept.is_empty() {
        let screen = Screen::of(std::io::stdout()).unwrap_or(Screen::ENDLESS);
        text += &format!("\n\n{}\n", styled(FAINT, "let through, and kept in the stash:"));
        text += &rows::all(&report.of_kept(), screen.width, home.as_deref());
    }
    let asked = story::lines(&contents);
    if !asked.is_empty() {
        text += &format!("\n\n{}\n", styled(FAINT, "asked for, and let through:"));
        text += &asked.join("\n");
    }
    if let Some(own) = own {
        text += &own.text(&report, home.as_deref());
    }
    print(&text);
    if report.lost > 0 {
        note(&format!("{} NOT WRITTEN (disk full?): this list is incomplete", count(report.lost, "record")));
    }
    report.notes.iter().for_each(|text| note(text));
    Ok(())
}

pub(super) fn header(report: &Report, contents: &Contents, state: State, home: Option<&Path>) -> String {
    let mut out = String::new();
    let mut line =
        |name: &str, text: &str| out += &format!("{} {text}\n", styled(FAINT, format!("{name:<8}")));
    let state = match report.status {
        Some(status) => format!("{}, status {status}", state.word()),
        None => state.word().to_owned(),
    };
    line("session", &format!("{} ({state})", report.session));
    if let Some((first, start)) = contents.start() {
        line("started", &local(&first.time, "%Y-%m-%d %H:%M:%S"));
        line("agent", &command_line(&start.argv));
        line("in", &under_home(Path::new(&start.cwd), home));
    }
    for (at, zone) in report.zones.iter().enumerate() {
        line(if at == 0 { "zones" } else { "" }, &under_home(Path::new(zone), home));
    }
    if !report.engine.is_empty() {
        line("engine", &printable(&report.engine));
    }
    line("blocked", &count(report.denied, "operation"));
    if report.stashed > 0 {
        let kept = count(report.stashed, "operation");
        line("kept", &format!("what {kept} took: es-guard sessions restore {}", report.session));
    }
    let own = contents.end().map_or(0, |(_, end)| end.counts.own_removed);
    if own > 0 {
        line("let go", &format!("{own} of what the session itself had made"));
    }
    line("ledger", &printable(&report.ledger));
    out
}
