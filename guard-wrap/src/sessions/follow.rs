//! `es-guard sessions show --follow`: a session as it goes on, until it ends.

use super::SessionsError;
use super::own;
use super::shelf::{State, held, open};
use super::show::header;
use super::story;
use super::tail::Tail;
use crate::cli::ShowArgs;
use crate::render::fit::{Screen, count};
use crate::render::report::{Entry, Report, local};
use crate::render::{note, rows};
use helper_daemon::denial::printable;
use helper_daemon::ledger::{Line, Record};
use helper_daemon::session::SessionId;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// How often the ledger is looked at: a look is one `read(2)`, and works on a network, where watches do not.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Shows what there is, and then what comes, until the session has ended or nobody reads any more.
pub(super) fn run(name: &SessionId, path: &Path, args: &ShowArgs) -> Result<(), SessionsError> {
    let raw = args.json;
    let (contents, state) = open(path)?;
    let unreadable = |source| SessionsError::Unreadable { path: path.to_owned(), source };
    let mut tail = Tail::open(path)?;
    let report = Report::of_ledger(name.as_str(), path, &contents);
    let home = dirs::home_dir();
    let mut out = anstream::stdout();
    if !raw && out.write_all(header(&report, &contents, state, home.as_deref()).as_bytes()).is_err() {
        return Ok(());
    }
    let width = Screen::of(io::stdout()).unwrap_or(Screen::ENDLESS).width;
    loop {
        // Before reading: what is written before the helper lets go is read after that.
        let lives = held(&tail.file).map_err(unreadable)?;
        let lines = tail.lines().map_err(unreadable)?;
        for bytes in &lines {
            let text =
                if raw { Some(bytes.clone()) } else { sentence(bytes, &report, width, home.as_deref()) };
            let text = text.or_else(|| args.own.then(|| of_own(bytes, &report, home.as_deref())).flatten());
            let Some(mut text) = text else { continue };
            text.push(b'\n');
            // A closed pipe: the reader has seen enough.
            if out.write_all(&text).and_then(|()| out.flush()).is_err() {
                return Ok(());
            }
        }
        let ended =
            |bytes: &Vec<u8>| matches!(record(bytes), Some(Line { record: Record::SessionEnd(_), .. }));
        if lines.iter().any(ended) {
            return Ok(());
        }
        if !lives && lines.is_empty() {
            note(&format!("the session is {}: its helper is gone", State::Interrupted.word()));
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn record(bytes: &[u8]) -> Option<Line> {
    serde_json::from_slice(bytes).ok()
}

/// A record as a person reads it; nothing for what the header has said, and for what is no record.
fn sentence(bytes: &[u8], report: &Report, width: usize, home: Option<&Path>) -> Option<Vec<u8>> {
    let line = record(bytes)?;
    let time = local(&line.time, "%H:%M:%S");
    let text = match &line.record {
        Record::SessionStart(_) | Record::Own(_) => return None,
        Record::Denial(_) => rows::line(&Entry::of_denial(&line)?, report, width, home),
        Record::Stash(_) => format!("{}  kept", rows::line(&Entry::of_stash(&line)?, report, width, home)),
        Record::Override(change) => format!("{time}  {}", story::of_override(change)),
        Record::Request(request) => format!("{time}  {}", story::of_request(request)),
        Record::Answer(answer) => format!("{time}  {}", story::of_answer(answer)),
        Record::Policy(change) => format!("{time}  policy {}: {}", change.change, change.detail),
        Record::SessionEnd(end) => {
            let status = end.status.map_or("status not known".into(), |status| format!("status {status}"));
            format!("{time}  ended, {status}, blocked {}", count(end.counts.denied, "operation"))
        }
    };
    Some(printable(&text).into_bytes())
}

/// What the session did with names of its own, a line each.
fn of_own(bytes: &[u8], report: &Report, home: Option<&Path>) -> Option<Vec<u8>> {
    let line = record(bytes)?;
    let Record::Own(own) = &line.record else { return None };
    let time = local(&line.time, "%H:%M:%S");
    let lines: Vec<String> = own
        .deeds
        .iter()
        .map(|deed| format!("{time}  {}", printable(&own::line(deed, report, home))))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n").into_bytes())
}
