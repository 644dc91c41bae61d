//! What may be done with a client at any time, from any thread, in its handler too.

use crate::macos::connection::Connection;
use crate::macos::muting::PathKind;
use crate::macos::subscription::Subscription;
use crate::macos::token::AuditToken;
use endpoint_sec_sys::macos::api::Client;
use endpoint_sec_sys::macos::result::RETURN_SUCCESS;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The framework did not do what it was asked to; it gives no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to {0}: Endpoint Security refused")]
pub struct Refused(pub &'static str);

/// A client's controls. Once the client is gone all of them are refused.
#[derive(Clone)]
pub struct Control(pub(crate) Arc<Connection>);

impl Control {
    /// Mutes a live process until it ends; where muting of processes is turned round, reports its events. Refused
    /// for one that is gone, or (a client of descendants) is none.
    #[doc(alias = "es_mute_process")]
    pub fn mute_process(&self, token: &AuditToken) -> Result<(), Refused> {
        let api = self.0.framework.api();
        // SAFETY:
        // - the client is alive; the token is copied.
        self.call("mute a process", |client| unsafe { (api.mute_process)(client, token.raw()) })
    }

    /// Takes that back.
    #[doc(alias = "es_unmute_process")]
    pub fn unmute_process(&self, token: &AuditToken) -> Result<(), Refused> {
        let api = self.0.framework.api();
        // SAFETY:
        // - the client is alive; the token is copied.
        self.call("unmute a process", |client| unsafe { (api.unmute_process)(client, token.raw()) })
    }

    /// Mutes by path; where that kind of muting is turned round, reports. The path is the real one, as
    /// `fcntl(F_GETPATH)` tells it; other hard links of a file are not meant.
    #[doc(alias = "es_mute_path")]
    pub fn mute_path(&self, kind: PathKind, path: &Path) -> Result<(), Refused> {
        let api = self.0.framework.api();
        let path = c_string(path, "mute a path")?;
        // SAFETY:
        // - the client is alive; the path ends in a zero byte, and is copied.
        self.call("mute a path", |client| unsafe { (api.mute_path)(client, path.as_ptr(), kind.number()) })
    }

    /// The same for some events only. What was muted of a path stays so.
    #[doc(alias = "es_mute_path_events")]
    pub fn mute_path_events(
        &self,
        kind: PathKind,
        path: &Path,
        events: &[Subscription],
    ) -> Result<(), Refused> {
        let api = self.0.framework.api();
        let path = c_string(path, "mute some events of a path")?;
        let numbers: Vec<u32> = events.iter().map(|event| event.number()).collect();
        // SAFETY:
        // - the client is alive; the path ends in a zero byte, and is copied, as are as many numbers as there are.
        self.call("mute some events of a path", |client| unsafe {
            (api.mute_path_events)(client, path.as_ptr(), kind.number(), numbers.as_ptr(), numbers.len())
        })
    }

    /// Takes that back.
    #[doc(alias = "es_unmute_path")]
    pub fn unmute_path(&self, kind: PathKind, path: &Path) -> Result<(), Refused> {
        let api = self.0.framework.api();
        let path = c_string(path, "unmute a path")?;
        // SAFETY:
        // - the client is alive; the path ends in a zero byte, and is copied.
        self.call("unmute a path", |client| unsafe {
            (api.unmute_path)(client, path.as_ptr(), kind.number())
        })
    }

    /// Makes the kernel forget the answers it kept, of all clients: ours keep none. It refuses to do so often.
    #[doc(alias = "es_clear_cache")]
    pub fn clear_cache(&self) -> Result<(), Refused> {
        let api = self.0.framework.api();
        // SAFETY:
        // - the client is alive.
        self.call("clear the cache", |client| unsafe { (api.clear_cache)(client) })
    }

    /// Makes the kernel's own deadline shorter for some events (macOS 27). Refused where it can't, or if it would
    /// be longer.
    #[doc(alias = "es_set_deadline_max_milliseconds")]
    pub fn shorten_deadline(&self, events: &[Subscription], to: Duration) -> Result<(), Refused> {
        let refused = Refused("shorten a deadline");
        let set = self.0.framework.api().set_deadline_max_milliseconds.ok_or(refused)?;
        let numbers: Vec<u32> = events.iter().map(|event| event.number()).collect();
        let count = u32::try_from(numbers.len()).map_err(|_| refused)?;
        let milliseconds = u32::try_from(to.as_millis()).map_err(|_| refused)?;
        // SAFETY:
        // - the client is alive; `numbers` has `count` entries, and they are copied.
        self.call(refused.0, |client| unsafe { set(client, numbers.as_ptr(), count, milliseconds) })
    }

    /// How many questions the watch has refused, because four fifths of their time were over.
    pub fn late(&self) -> u64 {
        self.0.late()
    }

    /// How often the handler panicked; each time, what it was asked was refused.
    pub fn panics(&self) -> u64 {
        self.0.panics()
    }

    pub(crate) fn call(
        &self,
        what: &'static str,
        call: impl FnOnce(*mut Client) -> u32,
    ) -> Result<(), Refused> {
        match self.0.with(call) {
            Some(RETURN_SUCCESS) => Ok(()),
            _ => Err(Refused(what)),
        }
    }
}

fn c_string(path: &Path, what: &'static str) -> Result<CString, Refused> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Refused(what))
}
