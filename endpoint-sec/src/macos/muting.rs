//! What a client is not told of; and turned round, what alone it is told of.
//!
//! The kernel keeps three lists: processes, paths of executables, and paths of what an event is about. An event is
//! left out if any list that is not turned round has it (of several paths: all of them), or any list that is turned
//! round does not. A new client's lists of paths are not empty: the system puts itself there. Turned round, just
//! that would be reported, so a list is emptied first.

use crate::macos::client::Prepared;
use crate::macos::control::Refused;
use crate::macos::subscription::Subscription;
use crate::macos::token::AuditToken;
use endpoint_sec_sys::macos::api::{Api, OfClient};
use endpoint_sec_sys::macos::result as sys;
use std::path::Path;

/// Which paths are meant.
#[doc(alias = "es_mute_path_type_t")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// Executables whose path begins with this.
    Prefix,
    /// The executable of this path.
    Literal,
    /// What an event is about, if its path begins with this.
    TargetPrefix,
    /// What an event is about, if this is its path.
    TargetLiteral,
}

impl PathKind {
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Prefix => sys::MUTE_PATH_PREFIX,
            Self::Literal => sys::MUTE_PATH_LITERAL,
            Self::TargetPrefix => sys::MUTE_PATH_TARGET_PREFIX,
            Self::TargetLiteral => sys::MUTE_PATH_TARGET_LITERAL,
        }
    }
}

impl Prepared {
    /// To be told of these processes alone, whatever they execute, and of those that
    /// [`mute_process`](crate::macos::Control::mute_process) adds.
    ///
    /// A child is not added by itself: that is for the handler of its `NotifyFork`, and what the child does before is
    /// not asked about. The kernel looks at its lists when an event happens, not when the handler gets to it.
    #[doc(alias = "es_invert_muting")]
    pub fn only_processes(self, processes: &[AuditToken]) -> Result<Self, Refused> {
        // Not the system's own parts alone are muted, but also what a process of ours may execute, or touch.
        self.empty("unmute executables", |api| api.unmute_all_paths)?;
        self.empty("unmute what events are about", |api| api.unmute_all_target_paths)?;
        self.invert("turn the muting of processes round", sys::INVERT_PROCESS)?;
        for token in processes {
            self.control().mute_process(token)?;
        }
        Ok(self)
    }

    /// To be told of events about these paths alone, whoever's they are, and about those that
    /// [`mute_path`](crate::macos::Control::mute_path) adds; and of every fork, exec and exit in the system.
    ///
    /// Nothing that a new process does escapes this, as no process is on a list. But one whose executable the system
    /// mutes is not told of.
    #[doc(alias("es_invert_muting", "es_mute_path_events"))]
    pub fn only_targets(self, targets: &[(PathKind, &Path)]) -> Result<Self, Refused> {
        self.empty("unmute what events are about", |api| api.unmute_all_target_paths)?;
        self.invert("turn the muting of what events are about round", sys::INVERT_TARGET_PATH)?;
        // An exec is about its executable, which is seldom in a zone. Forks and exits are about no path.
        let exec = [Subscription::NotifyExec.number()];
        let api = self.control().0.framework.api();
        self.control().call("select every exec", |client| {
            // SAFETY:
            // - the client is alive; the path ends in a zero byte; there is one type.
            unsafe {
                (api.mute_path_events)(
                    client,
                    c"/".as_ptr(),
                    sys::MUTE_PATH_TARGET_PREFIX,
                    exec.as_ptr(),
                    exec.len(),
                )
            }
        })?;
        for (kind, path) in targets {
            self.control().mute_path(*kind, path)?;
        }
        Ok(self)
    }

    fn empty(&self, what: &'static str, list: impl Fn(&Api) -> OfClient) -> Result<(), Refused> {
        let unmute_all = list(self.control().0.framework.api());
        // SAFETY:
        // - the client is alive.
        self.control().call(what, |client| unsafe { unmute_all(client) })
    }

    /// Turns a list round, and looks whether it is: a second turn would turn it back.
    #[doc(alias = "es_muting_inverted")]
    fn invert(&self, what: &'static str, list: u32) -> Result<(), Refused> {
        let api = self.control().0.framework.api();
        // SAFETY:
        // - the client is alive.
        let inverted = || self.control().0.with(|client| unsafe { (api.muting_inverted)(client, list) });
        if inverted() == Some(sys::MUTE_INVERTED) {
            return Ok(());
        }
        // SAFETY:
        // - the client is alive.
        self.control().call(what, |client| unsafe { (api.invert_muting)(client, list) })?;
        if inverted() == Some(sys::MUTE_INVERTED) { Ok(()) } else { Err(Refused(what)) }
    }
}
