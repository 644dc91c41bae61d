//! Who is at the other end of a Unix socket, by the kernel's word (`LOCAL_PEERTOKEN`, `sys/un.h`).

use crate::macos::framework::Framework;
use crate::macos::token::AuditToken;
use endpoint_sec_sys::macos::peer::{LOCAL_PEERTOKEN, SOL_LOCAL};
use endpoint_sec_sys::macos::token as sys;
use nix::errno::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

impl Framework {
    /// The process that connected, as it was when it did: if it has executed another program since, or has ended, the
    /// token is nobody's any more.
    #[doc(alias = "LOCAL_PEERTOKEN")]
    pub fn peer(&self, socket: BorrowedFd<'_>) -> Result<AuditToken, Errno> {
        self.library().peer(socket).map(AuditToken::new)
    }
}

/// Asks the kernel.
pub(crate) fn peer(socket: BorrowedFd<'_>) -> Result<sys::AuditToken, Errno> {
    let mut token = sys::AuditToken::default();
    let mut size = size_of::<sys::AuditToken>() as libc::socklen_t;
    // SAFETY:
    // - `token` is writable for `size` bytes, and the kernel writes no more than that.
    Errno::result(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            SOL_LOCAL,
            LOCAL_PEERTOKEN,
            (&raw mut token).cast(),
            &raw mut size,
        )
    })?;
    // Less than that names nobody.
    if size as usize == size_of::<sys::AuditToken>() { Ok(token) } else { Err(Errno::EPROTO) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::macos::simulated::{Simulation, System};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    #[cfg(target_os = "macos")]
    fn a_socket_pair_is_this_process_at_both_ends() {
        let framework = Framework::load().unwrap();
        let (here, _there) = UnixStream::pair().unwrap();
        assert_eq!(framework.peer(here.as_fd()).ok(), framework.own_token());
    }

    #[test]
    fn who_has_connected_is_told_and_stays_who_it_was() {
        let simulation = Simulation::new(System::MACOS_26);
        let shell = simulation.process("/bin/zsh");
        let framework = simulation.framework();
        let (here, _there) = UnixStream::pair().unwrap();
        assert_eq!(framework.peer(here.as_fd()), Err(Errno::ENOTCONN));
        let before = shell.token();
        simulation.visits(&shell);
        assert_eq!(framework.peer(here.as_fd()), Ok(before));
        let _ = shell.exec("/usr/bin/true", &["true"]);
        assert_eq!(framework.peer(here.as_fd()), Ok(before));
        assert_ne!(shell.token(), before);
    }
}
