//! What is known about a session, gathered from its ledger and from what the helper told: the one source of
//! the summary, of `sessions show`, and of both JSON forms.

use helper_daemon::denial::{Denial, DenialRecord};
use helper_daemon::ledger::{Contents, Counts, Line, Record, VERSION};
use helper_daemon::policy::Policy;
use jiff::Timestamp;
use serde::Serialize;
use std::path::Path;

/// A session, as far as it is known.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) session: String,
    pub(crate) engine: String,
    /// A person's zones, as text.
    pub(crate) zones: Vec<String>,
    /// The agent's exit status, 128 + n for a signal; `None` while it runs or when nobody saw its end.
    pub(crate) status: Option<i32>,
    /// Operations denied; more than there are denials when records were lost.
    pub(crate) denied: u64,
    /// Records that could not be written.
    pub(crate) lost: u64,
    /// Processes that live on, guarded, when `wrap` ends; `None` when it is not known.
    pub(crate) left: Option<usize>,
    pub(crate) ledger: String,
    pub(crate) denials: Vec<Entry>,
    /// Operations that were let through, and what they took is in the stash; more than are in `kept` when records
    /// were lost.
    pub(crate) stashed: u64,
    /// What is in the stash, or was.
    pub(crate) kept: Vec<Entry>,
    /// What a person should know about the session or its ledger.
    pub(crate) notes: Vec<String>,
}

/// One denial, or one operation whose loss was kept.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    /// RFC 3339.
    pub(crate) time: String,
    #[serde(flatten)]
    record: DenialRecord,
    /// The entries of the stash.
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    entries: Vec<u64>,
    #[serde(skip)]
    pub(crate) denial: Denial,
}

impl Entry {
    /// What a line of a ledger tells, if that is a denial.
    pub(crate) fn of_denial(line: &Line) -> Option<Self> {
        let Record::Denial(record) = &line.record else { return None };
        Some(Self::new(line, record, &[]))
    }

    /// What a line of a ledger tells, if that is something kept.
    pub(crate) fn of_stash(line: &Line) -> Option<Self> {
        let Record::Stash(record) = &line.record else { return None };
        Some(Self::new(line, &record.what, &record.entries))
    }

    fn new(line: &Line, record: &DenialRecord, entries: &[u64]) -> Self {
        let (record, denial) = (record.clone(), record.clone().into());
        Self { time: line.time.clone(), record, entries: entries.to_vec(), denial }
    }
}

/// What the helper told when the agent ended.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    pub(crate) session: &'a str,
    pub(crate) ledger: &'a Path,
    pub(crate) engine: &'a str,
    pub(crate) policy: &'a Policy,
    /// Exit status, 128 + n for a signal.
    pub(crate) status: i32,
    /// `None` where nobody was left to tell: the ledger is what is known.
    pub(crate) counts: Option<Counts>,
    /// Processes that live on; `None` where it is not known.
    pub(crate) left: Option<usize>,
}

impl Report {
    /// What a ledger alone tells.
    pub(crate) fn of_ledger(session: &str, ledger: &Path, contents: &Contents) -> Self {
        let start = contents.start().map(|(_, start)| start);
        let end = contents.end().map(|(_, end)| end);
        let denials: Vec<Entry> = contents.lines.iter().filter_map(Entry::of_denial).collect();
        let kept: Vec<Entry> = contents.lines.iter().filter_map(Entry::of_stash).collect();
        let counts = end.map(|end| end.counts).unwrap_or_default();
        Self {
            session: session.to_owned(),
            engine: start.map(|start| start.engine.clone()).unwrap_or_default(),
            zones: start.map(|start| start.zones.clone()).unwrap_or_default(),
            status: end.and_then(|end| end.status),
            denied: counts.denied.max(denials.len() as u64),
            stashed: counts.stashed.max(kept.len() as u64),
            lost: counts.lost,
            left: None,
            ledger: ledger.to_string_lossy().into_owned(),
            denials,
            kept,
            notes: notes(session, contents),
        }
    }

    /// What is known at the end of a `wrap`: the helper's word, and the ledger's particulars.
    pub(crate) fn of_wrap(ended: &Ended<'_>) -> Self {
        let opened = std::fs::File::open(ended.ledger).map(std::io::BufReader::new);
        let read = opened.and_then(helper_daemon::ledger::read);
        let mut contents = Contents::default();
        let mut unread = None;
        match read {
            Ok(read) => contents = read,
            Err(e) => unread = Some(format!("the ledger can't be read back: {e}")),
        }
        let mut report = Self::of_ledger(ended.session, ended.ledger, &contents);
        ended.engine.clone_into(&mut report.engine);
        let zones = ended.policy.visible_zones().map(|zone| zone.path.to_string_lossy().into_owned());
        report.zones = zones.collect();
        report.status = Some(ended.status);
        let counts = ended.counts.unwrap_or_default();
        report.denied = report.denied.max(counts.denied);
        report.stashed = report.stashed.max(counts.stashed);
        report.lost = report.lost.max(counts.lost);
        report.left = ended.left;
        report.notes.extend(unread);
        report
    }
}

impl Report {
    /// The same with what was kept in the place of what was denied, for a table of it.
    pub(crate) fn of_kept(&self) -> Self {
        Self { denials: self.kept.clone(), ..self.clone() }
    }
}

/// A time of a record as a person reads it, in local time.
pub(crate) fn local(time: &str, format: &str) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) => time.to_zoned(jiff::tz::TimeZone::system()).strftime(format).to_string(),
        Err(_) => "?".to_owned(),
    }
}

fn notes(session: &str, contents: &Contents) -> Vec<String> {
    let mut notes = Vec::new();
    for line in &contents.lines {
        if let Record::Policy(change) = &line.record
            && change.change == "refused"
        {
            let time = local(&line.time, "%H:%M:%S");
            notes.push(format!(
                "{time}: a change of policy was refused, the earlier one stayed: {}",
                change.detail
            ));
        }
    }
    if contents.lines.iter().any(|line| line.session.as_str() != session) {
        notes.push("the ledger holds records of another session".to_owned());
    }
    if contents.lines.iter().any(|line| line.v > VERSION) {
        notes.push("the ledger was written by a newer es-guard: something may be missing here".to_owned());
    }
    notes.extend(contents.notes.iter().map(|note| format!("ledger: {note}")));
    notes
}

/// Reports for tests.
#[cfg(test)]
pub(crate) mod sample {
    use super::*;
    use helper_daemon::policy::judge::Reason;
    use helper_daemon::policy::operation::Op;

    pub(crate) fn denial(path: &str) -> Denial {
        Denial {
            op: Op::Unlink,
            path: path.into(),
            dest: None,
            zone: "/p".into(),
            reason: Reason::Removed,
            pid: 7,
            exe: "/usr/bin/rm".into(),
            argv: vec!["rm".into()],
            cwd: "/p".into(),
        }
    }

    pub(crate) fn report(denials: Vec<Denial>) -> Report {
        let entry = |denial: Denial| Entry {
            time: "2026-01-02T03:04:05.000Z".into(),
            record: DenialRecord::from(&denial),
            entries: Vec::new(),
            denial,
        };
        Report {
            session: "20260102-030405-abcd".into(),
            engine: "seccomp".into(),
            zones: vec!["/p".into()],
            status: Some(0),
            denied: denials.len() as u64,
            lost: 0,
            left: Some(0),
            ledger: "/state/sessions/20260102-030405-abcd.jsonl".into(),
            denials: denials.into_iter().map(entry).collect(),
            stashed: 0,
            kept: Vec::new(),
            notes: Vec::new(),
        }
    }
}
