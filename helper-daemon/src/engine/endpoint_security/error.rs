//! What goes wrong before a session is guarded, and what to do about it.

use crate::engine::Unsupported;
use crate::session::SessionId;
use endpoint_sec::macos::{ConnectError, Refused};

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No client.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The client was not given what it asked for.
    #[error("{0}; restart the machine, and report it if that does not help")]
    Refused(#[from] Refused),
    /// Not even this process is to be seen.
    #[error("failed to find this process among all: start es-guard outside of any sandbox")]
    NoProcesses,
    /// No thread.
    #[error("failed to start a thread: {0}; close some programs and try again")]
    Thread(#[source] std::io::Error),
}

/// Why a session is not guarded, or goes on being judged by its last policy.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The policy asks for what this engine can't do.
    #[error("failed to {0}")]
    Unsupported(#[from] Unsupported),
    /// A zone could not be selected.
    #[error("{0}; name fewer zones, or restart the machine")]
    Refused(#[from] Refused),
    /// The process is of a session: a session inside a session adds its zones to the outer one's policy.
    #[error("failed to begin a session: process {pid} is of the session {of}; add its zones to that one")]
    Nested {
        /// The process.
        pid: i32,
        /// Whose it is.
        of: SessionId,
    },
    /// There is no such session.
    #[error("failed to find the session {0}: it has ended")]
    NoSession(SessionId),
}

/// Nobody can tell whose tree a process is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncertain;
