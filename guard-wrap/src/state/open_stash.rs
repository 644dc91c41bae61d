//! A new session's stash: made by the user, for the helper to put things into.

#[cfg_attr(target_os = "linux", path = "open_stash/linux.rs")]
#[cfg_attr(target_os = "macos", path = "open_stash/macos.rs")]
mod own;

use super::{StateError, StateFolder, make_folder};
use helper_daemon::session::SessionId;
use helper_daemon::stash;
use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;

/// A session's stash, open.
#[derive(Debug)]
pub(crate) struct OpenStash {
    /// For appending.
    pub(crate) index: File,
    /// As a place only.
    pub(crate) data: OwnedFd,
}

impl StateFolder {
    /// Makes and opens a new session's stash.
    pub(crate) fn create_stash(&self, id: &SessionId) -> Result<OpenStash, StateError> {
        let folder = self.stash(id);
        let (index, data) = (folder.join(stash::INDEX), folder.join(stash::DATA));
        make_folder(&data)?;
        let refused = |path, error| StateError::new("make the stash", path, error);
        let opened = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&index);
        let flags = own::FOLDER | nix::fcntl::OFlag::O_DIRECTORY;
        let folder = OpenOptions::new().read(true).custom_flags(flags.bits()).open(&data);
        Ok(OpenStash {
            index: opened.map_err(|error| refused(&index, error))?,
            data: folder.map_err(|error| refused(&data, error))?.into(),
        })
    }
}
