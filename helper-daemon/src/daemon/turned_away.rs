//! Connections that get no worker: they are told why, and closed.

use super::log;
use crate::guard::failed;
use crate::protocol::{Event, encode};
use std::fmt;
use std::io::{self, Write};
use tokio::net::UnixStream;

/// Why a connection gets no worker. The words are for whoever has started `es-guard`.
#[derive(Debug)]
pub(super) enum Because<'a> {
    /// Its user has so many already.
    OfUser(u32, usize),
    /// All users together have so many already.
    OfAll(usize),
    /// The kernel refused what a worker needs: a descriptor, a process.
    Kernel(&'a io::Error),
}

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system's helper takes no more connections: ")?;
        match self {
            Self::OfUser(user, count) => {
                write!(f, "user {user} has {count}, as many as one may. End a session of that user's, ")?;
            }
            Self::OfAll(count) => {
                write!(f, "all users together have {count}, as many as there may be. Try again later, ")?;
            }
            Self::Kernel(error) => {
                write!(f, "{error}. It is at a limit of its own or the machine's: ")?;
                f.write_str("look at journalctl -u es-guard-helper and try again, ")?;
            }
        }
        f.write_str("or do without it: --helper none")
    }
}

/// Says so, once, and closes. Nobody is waited for, and nothing that came is read.
pub(super) fn tell(connection: UnixStream, why: &Because<'_>) {
    log::warning("a connection is turned away", &[("reason", why)]);
    let Ok(frame) = encode(&Event::Failed(failed(why))) else { return };
    // A socket that nothing was written to has room for it; one that has gone needs no reason.
    let _ = connection.into_std().and_then(|mut connection| connection.write_all(&frame));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_says_what_happened_and_what_to_do() {
        let error = io::Error::from_raw_os_error(24);
        let told = [Because::OfUser(1000, 128), Because::OfAll(1024), Because::Kernel(&error)];
        let [user, all, kernel] = told.map(|why| why.to_string());
        assert!(user.contains("user 1000 has 128") && user.contains("End a session"), "{user}");
        assert!(all.contains("1024") && all.contains("--helper none"), "{all}");
        assert!(kernel.contains("Too many open files") && kernel.contains("journalctl"), "{kernel}");
    }
}
