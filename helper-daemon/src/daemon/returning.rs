//! A worker outlives its monitor: it goes on judging, and tells the next monitor of its session.
//!
//! Nothing of a session is in the monitor but whose it is and what its tree hangs below. So a monitor that is
//! killed, restarted or upgraded takes nothing along. Its workers knock where the next one will listen, and
//! hand over a new link.

use super::hire::{Happened, Id};
use crate::desk::trees::Process;
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::handoff;
use endpoint_sec::linux::peer::Peer;
use endpoint_sec::linux::process::PidFd;
use endpoint_sec::linux::station::Identity;
use nix::fcntl::{OFlag, open};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::stat::Mode;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::Interest;
use tokio::sync::mpsc;

/// What a worker says first, before the number of filters.
const GREETING: &[u8; 16] = b"es-guard worker\0";
/// How long it may take to say it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the next monitor will listen: held as a directory, for a worker sees its user's files and not the
/// machine's.
#[derive(Debug)]
pub struct Home {
    folder: OwnedFd,
    name: OsString,
}

impl Home {
    /// Of this socket, as this process sees it now.
    pub fn of(socket: &Path) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let folder = open(socket.parent().unwrap_or(Path::new("/")), flags, Mode::empty())?;
        Ok(Self { folder, name: socket.file_name().unwrap_or_default().to_owned() })
    }

    /// Knocks once: a link to who is at home, and who that is. `None`: nobody of root's is. `registrar` is who registered
    /// the session, and carried that many filters then.
    pub(super) fn knock(&self, registrar: &PidFd, filters: u32) -> Option<(OwnedFd, Peer)> {
        let path = PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd())).join(&self.name);
        let door = UnixStream::connect(path).ok()?;
        // The folder is root's; whoever else could have put a socket there is not told of anything.
        let monitor = Peer::of(door.as_fd()).ok().filter(|peer| peer.uid == 0)?;
        let (here, there) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).ok()?;
        let words = [&GREETING[..], &filters.to_ne_bytes()].concat();
        handoff::send(door.as_fd(), &words, &[there.as_fd(), registrar.as_fd()]).ok()?;
        Some((here, monitor))
    }
}

/// A worker that has come back.
#[derive(Debug)]
pub struct Returned {
    /// The new link to it.
    pub link: OwnedFd,
    /// Who registered its session.
    pub registrar: Process,
}

/// Whether it is a worker that connects. Nobody but root can have the service account's real id beside an
/// effective one; of root's own processes only one that carries no other filters than this process, and was
/// left behind by whoever started it.
pub(super) fn is_worker(peer: &Process, service: &Identity) -> bool {
    let caller = Caller::new(peer.pid().as_raw());
    let Ok(users) = caller.users() else { return false };
    let [real, effective, saved, _] = users[..] else { return false };
    let serves = (real, saved) == (service.uid, service.uid) && effective == peer.uid();
    let roots = || {
        let users_are_roots = users.iter().all(|user| *user == 0);
        let orphan = caller.parent_id() == Ok(1);
        users_are_roots && orphan && peer.filters() == own_filters() && runs_this_program(&caller)
    };
    (serves || roots()) && !peer.has_ended()
}

fn own_filters() -> u32 {
    let me = nix::unistd::getpid();
    let held = PidFd::open(me).ok();
    held.and_then(|held| endpoint_sec::linux::ancestry::filters(me, &held).ok()).unwrap_or(u32::MAX)
}

/// By name: an upgrade puts another file there.
fn runs_this_program(caller: &Caller) -> bool {
    let name = |path: PathBuf| path.to_string_lossy().trim_end_matches(" (deleted)").to_owned();
    std::env::current_exe().is_ok_and(|own| name(caller.program().exe) == name(own))
}

/// Hears what a worker that has come back says, and passes it on as an event of no worker's.
pub(super) async fn hear(
    door: tokio::net::UnixStream,
    uid: u32,
    events: mpsc::UnboundedSender<(Id, Happened)>,
) {
    let heard = tokio::time::timeout(PATIENCE, async {
        loop {
            door.readable().await.ok()?;
            let mut words = [0; GREETING.len() + size_of::<u32>()];
            let received = door.try_io(Interest::READABLE, || {
                handoff::receive(door.as_fd(), &mut words).map_err(io::Error::from)
            });
            match received {
                Ok((_, fds)) => return understood(&words, fds, uid),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    });
    if let Ok(Some(returned)) = heard.await {
        // The channel lives as long as the monitor.
        let _ = events.send((0, Happened::Returned(returned)));
    }
}

fn understood(words: &[u8], fds: Vec<OwnedFd>, uid: u32) -> Option<Returned> {
    let filters = words.strip_prefix(GREETING)?;
    let filters = u32::from_ne_bytes(filters.try_into().ok()?);
    let [link, registrar] = <[_; 2]>::try_from(fds).ok()?;
    Some(Returned { link, registrar: Process::returned(PidFd::from_fd(registrar), uid, filters) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_greeting_is_nobodys() {
        let (a, b) = UnixStream::pair().unwrap();
        assert!(understood(b"GET / HTTP/1.0\r\n\0\0\0\0", vec![a.into(), b.into()], 0).is_none());
        assert!(understood(&[&GREETING[..], &[0; 4]].concat(), Vec::new(), 0).is_none());
    }

    #[test]
    fn this_process_is_no_worker() {
        let (here, _there) = UnixStream::pair().unwrap();
        let peer = Process::of(here.as_fd()).unwrap();
        let service = Identity { uid: u32::MAX - 1, gid: 0, groups: Vec::new() };
        assert!(!is_worker(&peer, &service));
    }
}
