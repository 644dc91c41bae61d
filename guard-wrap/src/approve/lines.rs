//! Requests and answers as lines, where there is no terminal: for scripts, and for a person in an editor.

use super::feed::{Feed, Happened, Open};
use super::{Answer, answer};
use crate::asking::sentence;
use crate::asking::target::TargetError;
use crate::overrides::shown;
use crate::render::{self, print};
use helper_daemon::denial::printable;
use std::io::{BufRead, stdin};
use std::thread;

/// Shows requests and takes answers until there is no more input. Tells whether every answer was taken.
pub(super) fn run(mut feed: Feed) -> bool {
    feed.open.iter().for_each(|open| print(&line(open)));
    let tell = feed.tell.clone();
    thread::spawn(move || {
        for typed in stdin().lock().split(b'\n').map_while(Result::ok) {
            let _ = tell.send(Happened::Typed(typed));
        }
        let _ = tell.send(Happened::Silence);
    });
    let mut all_taken = true;
    while let Ok(happened) = feed.happens.recv() {
        match happened {
            Happened::Now(session, now) => {
                feed.update(&session, now).iter().for_each(|open| print(&line(open)));
            }
            Happened::Typed(typed) => all_taken &= take(&mut feed, &String::from_utf8_lossy(&typed)),
            Happened::Silence => break,
        }
    }
    if !feed.any {
        render::problem(&TargetError::None);
    }
    all_taken && feed.any
}

/// A request on one line.
fn line(open: &Open) -> String {
    let request = &open.request;
    let op = request.op.map(|op| format!(", {} only", op.word())).unwrap_or_default();
    let time = request.seconds.map(|seconds| format!(", for {seconds}s")).unwrap_or_default();
    format!(
        "{}:{}  {}{op}{time}  by {} (process {}): {}",
        open.live.session,
        request.number,
        shown(&request.path),
        printable(&request.by.exe),
        request.by.pid,
        printable(&request.reason)
    )
}

/// Does what a line says.
fn take(feed: &mut Feed, line: &str) -> bool {
    if line.trim().is_empty() {
        return true;
    }
    let Some(typed) = parse(line) else {
        render::note(
            "expected the number of a request, and `once`, a time such as 10m, `session`, or `deny` and a word",
        );
        return false;
    };
    let meant = |open: &&Open| {
        open.request.number == typed.number && open.live.session.as_str().starts_with(&typed.session)
    };
    let mut found = feed.open.iter().filter(meant);
    let (first, another) = (found.next().cloned(), found.next());
    let Some(open) = first else {
        render::note(&format!("there is no request {} that waits", typed.number));
        return false;
    };
    if another.is_some() {
        render::note(&format!(
            "several sessions have a request {}: type SESSION:{0}, as {}:{0}",
            typed.number, open.live.session
        ));
        return false;
    }
    feed.answered(&open);
    match answer(&open, &typed.answer) {
        Ok(request) => {
            print(&sentence(&open.live.session, &request));
            true
        }
        Err(error) => {
            render::problem(&error);
            false
        }
    }
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
struct Typed {
    /// The beginning of a session's name.
    session: String,
    number: u64,
    answer: Answer,
}

fn parse(line: &str) -> Option<Typed> {
    let (which, what) = line.trim().split_once(char::is_whitespace)?;
    let (session, number) = which.rsplit_once(':').unwrap_or(("", which));
    let what = what.trim();
    let (first, rest) = what.split_once(char::is_whitespace).unwrap_or((what, ""));
    let answer = match (first, rest.trim()) {
        ("once", "") => Answer::Once,
        ("session", "") => Answer::Session,
        ("deny", word) => Answer::Deny((!word.is_empty()).then(|| word.to_owned())),
        _ => {
            let time: jiff::SignedDuration = what.parse().ok()?;
            (time.as_secs() > 0).then_some(Answer::For(time))?
        }
    };
    Some(Typed { session: session.to_owned(), number: number.parse().ok()?, answer })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn a_line_names_a_request_and_an_answer() {
        let typed = |session: &str, number, answer| Some(Typed { session: session.into(), number, answer });
        assert_eq!(parse("1 once"), typed("", 1, Answer::Once));
        assert_eq!(parse(" 12  10m "), typed("", 12, Answer::For(SignedDuration::from_mins(10))));
        assert_eq!(parse("2026:3 session"), typed("2026", 3, Answer::Session));
        assert_eq!(parse("1 deny"), typed("", 1, Answer::Deny(None)));
        assert_eq!(
            parse("1 deny it is the only copy"),
            typed("", 1, Answer::Deny(Some("it is the only copy".into())))
        );
        for wrong in ["", "1", "once", "x once", "1 yes", "1 0s", "1 -5m", "1 once more"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
