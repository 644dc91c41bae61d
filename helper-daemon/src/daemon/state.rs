//! What the daemon remembers beyond its own life: which sessions it guards.
//!
//! Its workers outlive a daemon that is killed, and come back to the one that is started next. That one tells
//! by this record which of them did not. The folder is root's alone; `es-guard helper
//! install` keeps its list of what it wrote there, too.

use super::log;
use crate::trust::{self, Untrusted};
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Where it is, unless `--state` says otherwise.
pub use crate::place::STATE;

/// The files in it that are the daemon's.
pub const FILES: [&str; 2] = [RECORD, RECORD_NEXT];

const RECORD: &str = "sessions.json";
const RECORD_NEXT: &str = ".sessions.json.next";

/// Why the folder can't be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the place, and what is wrong with it, in the message")]
pub enum StateError {
    #[error("use the state folder {path}: {why}. Make it root's alone, or name another with --state")]
    Untrusted { path: PathBuf, why: Untrusted },
    #[error("use the state folder {path}: its mode is {mode:04o}. Run: chmod 700 {path}")]
    Open { path: PathBuf, mode: u32 },
    #[error("use the state folder {path}: {source}. Name another with --state")]
    Io { path: PathBuf, source: io::Error },
}

/// One session, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Its name, as its user's process told it.
    pub session: String,
    /// Whose it is.
    pub user: u32,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    /// No process outlives the boot it was started in.
    boot: String,
    sessions: Vec<Remembered>,
}

/// The folder, checked.
#[derive(Debug)]
pub struct State {
    folder: PathBuf,
    boot: String,
}

impl State {
    /// Checks the folder, and makes it where it is not there.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let failed = |source| StateError::Io { path: folder.to_owned(), source };
        check(folder)?;
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), boot: boot.trim().to_owned() })
    }

    /// The sessions that an earlier daemon guarded when it ended.
    pub fn left(&self) -> Vec<Remembered> {
        let path = self.folder.join(RECORD);
        let record = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Record>(&bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::default()),
            Err(error) => Err(error.to_string()),
        };
        match record {
            Ok(record) if record.boot == self.boot => record.sessions,
            Ok(_) => Vec::new(),
            Err(error) => {
                log::warning(
                    "can't tell which sessions were left",
                    &[("file", &path.display()), ("error", &error)],
                );
                Vec::new()
            }
        }
    }

    /// Remembers these sessions, and no others. The file is whole at every moment; it is not forced to the
    /// disk, as after the machine's own end there are no sessions left to speak of.
    pub fn remember(&self, sessions: Vec<Remembered>) -> io::Result<()> {
        let record = Record { boot: self.boot.clone(), sessions };
        let next = self.folder.join(RECORD_NEXT);
        std::fs::write(&next, serde_json::to_vec(&record)?)?;
        std::fs::rename(next, self.folder.join(RECORD))
    }
}

/// Whether the folder can be used; one that is not there yet can be made.
pub fn check(folder: &Path) -> Result<(), StateError> {
    let path = folder.to_owned();
    trust::folder(Path::new("/"), folder).map_err(|why| StateError::Untrusted { path: path.clone(), why })?;
    match folder.symlink_metadata() {
        Ok(stat) if stat.uid() != geteuid().as_raw() => {
            let why = Untrusted::Owner { path: path.clone(), uid: stat.uid() };
            Err(StateError::Untrusted { path, why })
        }
        Ok(stat) if stat.mode() & 0o077 != 0 => Err(StateError::Open { path, mode: stat.mode() & 0o7777 }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(StateError::Io { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    fn one() -> Remembered {
        Remembered { session: "20260102-030405-abcd".into(), user: 1000 }
    }

    #[test]
    fn what_was_remembered_last_is_what_was_left() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(&dir.path().join("state")).unwrap();
        assert_eq!(state.left(), []);
        state.remember(vec![one()]).unwrap();
        let next = State::open(&dir.path().join("state")).unwrap();
        assert_eq!(next.left(), [one()]);
        state.remember(Vec::new()).unwrap();
        assert_eq!(next.left(), []);
    }

    #[test]
    fn nothing_is_lost_by_a_reboot_and_nonsense_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(&dir.path().join("state")).unwrap();
        state.remember(vec![one()]).unwrap();
        state.boot = "another".into();
        assert_eq!(state.left(), []);
        std::fs::write(dir.path().join("state").join(RECORD), "{\"boot\":").unwrap();
        assert_eq!(state.left(), []);
    }

    #[test]
    fn a_folder_that_others_may_look_into_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state");
        State::open(&folder).unwrap();
        assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700);
        set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(State::open(&folder), Err(StateError::Open { mode: 0o755, .. })));
        set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(State::open(&folder), Err(StateError::Untrusted { .. })));
    }
}
