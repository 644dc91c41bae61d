//! What was asked for in a session, what was answered and what was let through, a line each.

use crate::render::report::local;
use crate::render::{FAINT, styled};
use helper_daemon::denial::printable;
use helper_daemon::ledger::{AnswerRecord, Contents, Line, OverrideRecord, Record, RequestRecord};
use helper_daemon::policy::operation::Op;

/// Everything of it in order, with the time in front; nothing where there was none of it.
pub(super) fn lines(contents: &Contents) -> Vec<String> {
    let told = |line: &&Line| {
        let text = match &line.record {
            Record::Request(request) => of_request(request),
            Record::Answer(answer) => of_answer(answer),
            Record::Override(change) => of_override(change),
            _ => String::new(),
        };
        format!("{}  {}", styled(FAINT, local(&line.time, "%H:%M:%S")), printable(&text))
    };
    records(contents).iter().map(told).collect()
}

/// The records of it.
pub(super) fn records(contents: &Contents) -> Vec<&Line> {
    let of_it =
        |line: &&Line| matches!(line.record, Record::Request(_) | Record::Answer(_) | Record::Override(_));
    contents.lines.iter().filter(of_it).collect()
}

/// A request.
pub(super) fn of_request(request: &RequestRecord) -> String {
    let RequestRecord { number, path, reason, by, .. } = request;
    let op = request.op.map(|op| format!(" for {}", op.word())).unwrap_or_default();
    format!("request {number} by process {} ({}): {path}{op}: {reason}", by.pid, by.exe)
}

/// Its answer.
pub(super) fn of_answer(answer: &AnswerRecord) -> String {
    let AnswerRecord { number, decision, .. } = answer;
    let until = answer.expires_at.and_then(until).unwrap_or_default();
    let said = match decision.as_str() {
        "deny" => "refused".to_owned(),
        "once" => format!("allowed once{until}"),
        "session" => "allowed for the session".to_owned(),
        _ => format!("allowed{until}"),
    };
    let by = match (&answer.by, answer.rule.as_deref()) {
        (_, Some(rule)) => format!("the policy (requests: {rule})"),
        (Some(by), None) => format!("user {}, process {} ({})", by.uid, by.pid, by.exe),
        (None, None) => "the policy".to_owned(),
    };
    let word = answer.word.as_deref().filter(|word| !word.is_empty());
    let word = word.map(|word| format!(": {word}")).unwrap_or_default();
    format!("request {number} {said} by {by}: {}{word}", answer.path)
}

/// An override that came or went.
pub(super) fn of_override(change: &OverrideRecord) -> String {
    let by = match &change.by {
        Some(by) => format!("user {}, process {} ({})", by.uid, by.pid, by.exe),
        None => "the policy file".to_owned(),
    };
    let reason = change.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let until = change.expires_at.filter(|_| change.change == "added").and_then(until).unwrap_or_default();
    let op = change.op.map_or(String::new(), |op: Op| format!(" for {}", op.word()));
    let once = if change.once { ", once" } else { "" };
    format!("override {} by {by}: {}{op}{once}{until}{reason}", change.change, change.path)
}

fn until(end: u64) -> Option<String> {
    let end = jiff::Timestamp::from_second(i64::try_from(end).ok()?).ok()?;
    Some(format!(", until {}", local(&end.to_string(), "%Y-%m-%d %H:%M:%S")))
}
