//! Starting a worker process, and hearing it until it is gone.

use super::link;
use super::log;
use super::returning::Returned;
use crate::engine::bpf_lsm::words::Kind as Word;
use endpoint_sec::linux::station::Identity;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::rc::Rc;
use tokio::io::Interest;
use tokio::net::{UnixDatagram, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// A worker's number; none is given twice.
pub type Id = u64;

/// What became of a worker.
#[derive(Debug)]
pub enum Happened {
    /// It said something.
    Said(link::Message),
    /// It is gone.
    Gone,
    /// One of an earlier monitor's has come back. (Of no worker's number.)
    Returned(Returned),
    /// The kernel has something to tell. (Of no worker's number, as all that follow.)
    Recorded,
    /// What the worker of the session of this number says of the kernel; `None`: no more.
    SaidOfKernel(u32, Option<(Word, Vec<u8>)>),
    /// There is room to tell the worker of the session of this number.
    RoomForKernel(u32),
}

/// Starts this program again as a worker. A fresh image holds nothing of other sessions.
///
/// It is told where to come back to, and how many filters its peer carries: what procfs says where it goes, it
/// must not believe.
pub fn start(
    connection: &UnixStream,
    service: &Identity,
    home: &Path,
    filters: u32,
) -> io::Result<(UnixDatagram, Child)> {
    let (here, there) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    let connection = connection.as_fd().try_clone_to_owned()?;
    let child = Command::new("/proc/self/exe")
        .arg0("es-guard-helper")
        .arg("worker")
        .arg(format!("--uid={}", service.uid))
        .arg(format!("--gid={}", service.gid))
        .arg(format!("--filters={filters}"))
        .arg("--home")
        .arg(home)
        .env_clear()
        .envs(std::env::var_os(log::STREAM).map(|stream| (log::STREAM, stream)))
        .current_dir("/")
        .stdin(connection)
        .stdout(Stdio::from(there))
        .spawn()?;
    Ok((awaited(here)?, child))
}

/// Sequenced packets, so that the end of either side is seen; only waited on through this type.
pub fn awaited(link: OwnedFd) -> io::Result<UnixDatagram> {
    let link = std::os::unix::net::UnixDatagram::from(link);
    link.set_nonblocking(true)?;
    UnixDatagram::from_std(link)
}

/// Hears a worker until it is gone, and reaps it, if it is this process's child.
pub async fn follow(
    id: Id,
    link: Rc<UnixDatagram>,
    child: Option<Child>,
    events: mpsc::UnboundedSender<(Id, Happened)>,
) {
    while link.readable().await.is_ok() {
        let received =
            link.try_io(Interest::READABLE, || link::receive(link.as_fd()).map_err(io::Error::from));
        match received {
            Ok(Some(message)) => drop(events.send((id, Happened::Said(message)))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(None) | Err(_) => break,
        }
    }
    if let Some(mut child) = child {
        // A worker that has closed its link and lives on would be nobody's.
        let _ = child.start_kill();
        let _ = child.wait().await;
    }
    let _ = events.send((id, Happened::Gone));
}
