//! Denials as a table: one a row, or grouped by operation, directory and program when they are many.

use super::fit::{columns, keep_end, keep_start, under_home};
use super::report::{Entry, Report, local};
use comfy_table::{Row, Table, presets::NOTHING};
use helper_daemon::denial::{Denial, printable};
use helper_daemon::policy::operation::Op;
use std::collections::HashMap;
use std::path::Path;

/// The space between columns.
const GAP: usize = 2;
/// The width of a column of operations.
const OPERATION: usize = "operation".len();
/// The widest that a program's name is shown.
const PROGRAM: usize = 16;

/// Every denial, one a row.
pub(crate) fn all(report: &Report, width: usize, home: Option<&Path>) -> String {
    let rows = report.denials.iter().map(|entry| row(entry, report, home));
    table(rows.collect(), width)
}

/// One denial as one line, without a table around it: what comes next is not known yet.
pub(crate) fn line(entry: &Entry, report: &Report, width: usize, home: Option<&Path>) -> String {
    let cells = row(entry, report, home);
    let taken = columns(&cells.time) + OPERATION + columns(&cells.program) + 3 * GAP;
    let place = fit(&cells.from, cells.to.as_ref(), width.saturating_sub(taken).max(8));
    format!("{}  {:<OPERATION$}  {place}  {}", cells.time, cells.op, cells.program)
}

/// The denials in at most `most` rows, and how many are not shown, in how many places.
pub(crate) fn at_most(
    report: &Report,
    most: usize,
    width: usize,
    home: Option<&Path>,
) -> (String, Option<(u64, usize)>) {
    if report.denials.len() <= most {
        return (all(report, width, home), None);
    }
    let mut groups = groups(report);
    // Stable: among equals, the earlier one.
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let hidden = groups.split_off(groups.len().min(most));
    let rows = groups.iter().map(|group| match group.as_slice() {
        [entry] => row(entry, report, home),
        _ => grouped(group, report, home),
    });
    let left_out = (!hidden.is_empty()).then(|| (hidden.iter().map(|g| g.len() as u64).sum(), hidden.len()));
    (table(rows.collect(), width), left_out)
}

fn groups(report: &Report) -> Vec<Vec<&Entry>> {
    let mut found: HashMap<(Op, Option<&Path>, String), usize> = HashMap::new();
    let mut groups: Vec<Vec<&Entry>> = Vec::new();
    for entry in &report.denials {
        let key = (entry.denial.op, entry.denial.path.parent(), program(&entry.denial));
        let at = *found.entry(key).or_insert(groups.len());
        if at == groups.len() {
            groups.push(Vec::new());
        }
        groups[at].push(entry);
    }
    groups
}

/// A row before it is made to fit.
struct Cells {
    time: String,
    op: &'static str,
    from: String,
    /// With the sign between the two.
    to: Option<(&'static str, String)>,
    program: String,
}

fn row(entry: &Entry, report: &Report, home: Option<&Path>) -> Cells {
    let denial = &entry.denial;
    let sign = if denial.op == Op::Exchange { " ↔ " } else { " → " };
    Cells {
        time: local(&entry.time, "%H:%M:%S"),
        op: denial.op.word(),
        from: place(&denial.path, &denial.zone, report, home),
        to: denial.dest.as_deref().map(|dest| (sign, place(dest, &denial.zone, report, home))),
        program: program(denial),
    }
}

fn grouped(group: &[&Entry], report: &Report, home: Option<&Path>) -> Cells {
    let first = row(group[0], report, home);
    let denial = &group[0].denial;
    let dir = denial.path.parent().unwrap_or(Path::new("/"));
    let dir = if dir == denial.zone && is_the_only(&denial.zone, report) {
        ".".to_owned()
    } else {
        place(dir, &denial.zone, report, home)
    };
    let from = format!("{}/ ({} blocked)", dir.trim_end_matches('/'), group.len());
    Cells { from, to: None, ..first }
}

/// Whether a zone is the person's, and there is no other.
fn is_the_only(zone: &Path, report: &Report) -> bool {
    report.zones.len() == 1 && zone == Path::new(&report.zones[0])
}

/// A path as it is shown: relative to the person's zone, where that is the only one; else whole, as two zones may be
/// called the same, and es-guard's own files are in none of them.
fn place(path: &Path, zone: &Path, report: &Report, home: Option<&Path>) -> String {
    match path.strip_prefix(zone) {
        Ok(below) if is_the_only(zone, report) && !below.as_os_str().is_empty() => {
            printable(&below.to_string_lossy())
        }
        _ => under_home(path, home),
    }
}

/// A path as it is shown, whichever zone it is in.
pub(crate) fn place_of(path: &Path, report: &Report, home: Option<&Path>) -> String {
    let zone = report.zones.iter().map(Path::new).filter(|zone| path.starts_with(zone));
    match zone.max_by_key(|zone| zone.as_os_str().len()) {
        Some(zone) => place(path, zone, report, home),
        None => under_home(path, home),
    }
}

/// The program's name: of its file, or what it calls itself when that is not known.
fn program(denial: &Denial) -> String {
    let called = denial.argv.first().map(Path::new);
    let name = denial.exe.file_name().or_else(|| called.and_then(Path::file_name));
    let name = name.map_or("?".into(), |name| name.to_string_lossy());
    keep_start(&printable(&name), PROGRAM)
}

fn table(rows: Vec<Cells>, width: usize) -> String {
    let widest =
        |of: fn(&Cells) -> usize, header: &str| rows.iter().map(of).max().unwrap_or(0).max(header.len());
    let op = widest(|row| row.op.len(), "operation");
    let program = widest(|row| columns(&row.program), "program");
    let time = "00:00:00".len();
    let path = width.saturating_sub(time + op + program + 3 * GAP).max(8);
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["time", "operation", "path", "program"]);
    for cells in rows {
        let place = fit(&cells.from, cells.to.as_ref(), path);
        let mut row = Row::from([cells.time.as_str(), cells.op, &place, &cells.program]);
        row.max_height(1);
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP as u16));
    }
    table.trim_fmt()
}

