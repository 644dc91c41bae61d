//! The one line that says that the guard is on.

use super::fit::{Screen, keep_end, under_home};
use super::{FAINT, NAME, styled};
use helper_daemon::policy::{OnDelete, Zone};
use std::path::Path;

/// How many zones are named.
const NAMED: usize = 2;

/// Zones in a few words: the first two, and how many more.
pub(crate) fn zones_in_short<'a>(zones: impl IntoIterator<Item = &'a Path>, home: Option<&Path>) -> String {
    let zones: Vec<&Path> = zones.into_iter().collect();
    let named =
        zones.iter().take(NAMED).map(|zone| keep_end(&under_home(zone, home), Screen::USUAL.width / 2));
    let named = named.collect::<Vec<_>>().join(", ");
    match zones.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} +{more} more"),
    }
}

/// The banner.
pub(crate) fn line<'a>(
    zones: impl IntoIterator<Item = &'a Zone>,
    engine: &str,
    session: &str,
    home: Option<&Path>,
) -> String {
    let zones: Vec<&Zone> = zones.into_iter().collect();
    let stashes = zones.iter().filter(|zone| zone.on_delete == OnDelete::Stash).count();
    let fate = match stashes {
        0 => "refused",
        some if some == zones.len() => "kept for undo",
        _ => "refused or kept for undo",
    };
    let zones = zones_in_short(zones.iter().map(|zone| zone.path.as_path()), home);
    let name = styled(NAME, "es-guard:");
    let session = styled(FAINT, format!("session {session}"));
    format!("{name} guarding {zones} ({engine}) · edits pass, deletes and moves out are {fate} · {session}")
}

/// The banner inside another session.
pub(crate) fn nested<'a>(
    zones: impl IntoIterator<Item = &'a Path>,
    session: &str,
    home: Option<&Path>,
) -> String {
    let zones = zones_in_short(zones, home);
    let name = styled(NAME, "es-guard:");
    format!("{name} inside session {session}, which guards {zones}, too, from now on until it ends")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner(zones: &[&str]) -> String {
        let zones: Vec<Zone> = zones.iter().map(Zone::new).collect();
        let line = line(&zones, "seccomp", "20260102-030405-ab12", Some(Path::new("/home/u")));
        anstream::adapter::strip_str(&line).to_string()
    }

    #[test]
    fn it_is_one_line() {
        assert_eq!(
            banner(&["/home/u/proj"]),
            "es-guard: guarding ~/proj (seccomp) · edits pass, deletes and moves out are refused · session 20260102-030405-ab12"
        );
        assert!(banner(&["/a\n\u{1b}[2J"]).lines().count() == 1);
    }

    #[test]
    fn many_zones_are_counted() {
        assert!(banner(&["/a", "/b", "/c", "/d", "/e"]).contains("guarding /a, /b +3 more (seccomp)"));
    }
}
