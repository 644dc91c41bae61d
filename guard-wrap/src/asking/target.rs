//! Which live session is meant by a name, or by none, and where it is asked.

use super::AskError;
use crate::cli::Target;
use crate::state::StateFolder;
use helper_daemon::client::live::{self, Live, Places};
use helper_daemon::protocol::Description;
use helper_daemon::session::SessionId;
use std::path::Path;

/// Why no session is meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("find a live session: there is none of yours. Look at: es-guard sessions list")]
    None,
    #[error("find the session \"{0}\": there is no live one of that name. Look at: es-guard sessions list")]
    Unknown(String),
    #[error("find the session \"{prefix}\": several begin so: {}. Type more of the name", matches.join(", "))]
    Ambiguous { prefix: String, matches: Vec<String> },
}

/// Where live sessions are looked for.
pub(crate) fn places(helper: Option<&Path>) -> Result<Places, AskError> {
    let state = StateFolder::locate()?.path().to_owned();
    Ok(Places { state, helper: helper.map(Path::to_owned) })
}

/// A session that is meant.
pub(crate) struct Meant {
    pub(crate) live: Live,
    /// Whether it may be another than whoever asks thinks of: it was not named, and is not the only one.
    pub(crate) guessed: bool,
}

/// The session that is meant: the one that is named; else inside one that one; else the one that guards one of these
/// paths; else the last.
pub(crate) fn find(target: &Target, paths: &[&Path]) -> Result<Meant, AskError> {
    let places = places(target.helper.as_deref())?;
    if target.is_last()
        && let Some(live) = live::inside(&places)
    {
        return Ok(Meant { live, guessed: false });
    }
    let mut all = live::all(&places)?;
    let at = match &target.session {
        Some(wanted) => {
            let name = choose(wanted, all.iter().map(|(live, _)| live.session.clone()).collect())?;
            // Two users may have one of the same name: which is meant is the helper's to say.
            all.iter().position(|(live, _)| live.session == name).unwrap_or_default()
        }
        None => {
            let zones: Vec<&[String]> = all.iter().map(|(_, told)| told.zones.as_slice()).collect();
            guarding(&zones, paths).or(all.len().checked_sub(1)).ok_or(TargetError::None)?
        }
    };
    let guards = |(_, told): &(Live, Description)| guarding(&[&told.zones], paths).is_some();
    let guessed = target.session.is_none() && (all.len() > 1 || !paths.is_empty() && !guards(&all[at]));
    Ok(Meant { live: all.swap_remove(at).0, guessed })
}

/// Which of the sessions with these zones, the oldest first, guards one of the paths: that of the innermost zone, of
/// several the newest. Else one that guards something below.
fn guarding(zones: &[&[String]], paths: &[&Path]) -> Option<usize> {
    let best = |rank: fn(&Path, &Path) -> Option<usize>| {
        let rank_of = |zones: &[String]| {
            let each =
                zones.iter().flat_map(|zone| paths.iter().map(move |path| rank(Path::new(zone), path)));
            each.flatten().max()
        };
        let ranked = zones.iter().enumerate().filter_map(|(at, zones)| rank_of(zones).map(|rank| (rank, at)));
        ranked.max().map(|(_, at)| at)
    };
    best(|zone, path| path.starts_with(zone).then(|| zone.components().count()))
        .or_else(|| best(|zone, path| zone.starts_with(path).then_some(0)))
}

impl Target {
    /// Whether no other than the last is named.
    pub(crate) fn is_last(&self) -> bool {
        self.session.as_deref().is_none_or(|name| name == LAST)
    }
}

/// The last one.
pub(crate) const LAST: &str = "last";

fn choose(wanted: &str, mut live: Vec<SessionId>) -> Result<SessionId, TargetError> {
    live.sort();
    if wanted == LAST {
        return live.pop().ok_or(TargetError::None);
    }
    live.dedup();
    if let Some(exact) = live.iter().find(|name| name.as_str() == wanted) {
        return Ok(exact.clone());
    }
    live.retain(|name| !wanted.is_empty() && name.as_str().starts_with(wanted));
    match live.len() {
        1 => Ok(live.remove(0)),
        0 => Err(TargetError::Unknown(wanted.to_owned())),
        _ => {
            let matches = live.iter().map(SessionId::to_string).collect();
            Err(TargetError::Ambiguous { prefix: wanted.to_owned(), matches })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(wanted: &str, live: &[&str]) -> String {
        let live = live.iter().filter_map(|name| SessionId::parse(name)).collect();
        choose(wanted, live).map_or_else(|error| error.to_string(), |name| name.to_string())
    }

    #[test]
    fn the_session_of_the_innermost_zone_guards_a_path() {
        let zones =
            [vec!["/p".to_owned()], vec!["/q".into()], vec!["/p/in".into(), "/r".into()], vec!["/q".into()]];
        let zones: Vec<&[String]> = zones.iter().map(Vec::as_slice).collect();
        let of = |paths: &[&str]| {
            let paths: Vec<&Path> = paths.iter().map(Path::new).collect();
            guarding(&zones, &paths)
        };
        assert_eq!(of(&["/p/a"]), Some(0));
        assert_eq!(of(&["/p/in/a"]), Some(2));
        assert_eq!(of(&["/p/inner"]), Some(0));
        assert_eq!(of(&["/q"]), Some(3));
        assert_eq!(of(&["/tmp/x", "/r/x"]), Some(2));
        assert_eq!(of(&["/"]), Some(3));
        assert_eq!((of(&["/s"]), of(&[])), (None, None));
    }

    #[test]
    fn a_session_is_named_whole_in_part_or_not_at_all() {
        let live = ["20260102-000001-cccc", "20260101-000000-aaaa", "20260102-000000-bbbb"];
        assert_eq!(chosen("last", &live), live[0]);
        assert_eq!(chosen("20260101", &live), live[1]);
        assert_eq!(chosen(live[2], &live), live[2]);
        assert!(
            chosen("20260102", &live)
                .contains("several begin so: 20260102-000000-bbbb, 20260102-000001-cccc")
        );
        assert!(chosen("2027", &live).contains("no live one of that name"));
        assert!(chosen("", &live).contains("no live one"));
        assert!(chosen("last", &[]).contains("there is none of yours"));
        assert_eq!(chosen("20260101-000000-aaaa", &[live[1], live[1]]), live[1]);
    }
}
