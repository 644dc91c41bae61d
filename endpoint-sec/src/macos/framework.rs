//! The framework: where its functions come from.

use crate::macos::peer;
use crate::macos::watch::Watch;
use endpoint_sec_sys::macos::api::{Api, Timebase};
use endpoint_sec_sys::macos::load::{self, Missing};
use endpoint_sec_sys::macos::token as sys;
use nix::errno::Errno;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::thread;

/// Where the framework's functions come from: macOS, or a simulation of it.
///
/// # Safety
/// The functions do what the framework's headers say: what they return is valid for as long as those say.
pub unsafe trait Library: Send + Sync + 'static {
    /// The functions. Asked for anew at each call.
    fn api(&self) -> &Api;

    /// Sees to it that what is due is answered: runs [`Watch::run`] on a thread.
    fn stand_watch(&self, watch: Watch) -> io::Result<()> {
        thread::Builder::new().name("deadline".into()).spawn(move || watch.run()).map(drop)
    }

    /// Who has connected to a socket.
    fn peer(&self, socket: BorrowedFd<'_>) -> Result<sys::AuditToken, Errno> {
        peer::peer(socket)
    }
}

/// The framework, ready to be connected to.
#[derive(Clone)]
pub struct Framework(Arc<dyn Library>);

/// Why there is no framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// No macOS, or a very old one.
    #[error("failed to load {}: Endpoint Security is a part of macOS; es-guard needs macOS 13 or later", load::LIBRARY.to_string_lossy())]
    NoLibrary,
    /// It is there, but older than macOS 13.
    #[error(
        "failed to find {0} in Endpoint Security: es-guard needs macOS 13 or later, please update the system"
    )]
    TooOld(&'static str),
}

struct Loaded(Api);

// SAFETY:
// - the table was filled from the system's own library.
unsafe impl Library for Loaded {
    fn api(&self) -> &Api {
        &self.0
    }
}

impl Framework {
    /// The one of this system.
    pub fn load() -> Result<Self, LoadError> {
        match load::load(load::LIBRARY) {
            Ok(api) => Ok(Self::new(Arc::new(Loaded(api)))),
            Err(Missing::Library) => Err(LoadError::NoLibrary),
            Err(Missing::Symbol(name)) => Err(LoadError::TooOld(name.to_str().unwrap_or("a function"))),
        }
    }

    /// Another one.
    pub fn new(library: Arc<dyn Library>) -> Self {
        Self(library)
    }

    /// Whether it has clients for the caller's own descendants (macOS 27), which need neither root nor Full Disk
    /// Access.
    pub fn has_descendants_clients(&self) -> bool {
        self.api().new_descendants_client.is_some()
    }

    pub(crate) fn api(&self) -> &Api {
        self.0.api()
    }

    pub(crate) fn library(&self) -> &dyn Library {
        &*self.0
    }

    pub(crate) fn stand_watch(&self, watch: Watch) -> io::Result<()> {
        self.0.stand_watch(watch)
    }

    /// The clock of deadlines, in ticks.
    pub(crate) fn now(&self) -> u64 {
        // SAFETY:
        // - it takes nothing.
        unsafe { (self.api().absolute_time)() }
    }

    /// How long a tick is. It differs between machines, and under Rosetta.
    pub(crate) fn timebase(&self) -> Timebase {
        let mut timebase = Timebase::default();
        // SAFETY:
        // - `timebase` is writable.
        let failed = unsafe { (self.api().timebase_info)(&mut timebase) } != 0;
        // The call cannot fail. If it does, ticks are taken for the shortest that there are: too early an answer
        // harms less than too late a one.
        if failed || timebase.numer == 0 || timebase.denom == 0 {
            Timebase { numer: 1, denom: 1 }
        } else {
            timebase
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "macos")]
    fn every_function_is_found_and_the_own_process_has_a_token() {
        let framework = Framework::load().unwrap();
        assert_eq!(framework.own_token().unwrap().pid(), std::process::id() as i32);
        assert!(framework.processes().iter().any(|(who, _)| Some(*who) == framework.own_token()));
        assert!(framework.timebase().denom > 0 && framework.now() > 0);
    }

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn elsewhere_there_is_no_framework_and_the_error_says_what_is_needed() {
        let error = Framework::load().err().unwrap();
        assert_eq!(error, LoadError::NoLibrary);
        assert_eq!(
            error.to_string(),
            "failed to load /usr/lib/libEndpointSecurity.dylib: Endpoint Security is a part of macOS; es-guard needs macOS 13 or later"
        );
    }
}
