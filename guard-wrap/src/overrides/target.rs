//! Which session is meant by a name, or by none.

use crate::sessions;
use crate::state;
use helper_daemon::protocol::Description;
use helper_daemon::session::SessionId;
use std::path::PathBuf;

/// Why no session is meant.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetError {
    #[error("find a live session: there is none of yours. Look at: es-guard sessions list")]
    None,
    #[error(
        "change what is let through in session {session}: it has a helper of its own, which takes grants from nobody. Let the path through in its policy file instead, under temporary_overrides ({}, or the one it was started with); that takes effect within a second", policy.display()
    )]
    Embedded { session: SessionId, policy: PathBuf },
    #[error("find the session \"{0}\": there is no live one of that name. Look at: es-guard status")]
    Unknown(String),
    #[error("find the session \"{prefix}\": several begin so: {}. Type more of the name", matches.join(", "))]
    Ambiguous { prefix: String, matches: Vec<String> },
}

/// Finds one among those that the system's helper guards (`None`: there is no such helper).
pub(super) fn find(wanted: &str, live: Option<Vec<Description>>) -> Result<SessionId, TargetError> {
    let live = live.unwrap_or_default().into_iter().map(|session| session.session.id).collect();
    match choose(wanted, live) {
        // It may be one that has a helper of its own.
        Err(error @ (TargetError::None | TargetError::Unknown(_))) => match sessions::running(wanted) {
            Some(session) => {
                let home = state::home().unwrap_or_default();
                Err(TargetError::Embedded { session, policy: state::default_policy(&home) })
            }
            None => Err(error),
        },
        chosen => chosen,
    }
}

fn choose(wanted: &str, mut live: Vec<SessionId>) -> Result<SessionId, TargetError> {
    live.sort();
    if wanted == "last" {
        return live.pop().ok_or(TargetError::None);
    }
    // Two users may have one of the same name: which is meant is the helper's to say.
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
