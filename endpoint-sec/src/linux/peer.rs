//! Who is at the other end of a Unix socket, by the kernel's word (`unix(7)`).

use crate::linux::process::PidFd;
use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Pid;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The process that connected, as it was when it did.
#[derive(Debug)]
pub struct Peer {
    /// Its process id.
    pub pid: Pid,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// Its supplementary groups.
    pub groups: Vec<u32>,
    /// The process itself.
    pub pidfd: PidFd,
}

impl Peer {
    /// Asks the kernel. Before 6.5 there is no `SO_PEERPIDFD`: the process is opened by its id, which names
    /// another one only if the peer has ended meanwhile.
    pub fn of(socket: BorrowedFd<'_>) -> Result<Self, Errno> {
        let credentials = getsockopt(&socket, sockopt::PeerCredentials)?;
        let pid = Pid::from_raw(credentials.pid());
        let pidfd = match getsockopt(&socket, sockopt::PeerPidfd) {
            Ok(fd) => PidFd::from_fd(fd),
            Err(Errno::ENOPROTOOPT) => PidFd::open(pid)?,
            Err(errno) => return Err(errno),
        };
        let groups = groups(socket)?;
        Ok(Self { pid, uid: credentials.uid(), gid: credentials.gid(), groups, pidfd })
    }
}

/// `SO_PEERGROUPS` (4.13).
fn groups(socket: BorrowedFd<'_>) -> Result<Vec<u32>, Errno> {
    // NGROUPS_MAX.
    let mut groups = vec![0u32; 65536];
    let mut size = (groups.len() * size_of::<u32>()) as libc::socklen_t;
    // SAFETY:
    // - `groups` is writable for `size` bytes, and the kernel writes no more than that.
    Errno::result(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &mut size,
        )
    })?;
    groups.truncate(size as usize / size_of::<u32>());
    groups.shrink_to_fit();
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_socket_pair_is_this_process_at_both_ends() {
        let (here, _there) = std::os::unix::net::UnixStream::pair().unwrap();
        let peer = Peer::of(here.as_fd()).unwrap();
        assert_eq!(peer.pid, nix::unistd::getpid());
        assert_eq!((peer.uid, peer.gid), (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()));
        let mut groups: Vec<_> = nix::unistd::getgroups().unwrap().iter().map(|g| g.as_raw()).collect();
        groups.sort_unstable();
        assert_eq!(peer.groups, groups);
        assert!(!peer.pidfd.has_ended());
    }
}
