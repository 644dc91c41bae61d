//! The state folder: where ledgers, the shared file of denials and the canaries are.
//!
//! It opens and makes files as the user, for the helper to append to. It knows no record and no policy.

mod door;
mod open_stash;

pub(crate) use open_stash::OpenStash;

use helper_daemon::session::SessionId;
use helper_daemon::stash;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Names another state folder.
pub(crate) const HOME_VARIABLE: &str = "ES_GUARD_HOME";

/// Why the state folder can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error(
        "find the state folder: ES_GUARD_HOME is \"{0}\", which is no absolute path. Give the full path, or unset it"
    )]
    NotAbsolute(String),
    #[error(
        "find your home directory: HOME is not set to an absolute path and the user database has none. Set HOME"
    )]
    HomeUnknown,
    #[error(
        "use the state folder: {0} is there and is no directory. Move it away, or set ES_GUARD_HOME to another place"
    )]
    NotADirectory(PathBuf),
    #[error(
        "{doing} {path}: not writable ({source}). Make the folder writable for you, or set ES_GUARD_HOME to another place"
    )]
    NotWritable { doing: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{doing} {path}: the disk is full ({source}). Free some space, or set ES_GUARD_HOME to a place on another disk"
    )]
    Full { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{doing} {path}: {source}. Look at what is there, or set ES_GUARD_HOME to another place")]
    Refused { doing: &'static str, path: PathBuf, source: io::Error },
}

impl StateError {
    fn new(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable { doing, path, source }
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { doing, path, source },
            ErrorKind::NotADirectory => Self::NotADirectory(blocker(&path)),
            _ => Self::Refused { doing, path, source },
        }
    }

    /// Whether something of that name is there already.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if source.kind() == ErrorKind::AlreadyExists)
    }
}

/// The component of `path` that is there and is no directory.
fn blocker(path: &Path) -> PathBuf {
    let found = path.ancestors().find(|a| a.metadata().is_ok_and(|m| !m.is_dir()));
    found.unwrap_or(path).to_owned()
}

/// The user's home directory.
pub(crate) fn home() -> Result<PathBuf, StateError> {
    dirs::home_dir().filter(|home| home.is_absolute()).ok_or(StateError::HomeUnknown)
}

/// Where the policy file is unless `--policy` says otherwise.
pub(crate) fn default_policy(home: &Path) -> PathBuf {
    home.join(".codex/es_policy.json")
}

/// The state folder.
#[derive(Clone, Debug)]
pub(crate) struct StateFolder(PathBuf);

impl StateFolder {
    #[cfg(test)]
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is, whether it exists or not.
    pub(crate) fn locate() -> Result<Self, StateError> {
        match std::env::var_os(HOME_VARIABLE) {
            Some(value) if Path::new(&value).is_absolute() => Ok(Self(value.into())),
            Some(value) => Err(StateError::NotAbsolute(value.to_string_lossy().into_owned())),
            None => Ok(Self(home()?.join(".codex/es-guard"))),
        }
    }

    /// Makes it and its `sessions` folder, for this user alone, and resolves it: what comes back has no symlink
    /// in its path.
    pub(crate) fn prepare(&self) -> Result<Self, StateError> {
        make_folder(&self.0)?;
        make_folder(&self.sessions())?;
        make_folder(&self.stashes())?;
        self.make_doors()?;
        let resolved = self.0.canonicalize().map_err(|e| StateError::new("open", &self.0, e))?;
        Ok(Self(resolved))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of ledgers.
    pub(crate) fn sessions(&self) -> PathBuf {
        self.0.join("sessions")
    }

    /// The folder of stashes.
    pub(crate) fn stashes(&self) -> PathBuf {
        self.0.join(stash::FOLDER)
    }

    /// A session's ledger.
    pub(crate) fn ledger(&self, id: &SessionId) -> PathBuf {
        self.sessions().join(format!("{id}.jsonl"))
    }

    /// A session's stash.
    pub(crate) fn stash(&self, id: &SessionId) -> PathBuf {
        self.stashes().join(id.as_str())
    }

    /// Makes and opens a new session's ledger, for appending.
    pub(crate) fn create_ledger(&self, id: &SessionId) -> Result<File, StateError> {
        let path = self.ledger(id);
        let opened = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&path);
        opened.map_err(|e| StateError::new("make the ledger", &path, e))
    }

    /// Removes the stash of a session, if nothing was put into it. Tells whether it is gone.
    pub(crate) fn discard_stash(&self, id: &SessionId) -> bool {
        let folder = self.stash(id);
        let index = folder.join(stash::INDEX);
        index.metadata().is_ok_and(|found| found.len() == 0)
            && std::fs::remove_dir(folder.join(stash::DATA)).is_ok()
            && std::fs::remove_file(index).is_ok()
            && std::fs::remove_dir(folder).is_ok()
    }

