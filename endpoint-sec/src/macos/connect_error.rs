//! Why a client could not be connected, and what to do about it.

use endpoint_sec_sys::macos::result as sys;
use std::io;

/// Why there is no client.
#[doc(alias = "es_new_client_result_t")]
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The executable lacks the entitlement.
    #[error(
        "failed to connect to Endpoint Security: this executable lacks the entitlement com.apple.developer.endpoint-security.client; \
         run the signed es-guard that came in its bundle, or sign your own as README, \"macOS\", describes"
    )]
    NotEntitled,
    /// No Full Disk Access.
    #[error(
        "failed to connect to Endpoint Security: no Full Disk Access; allow es-guard in System Settings, Privacy & Security, Full Disk Access \
         (open 'x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Privacy_AllFiles'), then start the helper again"
    )]
    NotPermitted,
    /// Not root.
    #[error(
        "failed to connect to Endpoint Security: before macOS 27 only root may; install the system's helper with 'sudo es-guard helper install'"
    )]
    NotPrivileged,
    /// Too many.
    #[error(
        "failed to connect to Endpoint Security: too many clients are connected; end one, for example another security product or helper"
    )]
    TooManyClients,
    /// The kernel's part was not reached.
    #[error(
        "failed to connect to Endpoint Security: the system's part of it did not answer; try again, then restart the machine"
    )]
    Internal,
    /// It did not like what it was given: a fault of es-guard's.
    #[error(
        "failed to connect to Endpoint Security: it refused the handler; this is a fault of es-guard, please report it"
    )]
    InvalidArgument,
    /// Clients for descendants came with macOS 27.
    #[error(
        "failed to connect to Endpoint Security for the own descendants: that came with macOS 27; \
         on this system install the helper with 'sudo es-guard helper install'"
    )]
    NoDescendantsClients,
    /// What no header tells.
    #[error(
        "failed to connect to Endpoint Security: it returned {0}, which this version of es-guard does not know; please look for a newer one"
    )]
    Unknown(u32),
    /// No thread that keeps the deadlines.
    #[error("failed to start the watch over deadlines: {0}; close some programs and try again")]
    Watch(#[source] io::Error),
}

impl ConnectError {
    /// By the framework's number.
    pub(crate) fn of(result: u32) -> Self {
        match result {
            sys::NEW_CLIENT_INVALID_ARGUMENT => Self::InvalidArgument,
            sys::NEW_CLIENT_INTERNAL => Self::Internal,
            sys::NEW_CLIENT_NOT_ENTITLED => Self::NotEntitled,
            sys::NEW_CLIENT_NOT_PERMITTED => Self::NotPermitted,
            sys::NEW_CLIENT_NOT_PRIVILEGED => Self::NotPrivileged,
            sys::NEW_CLIENT_TOO_MANY => Self::TooManyClients,
            other => Self::Unknown(other),
        }
    }
}
