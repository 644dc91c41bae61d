//! What the monitor says of itself: to the service manager, to the journal, and to the monitor after it.

use crate::daemon::state::Remembered;
use crate::daemon::workers::Workers;
use crate::daemon::{account, log};
use sd_notify::NotifyState;

/// Tells the service manager. Without one there is nobody to tell.
pub(in crate::daemon) fn tell_manager(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(state);
}

impl Workers {
    /// Says which sessions of the one before this have not come back.
    pub(in crate::daemon) fn tell_lost(&mut self) {
        let lost = self.missing();
        for Remembered { session, user } in &lost {
            let message = "session lost: it has ended, or its guarded operations fail until its tree is gone";
            log::warning(message, &[("session", session), ("user", user)]);
        }
        if !lost.is_empty() {
            log::warning("sessions could not be kept", &[("sessions", &lost.len())]);
        }
    }

    /// Keeps the record of what is guarded, for the one after this, and for the service manager.
    pub(in crate::daemon) fn remember(&self) {
        let sessions: Vec<_> =
            self.sessions().map(|(name, user)| Remembered { session: name, user }).collect();
        tell_manager(&[NotifyState::Status(&format!("guarding {} sessions", sessions.len()))]);
        if let Err(error) = self.state().remember(sessions) {
            log::error("the sessions could not be remembered", &[("error", &error)]);
        }
    }

    /// Says what is guarded, and looks anew at the account. No session is touched.
    pub(in crate::daemon) fn reload(&mut self, account: &str) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell_manager(&[NotifyState::Reloading, now]),
            Err(_) => tell_manager(&[NotifyState::Reloading]),
        }
        match account::ids(account) {
            // Of running workers it can't be changed.
            Ok(ids) => self.set_service(ids),
            Err(error) => log::error("the account can't be used: the ids stay", &[("error", &error)]),
        }
        for (session, user) in self.sessions() {
            log::info("session guarded", &[("session", &session), ("user", &user)]);
        }
        let (sessions, connections) = (self.sessions().count(), self.connections());
        let fields: [log::Field<'_>; 3] =
            [("sessions", &sessions), ("connections", &connections), ("account_uid", &self.service().uid)];
        log::info("reloaded", &fields);
        tell_manager(&[NotifyState::Ready]);
    }

    pub(in crate::daemon) fn tell_stopping(&self) {
        let sessions = self.sessions().count();
        if sessions > 0 {
            let message =
                "stopping: the workers of live sessions go on judging, and come back to the next helper";
            log::warning(message, &[("sessions", &sessions)]);
        } else {
            log::info("stopping", &[]);
        }
    }
}