    /// Removes what was made for a session that never began.
    pub(crate) fn discard(&self, id: &SessionId) {
        self.discard_door(id);
        // An empty stash that stays is listed as such; nothing is lost.
        let _ = self.discard_stash(id);
        self.discard_ledger(id);
    }

    /// Removes the ledger of a session that never began, if nothing was written to it.
    fn discard_ledger(&self, id: &SessionId) {
        let path = self.ledger(id);
        if path.metadata().is_ok_and(|found| found.len() == 0) {
            // An empty ledger that stays is listed as such; nothing is lost.
            let _ = std::fs::remove_file(&path);
        }
    }

    /// Opens the file of all sessions' denials, for reading and appending.
    pub(crate) fn open_denials(&self) -> Result<File, StateError> {
        let path = self.0.join("denials.jsonl");
        let opened = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(&path);
        opened.map_err(|e| StateError::new("open", &path, e))
    }

    /// Tries to make and write a file in it, and removes it again.
    pub(crate) fn try_writing(&self) -> Result<(), StateError> {
        let path = self.sessions().join(format!(".try-{}", std::process::id()));
        let opened = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
        let written = opened.and_then(|mut file| file.write_all(b"es-guard tries to write\n"));
        // Whether it is still there is said by the write.
        let _ = std::fs::remove_file(&path);
        written.map_err(|e| StateError::new("write", &path, e))
    }

    /// Where a session's canaries are; [`Canaries::make`] makes them.
    pub(crate) fn canaries(&self, id: &SessionId) -> Canaries {
        let folder = self.0.join(format!("canary-{id}"));
        Canaries { kept: folder.join("kept"), free: folder.join("free"), folder }
    }
}

fn make_folder(path: &Path) -> Result<(), StateError> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(StateError::NotADirectory(blocker(path))),
        Err(e) => Err(StateError::new("make the folder", path, e)),
    }
}

/// The two files by which a session proves its protection. They are gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Canaries {
    folder: PathBuf,
    /// Protected: the armed child must fail to remove it.
    pub(crate) kept: PathBuf,
    /// Let through by an override: the armed child must succeed.
    pub(crate) free: PathBuf,
}

impl Canaries {
    /// Makes both files. They have contents, so that a full disk is found out before anything is started.
    pub(crate) fn make(&self) -> Result<(), StateError> {
        make_folder(&self.folder)?;
        for path in [&self.kept, &self.free] {
            let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
            let written =
                made.and_then(|mut file| file.write_all(b"es-guard tries whether this can be removed\n"));
            written.map_err(|e| StateError::new("make the canary file", path, e))?;
        }
        Ok(())
    }
}

impl Drop for Canaries {
    fn drop(&mut self) {
        // What can't be removed is two lines of text in the state folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn id() -> SessionId {
        SessionId::parse("20260102-030405-abcd").unwrap()
    }

    #[test]
    fn everything_is_for_the_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateFolder(dir.path().join("a/b")).prepare().unwrap();
        state.create_ledger(&id()).unwrap();
        state.open_denials().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(state.path()), mode(&state.sessions())), (0o700, 0o700));
        assert_eq!(mode(&state.ledger(&id())), 0o600);
        assert_eq!(mode(&state.path().join("denials.jsonl")), 0o600);
    }

    #[test]
    fn a_ledger_is_never_opened_twice_and_is_discarded_only_when_empty() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateFolder(dir.path().into()).prepare().unwrap();
        let mut ledger = state.create_ledger(&id()).unwrap();
        assert!(matches!(state.create_ledger(&id()), Err(StateError::Refused { .. })));
        ledger.write_all(b"x").unwrap();
        state.discard_ledger(&id());
        assert!(state.ledger(&id()).exists());
        ledger.set_len(0).unwrap();
        state.discard_ledger(&id());
        assert!(!state.ledger(&id()).exists());
    }

    #[test]
    fn canaries_come_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateFolder(dir.path().into()).prepare().unwrap();
        let canaries = state.canaries(&id());
        canaries.make().unwrap();
        assert!(canaries.kept.exists() && canaries.free.exists());
        let folder = canaries.folder.clone();
        drop(canaries);
        assert!(!folder.exists());
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for below in ["", "x", "x/y"] {
            let error = StateFolder(file.join(below)).prepare().unwrap_err();
            assert!(
                matches!(&error, StateError::NotADirectory(found) if found.starts_with(&file)),
                "{error}"
            );
        }
    }
}
