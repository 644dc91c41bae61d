//! Which live session is meant by a name, or by none, and where it is asked.

use super::AskError;
use crate::cli::Target;
use crate::state::StateFolder;
use helper_daemon::client::live::{self, Live, Places};
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

/// The session that is meant: inside one that one, unless another is named.
pub(crate) fn find(target: &Target) -> Result<Live, AskError> {
    let places = places(target.helper.as_deref())?;
    if target.session == LAST
        && let Some(live) = live::inside(&places)
    {
        return Ok(live);
    }
    let mut live: Vec<Live> = live::all(&places)?.into_iter().map(|(live, _)| live).collect();
    let name = choose(&target.session, live.iter().map(|live| live.session.clone()).collect())?;
    // Two users may have one of the same name: which is meant is the helper's to say.
    let at = live.iter().position(|live| live.session == name).unwrap_or_default();
    Ok(live.swap_remove(at))
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
