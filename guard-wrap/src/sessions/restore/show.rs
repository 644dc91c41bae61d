//! What there is to put back, and what was done: as a table, or as JSON.

use super::aside::is_aside;
use super::perform::{Done, Job, Result, Trouble};
use super::select::Chosen;
use crate::cli::RestoreArgs;
use crate::render::fit::{Screen, columns, keep_end, under_home};
use crate::render::report::local;
use crate::render::{json, note, print};
use crate::stash::{Stash, in_words};
use comfy_table::{Row, Table, presets::NOTHING};
use helper_daemon::denial::printable;
use helper_daemon::stash::{How, Kept, Kind};
use jiff::Timestamp;
use serde::Serialize;
use std::path::Path;

/// One entry in the JSON form.
#[derive(Debug, Serialize)]
struct Item<'a> {
    /// When it was taken, RFC 3339.
    time: String,
    #[serde(flatten)]
    kept: &'a Kept,
    /// Whether there is a newer one of the same path.
    older: bool,
}

impl<'a> Item<'a> {
    fn of((time, kept): &'a (Timestamp, Kept), older: bool) -> Self {
        Self { time: format!("{time:.3}"), kept, older }
    }
}

#[derive(Debug, Serialize)]
struct Listed<'a> {
    session: &'a str,
    entries: Vec<Item<'a>>,
}

/// What there is.
pub(super) fn listed(stash: &Stash, chosen: &Chosen<'_>, as_json: bool) -> String {
    let mut all: Vec<_> = chosen.entries.iter().map(|entry| (*entry, false)).collect();
    all.extend(chosen.older.iter().map(|entry| (*entry, true)));
    all.extend(chosen.aside.iter().map(|entry| (*entry, false)));
    all.sort_by_key(|((_, kept), _)| kept.entry);
    if as_json {
        let entries = all.iter().map(|(entry, older)| Item::of(entry, *older)).collect();
        return json(&Listed { session: stash.id.as_str(), entries });
    }
    if all.is_empty() {
        note(&nothing_left(stash));
        return String::new();
    }
    let rows = all.iter().map(|((time, kept), older)| {
        let how = if *older { format!("{}, older", how(kept)) } else { how(kept).to_owned() };
        let time = local(&time.to_string(), "%Y-%m-%d %H:%M:%S");
        let what = if is_aside(kept) { "set-aside" } else { kept.reason.word() };
        [kept.entry.to_string(), time, what.to_owned(), size(kept), how, under(&kept.path)]
    });
    let table = table(["entry", "time", "what", "size", "how", "path"], rows.collect());
    let session = stash.id.as_str();
    // What a restore has set aside, another does not put back.
    let by_number = if chosen.entries.is_empty() { " --entry N" } else { "" };
    format!(
        "{table}\n{} of session {session}. Put back with: es-guard sessions restore {session}{by_number}\n",
        entries(all.len())
    )
}

/// What became of one entry, in the JSON form.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    entry: u64,
    #[serde(with = "helper_daemon::encoding::path_text")]
    path: &'a std::path::PathBuf,
    #[serde(with = "helper_daemon::encoding::path_text")]
    place: &'a std::path::PathBuf,
    back: bool,
    /// What else there is to say.
    notes: Vec<String>,
    /// The entry that what was in its place is now.
    aside: Option<u64>,
}

impl<'a> Outcome<'a> {
    fn of(job: &'a Job<'_>, done: &Result) -> Self {
        Self {
            entry: job.kept.entry,
            path: &job.kept.path,
            place: &job.place,
            back: done.is_ok(),
            notes: remarks(job, done),
            aside: done.as_ref().ok().and_then(|done| done.aside),
        }
    }
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    session: &'a str,
    dry_run: bool,
    back: usize,
    left: usize,
    entries: Vec<Outcome<'a>>,
    /// Entries of the same paths that are older.
    older: Vec<u64>,
}

