//! The doors of sessions that have a helper of their own: where they are asked.

use super::{StateError, StateFolder, make_folder};
use helper_daemon::client;
use helper_daemon::embedded::Door;
use helper_daemon::session::SessionId;
use std::path::PathBuf;

impl StateFolder {
    /// Makes their folder.
    pub(super) fn make_doors(&self) -> Result<(), StateError> {
        make_folder(&self.path().join(client::door::FOLDER))
    }

    /// Where a session with a helper of its own is asked.
    pub(crate) fn door(&self, id: &SessionId) -> PathBuf {
        client::door::path(self.path(), id)
    }

    /// Makes that door.
    pub(crate) fn make_door(&self, id: &SessionId) -> Result<Door, StateError> {
        let path = self.door(id);
        Door::make(&path).map_err(|e| StateError::new("make the socket", &path, e))
    }

    /// Removes the door of a session that is dead.
    pub(crate) fn discard_door(&self, id: &SessionId) {
        // One that stays is known by that nobody answers.
        let _ = std::fs::remove_file(self.door(id));
    }
}
