//! What the daemon and its workers tell: one line an event, with fields (`logfmt`), on standard error.
//!
//! The journal gets `<N>` before each line, the priority of `sd-daemon(3)`; everybody else gets it as a field.
//! Values may come from users: they are made printable, quoted where they must be, and cut.

use crate::denial::printable;
use std::fmt::Display;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Where the journal says which stream is its own (`systemd.exec(5)`). A worker is started with it.
pub const STREAM: &str = "JOURNAL_STREAM";

/// The longest value, in characters: a user's process chooses some of them.
const LONGEST: usize = 256;

/// A name and what it is of this event.
pub type Field<'a> = (&'static str, &'a dyn Display);

/// How much it matters, as `syslog(3)` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Error = 3,
    Warning = 4,
    Info = 6,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
        }
    }
}

/// Something does not work until a person has looked at it.
pub fn error(message: &str, fields: &[Field<'_>]) {
    tell(Level::Error, message, fields);
}

/// Something did not work, and the helper goes on.
pub fn warning(message: &str, fields: &[Field<'_>]) {
    tell(Level::Warning, message, fields);
}

/// What happens when all is well.
pub fn info(message: &str, fields: &[Field<'_>]) {
    tell(Level::Info, message, fields);
}

/// What every later line of this process is about: of a worker, its user and its session.
pub fn about(key: &'static str, value: &dyn Display) {
    let mut about = ABOUT.lock().unwrap_or_else(PoisonError::into_inner);
    about.push((key, value.to_string()));
}

static ABOUT: Mutex<Vec<(&str, String)>> = Mutex::new(Vec::new());

fn tell(level: Level, message: &str, fields: &[Field<'_>]) {
    static TO_JOURNAL: OnceLock<bool> = OnceLock::new();
    let to_journal = *TO_JOURNAL.get_or_init(|| is_stream(std::env::var(STREAM).ok().as_deref()));
    let about = ABOUT.lock().unwrap_or_else(PoisonError::into_inner);
    let about = about.iter().map(|(key, value)| (*key, value as &dyn Display));
    let fields: Vec<Field<'_>> = about.chain(fields.iter().copied()).collect();
    // In one piece, so that lines of several workers don't mix. Nobody is there to hear of a failure.
    let _ = std::io::stderr().write_all(line(to_journal, level, message, &fields).as_bytes());
}

/// Whether standard error is the stream that the journal named, by device and inode.
fn is_stream(named: Option<&str>) -> bool {
    let named = named.and_then(|named| named.split_once(':'));
    let Ok(stat) = nix::sys::stat::fstat(std::io::stderr().as_fd()) else { return false };
    named.is_some_and(|(dev, ino)| dev.parse() == Ok(stat.st_dev) && ino.parse() == Ok(stat.st_ino))
}

fn line(to_journal: bool, level: Level, message: &str, fields: &[Field<'_>]) -> String {
    let mut line = if to_journal {
        format!("<{}>", level as u8)
    } else {
        format!("es-guard-helper: level={} ", level.word())
    };
    line += &format!("msg={}", value(&message));
    for (key, content) in fields {
        line += &format!(" {key}={}", value(content));
    }
    line + "\n"
}

fn value(content: &dyn Display) -> String {
    let text = content.to_string();
    let mut shown = printable(&text.chars().take(LONGEST).collect::<String>());
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    if shown.is_empty() || shown.contains([' ', '=', '"', '\\']) {
        format!("\"{}\"", shown.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_gets_a_priority_and_others_a_field() {
        let fields: [Field<'_>; 2] = [("session", &"20260102-030405-abcd"), ("user", &1000)];
        assert_eq!(
            line(true, Level::Info, "session armed", &fields),
            "<6>msg=\"session armed\" session=20260102-030405-abcd user=1000\n"
        );
        assert_eq!(
            line(false, Level::Error, "accept", &[("error", &"a \"b\"")]),
            "es-guard-helper: level=error msg=accept error=\"a \\\"b\\\"\"\n"
        );
    }

    #[test]
    fn a_users_text_makes_neither_a_line_nor_a_field_nor_a_flood() {
        let name = "x\n<0>msg=fire user=0 \u{1b}[2J";
        let told = line(true, Level::Info, "session armed", &[("session", &name)]);
        assert_eq!(told.matches('\n').count(), 1);
        assert!(!told.contains('\u{1b}'));
        assert!(told.contains(r#"session="x\\u{a}<0>msg=fire user=0 \\u{1b}[2J""#), "{told}");
        let long = "a".repeat(70_000);
        assert!(line(true, Level::Info, "m", &[("session", &long)]).len() < 400);
    }

    #[test]
    fn only_the_stream_that_was_named_is_the_journals() {
        let stat = nix::sys::stat::fstat(std::io::stderr().as_fd()).unwrap();
        let (dev, ino) = (stat.st_dev, stat.st_ino);
        assert!(is_stream(Some(&format!("{dev}:{ino}"))));
        for other in [None, Some(""), Some("8"), Some("x:y"), Some(&*format!("{dev}:{}", ino + 1))] {
            assert!(!is_stream(other), "{other:?}");
        }
    }
}