/// What was done, or would be.
pub(super) fn done(
    stash: &Stash,
    jobs: &[Job<'_>],
    done: &[Result],
    chosen: &Chosen<'_>,
    args: &RestoreArgs,
) {
    let back = done.iter().filter(|done| done.is_ok()).count();
    let left = done.len() - back;
    let session = stash.id.as_str();
    if args.json {
        let entries = jobs.iter().zip(done).map(|(job, done)| Outcome::of(job, done)).collect();
        let older = chosen.older.iter().map(|(_, kept)| kept.entry).collect();
        print(&json(&Report { session, dry_run: args.dry_run, back, left, entries, older }));
        return;
    }
    if jobs.is_empty() {
        note(&nothing_left(stash));
        return;
    }
    let rows = jobs.iter().zip(done).map(|(job, done)| {
        let word = match (done, args.dry_run) {
            (Ok(_), true) => "would be back",
            (Ok(Done { already: true, .. }), false) => "is back",
            (Ok(_), false) => "put back",
            (Err(_), _) => "left",
        };
        [job.kept.entry.to_string(), word.to_owned(), size(job.kept), under(&job.place)]
    });
    let mut text = table(["entry", "", "size", "path"], rows.collect());
    let verb = if args.dry_run { "would be put back" } else { "put back" };
    text += &format!("\n{} {verb}", entries(back));
    if left > 0 {
        text += &format!(", {left} left in the stash");
    }
    print(&format!("{text} · session {session}"));
    for (job, done) in jobs.iter().zip(done) {
        for remark in remarks(job, done) {
            note(&format!("{}: {remark}", under(&job.place)));
        }
    }
    if !chosen.older.is_empty() {
        let numbers: Vec<String> = chosen.older.iter().map(|(_, kept)| kept.entry.to_string()).collect();
        let older = entries(chosen.older.len());
        note(&format!(
            "{older} of the same paths, but older, in the stash: {}. One of them: es-guard sessions restore {session} --entry N",
            numbers.join(", ")
        ));
    }
}

/// What there is to say besides that it is back, or not.
fn remarks(job: &Job<'_>, done: &Result) -> Vec<String> {
    match done {
        Err(trouble @ (Trouble::Occupied | Trouble::Live)) => vec![format!("left alone: {trouble}")],
        Err(trouble) => vec![format!("NOT put back: {trouble}")],
        Ok(done) => {
            let made = done.made.iter();
            let made = made.map(|dir| format!("made {}, of which nothing was kept, anew", dir.display()));
            let aside = done.aside.iter().map(|entry| format!("what was there is entry {entry} now"));
            let lost = done.lost.iter().map(|what| format!("it is back without {what}"));
            let without = job.without.iter().map(|what| format!("what was kept is without {what}"));
            made.chain(aside).chain(lost).chain(without).collect()
        }
    }
}

fn table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> String {
    let width = Screen::of(std::io::stdout()).unwrap_or(Screen::ENDLESS).width;
    let widest =
        |at: usize| rows.iter().map(|row| columns(&row[at])).max().unwrap_or(0).max(header[at].len());
    let taken: usize = (0..N - 1).map(|at| widest(at) + 2).sum();
    let room = width.saturating_sub(taken + 1).max(8);
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    for mut cells in rows {
        cells[N - 1] = keep_end(&cells[N - 1], room);
        let mut row = Row::from(cells);
        row.max_height(1);
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn under(path: &Path) -> String {
    printable(&under_home(path, dirs::home_dir().as_deref()))
}

fn nothing_left(stash: &Stash) -> String {
    format!("nothing is left to put back of session {}. Others: es-guard stash list", stash.id)
}

fn entries(number: usize) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") }
}

fn size(kept: &Kept) -> String {
    if kept.meta.kind == Kind::File { in_words(kept.meta.size) } else { "-".to_owned() }
}

fn how(kept: &Kept) -> &'static str {
    match kept.how {
        How::Moved => "moved",
        How::Copied => "copied",
        How::Described => "described",
    }
}
