//! What is said when the agent has ended: at most a screen.

use super::fit::{Screen, count, keep_start};
use super::report::Report;
use super::{FAINT, LOUD, NAME, NOTE, rows, styled};
use anstyle::Style;
use helper_daemon::denial::printable;
use std::path::Path;

/// The most rows a table has before it is grouped.
const ROWS: usize = 12;
/// The most notes that are shown.
const NOTES: usize = 3;

/// The whole summary, ending in a newline.
pub(crate) fn text(report: &Report, screen: Screen, home: Option<&Path>) -> String {
    let loud = loud(report, screen.width);
    if report.denied == 0 {
        let blocked = if report.stashed == 0 { "nothing was blocked · " } else { "" };
        let name = styled(NAME, "es-guard:");
        return format!("{name} {blocked}session {}\n{}{loud}", report.session, kept(report));
    }
    let blocked = format!("blocked {}", count(report.denied, "operation"));
    let mut out = format!("{} {}\n", styled(NAME, "es-guard:"), styled(LOUD, blocked));
    if !report.denials.is_empty() {
        // The first line, the header, "and more", the ledger, the next command, and the shell's prompt.
        let taken = 6 + loud.lines().count() + kept(report).lines().count();
        let room = screen.height.min(Screen::USUAL.height).saturating_sub(taken).clamp(1, ROWS);
        let (table, left_out) = rows::at_most(report, room, screen.width, home);
        out += &table;
        out.push('\n');
        if let Some((denials, places)) = left_out {
            out += &format!("and {denials} more in {}\n", count(places as u64, "other place"));
        }
    }
    out += &kept(report);
    out += &loud;
    out += &format!("{} {}\n", styled(FAINT, "ledger:"), printable(&report.ledger));
    out += &format!("{} es-guard sessions show {}\n", styled(FAINT, "next:  "), report.session);
    out
}

/// What was let through and can be put back, and how.
fn kept(report: &Report) -> String {
    if report.stashed == 0 {
        return String::new();
    }
    let what = format!("kept what {} took away", count(report.stashed, "operation"));
    let how = format!("es-guard sessions restore {}", report.session);
    format!("{} {} · {} {how}\n", styled(NAME, "es-guard:"), styled(LOUD, what), styled(FAINT, "undo:"))
}

/// What must be said even when nothing else is to be: lost records, processes that live on, notes. One line
/// each; none when all is well.
pub(crate) fn loud(report: &Report, width: usize) -> String {
    let mut out = String::new();
    let mut line = |style: Style, text: &str| {
        let text = printable(text);
        out += &format!("{} {text}\n", styled(style, "es-guard:"));
    };
    if report.lost > 0 {
        let lost = count(report.lost, "record");
        line(LOUD, &format!("{lost} NOT WRITTEN (disk full?): this list is incomplete"));
    }
    match report.left {
        None | Some(0) => {}
        Some(1) => line(NOTE, "1 process of the agent still runs; it stays guarded"),
        Some(left) => line(NOTE, &format!("{left} processes of the agent still run; they stay guarded")),
    }
    let shown = if report.notes.len() > NOTES { NOTES - 1 } else { NOTES };
    for note in report.notes.iter().take(shown) {
        line(NOTE, &keep_start(note, width.saturating_sub("es-guard: ".len())));
    }
    match report.notes.len().saturating_sub(shown) {
        0 => {}
        more => line(NOTE, &format!("{more} more notes: es-guard sessions show {}", report.session)),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::report::sample::{denial, report};
    use super::*;
    use helper_daemon::denial::Denial;

    fn plain(report: &Report, screen: Screen) -> String {
        anstream::adapter::strip_str(&text(report, screen, None)).to_string()
    }

    fn many() -> Vec<Denial> {
        (0..1000).map(|n| denial(&format!("/p/{}{}/f{n}", "deep/".repeat(n % 70), n % 70))).collect()
    }

    #[test]
    fn nothing_blocked_is_one_line() {
        let text = plain(&report(vec![]), Screen::USUAL);
        assert_eq!(text, "es-guard: nothing was blocked · session 20260102-030405-abcd\n");
    }

    #[test]
    fn it_says_what_where_and_what_next() {
        let text = plain(&report(vec![denial("/p/a")]), Screen::USUAL);
        assert!(text.starts_with("es-guard: blocked 1 operation\n"), "{text}");
        assert!(text.contains("unlink     a     rm"), "{text}");
        assert!(text.contains("ledger: /state/sessions/20260102-030405-abcd.jsonl\n"), "{text}");
        assert!(text.ends_with("next:   es-guard sessions show 20260102-030405-abcd\n"), "{text}");
    }

    #[test]
    fn it_fits_a_screen_whatever_happened() {
        let notes: Vec<String> = (0..9).map(|n| format!("note {n} {}", "long ".repeat(40))).collect();
        let worst = Report { lost: 5, left: Some(3), notes, ..report(many()) };
        for screen in [Screen::USUAL, Screen { width: 70, height: 12 }, Screen { width: 200, height: 60 }] {
            let text = plain(&worst, screen);
            assert!(text.lines().count() < screen.height.min(24), "{text}");
            let wide = text.lines().filter(|line| !line.contains("20260102"));
            assert!(wide.clone().all(|line| line.chars().count() <= screen.width), "{text}");
            assert!(text.contains("5 records NOT WRITTEN"), "{text}");
        }
    }

    #[test]
    fn lost_records_are_told_when_nothing_else_is() {
        let lost = Report { lost: 1, denied: 1, ..report(vec![]) };
        let text = plain(&lost, Screen::USUAL);
        assert!(text.contains("blocked 1 operation") && text.contains("1 record NOT WRITTEN"), "{text}");
        assert_eq!(loud(&report(vec![]), 80), "");
    }
}