/// One or two paths in a width: when two do not fit, each gets what the other does not need.
fn fit(from: &str, to: Option<&(&str, String)>, width: usize) -> String {
    let Some((sign, to)) = to else {
        return keep_end(from, width);
    };
    let room = width.saturating_sub(columns(sign));
    let (one, two) = (columns(from), columns(to));
    let half = room / 2;
    let (one, two) = match (one <= half, two <= room - half) {
        (true, _) => (one, room - one),
        (_, true) => (room - two, two),
        _ => (half, room - half),
    };
    format!("{}{sign}{}", keep_end(from, one), keep_end(to, two))
}

#[cfg(test)]
mod tests {
    use super::super::report::sample::{denial, report};
    use super::*;

    fn renamed(from: &str, to: &str) -> Denial {
        Denial { op: Op::Rename, dest: Some(to.into()), ..denial(from) }
    }

    #[test]
    fn a_path_is_relative_to_its_zone() {
        let text = all(&report(vec![denial("/p/src/a"), renamed("/p/b", "/tmp/b"), denial("/p")]), 80, None);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(lines[0], "time      operation  path        program");
        assert!(lines[1].ends_with("  unlink     src/a       rm"), "{text}");
        assert!(lines[2].ends_with("  rename     b → /tmp/b  rm"), "{text}");
        assert!(lines[3].ends_with("  unlink     /p          rm"), "{text}");
    }

    #[test]
    fn with_several_zones_each_is_named() {
        let several =
            super::Report { zones: vec!["/p".into(), "/q".into()], ..report(vec![denial("/p/src/a")]) };
        assert!(all(&several, 80, None).contains("  /p/src/a  "));
        let many = (0..3).map(|n| denial(&format!("/p/{n}"))).collect();
        let several = Report { zones: several.zones, ..report(many) };
        assert!(at_most(&several, 1, 80, Some(Path::new("/h"))).0.contains("  /p/ (3 blocked)  "));
    }

    #[test]
    fn what_es_guard_keeps_is_not_shown_as_if_in_the_project() {
        let own = Denial { zone: "/h/.codex/es-guard".into(), ..denial("/h/.codex/es-guard/sessions") };
        let text = all(&report(vec![own]), 80, Some(Path::new("/h")));
        assert!(text.contains("  ~/.codex/es-guard/sessions  "), "{text}");
    }

    #[test]
    fn no_row_is_wider_than_the_screen() {
        let long = format!("/p/{}/語/end", "x語".repeat(150));
        let text = all(&report(vec![denial(&long), renamed(&long, &long), renamed("/p/a", &long)]), 80, None);
        assert_eq!(text.lines().count(), 4);
        assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
        assert!(text.contains("a → …"), "{text}");
        assert_eq!(text.matches("/end").count(), 4);
    }

    #[test]
    fn a_line_stands_by_itself() {
        let report = report(vec![renamed("/p/b", "/tmp/\u{1b}b")]);
        let line = line(&report.denials[0], &report, 80, None);
        assert!(line.ends_with("  rename     b → /tmp/\\u{1b}b  rm"), "{line}");
    }

    #[test]
    fn many_are_grouped_and_the_rest_is_counted() {
        let mut denials: Vec<Denial> = (0..30).map(|n| denial(&format!("/p/src/{n}"))).collect();
        denials.extend((0..5).map(|n| denial(&format!("/p/{n}"))));
        denials.extend((0..20).map(|n| denial(&format!("/p/d{n}/x"))));
        let (text, left_out) = at_most(&report(denials), 12, 80, None);
        assert_eq!(text.lines().count(), 13);
        assert!(text.contains("src/ (30 blocked)") && text.contains("./ (5 blocked)"), "{text}");
        assert_eq!(left_out, Some((10, 10)));
    }

    #[test]
    fn a_file_name_does_not_drive_the_terminal() {
        let text = all(&report(vec![denial("/p/\u{1b}[2J\nx")]), 80, None);
        assert!(!text.contains('\u{1b}') && text.lines().count() == 2, "{text}");
    }
}
