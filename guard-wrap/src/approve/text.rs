//! A request as it is shown on a terminal, and what the keys mean: lines that fit its width.
//!
//! It knows no key that was typed, and no helper.

use super::A_WHILE;
use super::feed::Open;
use crate::overrides::shown;
use crate::render::fit::{columns, keep_start};
use helper_daemon::denial::printable;
use jiff::SignedDuration;

/// What is asked for, a line each.
pub(super) fn about(open: &Open, width: usize) -> Vec<String> {
    let request = &open.request;
    let times = if request.times > 1 { format!(", asked {} times", request.times) } else { String::new() };
    let op = request.op.map(|op| format!(" ({} only)", op.word())).unwrap_or_default();
    let directory = request.path.is_dir();
    let below = if directory { " and all below it; once: the directory itself alone" } else { "" };
    let head = format!("{}  {}{times}", open.live.session, printable(&open.command));
    let path = format!("{}{op}{below}", shown(&request.path));
    let by = format!("  by {} (process {})", printable(&request.by.exe), request.by.pid);
    let reason = format!("\u{201c}{}\u{201d}", printable(&request.reason));
    let mut lines = vec![keep_start(&head, width)];
    // Nothing of what is decided upon is left out.
    lines.extend(folded(&path, width));
    lines.push(keep_start(&by, width));
    lines.extend(folded(&reason, width));
    lines
}

/// What each key means, on as many lines as it takes: none is left out.
pub(super) fn keys(time: &str, count: usize, width: usize) -> Vec<String> {
    let mut keys =
        vec!["o once".to_owned(), format!("t for {time}"), "s for the session".into(), "d no".into()];
    if count > 1 {
        keys.push(format!("n next of {count}"));
    }
    keys.push("q quit".into());
    let mut lines = vec![String::new()];
    for key in keys {
        match lines.last_mut() {
            Some(last) if last.is_empty() || columns(last) + 2 + columns(&key) <= width => {
                *last += &format!("  {key}")
            }
            _ => lines.push(format!("  {key}")),
        }
    }
    lines
}

/// A text on as many lines as it takes, each set in a little.
fn folded(text: &str, width: usize) -> Vec<String> {
    const SET_IN: &str = "  ";
    let mut lines = vec![SET_IN.to_owned()];
    for c in text.chars() {
        let last = lines.last_mut();
        match last {
            Some(last) if columns(last) + columns(c.encode_utf8(&mut [0; 4])) <= width => last.push(c),
            _ => lines.push(format!("{SET_IN}{c}")),
        }
    }
    lines
}

/// For how long it is let through with the key for a time: what was asked for, if that was said.
pub(super) fn a_while(open: &Open) -> SignedDuration {
    let asked = open.request.seconds.and_then(|seconds| i64::try_from(seconds).ok());
    asked.map_or(A_WHILE, SignedDuration::from_secs)
}

/// A time as a person says it.
pub(super) fn words(time: SignedDuration) -> String {
    match time.as_secs() {
        60 => "1 minute".to_owned(),
        seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        _ => format!("{time:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_long_text_is_left_out() {
        let text = "/a/".repeat(30);
        let lines = folded(&text, 20);
        assert!(lines.len() > 4 && lines.iter().all(|line| columns(line) <= 20), "{lines:?}");
        assert_eq!(lines.iter().map(|line| &line[2..]).collect::<String>(), text);
        assert_eq!(folded("", 20), ["  "]);
    }

    #[test]
    fn every_key_is_told_on_a_narrow_screen() {
        assert_eq!(
            keys("10 minutes", 1, 80),
            ["  o once  t for 10 minutes  s for the session  d no  q quit"]
        );
        let narrow = keys("10 minutes", 12, 39);
        assert!(narrow.iter().all(|line| columns(line) <= 39), "{narrow:?}");
        assert_eq!(
            narrow.join("\n"),
            "  o once  t for 10 minutes\n  s for the session  d no  n next of 12\n  q quit"
        );
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        for (seconds, said) in [(60, "1 minute"), (600, "10 minutes"), (90, "1m 30s")] {
            assert_eq!(words(SignedDuration::from_secs(seconds)), said);
        }
    }
}
