//! The folder of ledgers: which there are, finding one by name, and reading one with its state.

use super::SessionsError;
use crate::state::StateFolder;
use helper_daemon::ledger::{Contents, read};
use helper_daemon::session::SessionId;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Its tree is empty, and the ledger says so.
    Ended,
    /// A helper holds the ledger.
    Running,
    /// No helper, and no end in the ledger: the helper was killed, or the machine went down.
    Interrupted,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            State::Ended => "ended",
            State::Running => "running",
            State::Interrupted => "interrupted",
        }
    }
}

/// The names of all sessions, the oldest first, and the files that are none.
pub(super) fn names(state: &StateFolder) -> Result<(Vec<SessionId>, Vec<String>), SessionsError> {
    let folder = state.sessions();
    let (mut names, mut foreign) = (Vec::new(), Vec::new());
    let refused = |source| SessionsError::Folder { path: folder.clone(), source };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok((Vec::new(), foreign)),
        Err(e) => return Err(refused(e)),
    };
    for entry in entries {
        let entry = entry.map_err(refused)?;
        let file = entry.file_name();
        // Within one second names are in no order: the file's birth decides, where it is known.
        let born = entry.metadata().and_then(|found| found.created()).ok();
        match file.to_str().and_then(|name| name.strip_suffix(".jsonl")).and_then(SessionId::parse) {
            Some(name) => names.push((second(&name).to_owned(), born, name)),
            None => foreign.push(file.to_string_lossy().into_owned()),
        }
    }
    names.sort();
    foreign.sort();
    Ok((names.into_iter().map(|(_, _, name)| name).collect(), foreign))
}

/// The part of a name that says when: all but the random digits.
fn second(name: &SessionId) -> &str {
    name.as_str().rsplit_once('-').map_or(name.as_str(), |(second, _)| second)
}

/// Finds a session: by its name, by the beginning of its name, or the last one.
pub(super) fn find(state: &StateFolder, wanted: &str) -> Result<SessionId, SessionsError> {
    choose(names(state)?.0, wanted)
}

fn choose(mut names: Vec<SessionId>, wanted: &str) -> Result<SessionId, SessionsError> {
    if wanted == "last" || names.is_empty() {
        return names.pop().ok_or(SessionsError::None);
    }
    if let Some(exact) = names.iter().find(|name| name.as_str() == wanted) {
        return Ok(exact.clone());
    }
    names.retain(|name| !wanted.is_empty() && name.as_str().starts_with(wanted));
    match names.len() {
        1 => Ok(names.remove(0)),
        0 => Err(SessionsError::Unknown(wanted.to_owned())),
        _ => {
            let matches = names.iter().map(SessionId::to_string).collect();
            Err(SessionsError::Ambiguous { prefix: wanted.to_owned(), matches })
        }
    }
}

/// Opens a ledger for reading.
pub(super) fn open_file(path: &Path) -> Result<File, SessionsError> {
    let unreadable = |source| SessionsError::Unreadable { path: path.to_owned(), source };
    // A fifo with a ledger's name must not hold anybody up.
    let nonblocking = OFlag::O_NONBLOCK.bits();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(SessionsError::Foreign { path: path.to_owned(), note: "it is no file".to_owned() });
    }
    Ok(file)
}

/// A ledger, and its session's state.
pub(super) fn open(path: &Path) -> Result<(Contents, State), SessionsError> {
    let unreadable = |source| SessionsError::Unreadable { path: path.to_owned(), source };
    let file = open_file(path)?;
    // Before reading: a session that ends meanwhile is shown as running, never as interrupted.
    let held = held(&file).map_err(unreadable)?;
    let contents = read(BufReader::new(file)).map_err(unreadable)?;
    let state = match (contents.end().is_some(), held) {
        (true, _) => State::Ended,
        (false, true) => State::Running,
        (false, false) => State::Interrupted,
    };
    if contents.lines.is_empty() && state != State::Running {
        return Err(match contents.notes.first() {
            None => SessionsError::Empty(path.to_owned()),
            Some(note) => SessionsError::Foreign { path: path.to_owned(), note: note.clone() },
        });
    }
    Ok((contents, state))
}

/// Whether a helper holds the ledger's lock.
pub(super) fn held(file: &File) -> io::Result<bool> {
    Ok(matches!(Flock::lock(file.try_clone()?, FlockArg::LockSharedNonblock), Err((_, Errno::EWOULDBLOCK))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<SessionId> {
        let names = ["20260101-000000-aaaa", "20260102-000000-bbbb", "20260102-000001-cccc"];
        names.iter().filter_map(|name| SessionId::parse(name)).collect()
    }

    fn chosen(wanted: &str) -> String {
        match choose(some(), wanted) {
            Ok(name) => name.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_session_is_found_by_name_beginning_or_as_the_last() {
        assert_eq!(chosen("last"), "20260102-000001-cccc");
        assert_eq!(chosen("20260101-000000-aaaa"), "20260101-000000-aaaa");
        assert_eq!(chosen("20260101"), "20260101-000000-aaaa");
    }

    #[test]
    fn what_is_not_found_or_not_unique_is_said_with_what_to_do() {
        assert!(chosen("2027").contains("no such session. List them with"));
        assert!(chosen("").contains("no such session"));
        let ambiguous = chosen("20260102");
        assert!(ambiguous.contains("20260102-000000-bbbb, 20260102-000001-cccc. Type more"), "{ambiguous}");
        assert!(matches!(choose(Vec::new(), "x"), Err(SessionsError::None)));
    }
}
