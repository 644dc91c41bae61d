//! The doors that sessions with a helper of their own leave behind when that is killed.

use super::is_live;
use crate::state::StateFolder;
use helper_daemon::client;

/// Removes the doors of sessions whose helper was killed.
pub(crate) fn tidy_doors(folder: &StateFolder) {
    for id in client::door::names(folder.path()) {
        // A session that is being started has an empty ledger.
        if !folder.ledger(&id).exists() || is_live(folder, &id) == Some(false) {
            folder.discard_door(&id);
        }
    }
}
