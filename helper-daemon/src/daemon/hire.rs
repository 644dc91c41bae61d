//! Starting a worker process, and hearing it until it is gone.

use super::link;
use super::log;
use endpoint_sec::linux::station::Identity;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
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
}

/// Starts this program again as a worker. A fresh image holds nothing of other sessions.
pub fn start(connection: UnixStream, service: &Identity) -> io::Result<(UnixDatagram, Child)> {
    let (here, there) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    let connection = connection.into_std()?;
    connection.set_nonblocking(false)?;
    let child = Command::new("/proc/self/exe")
        .arg0("es-guard-helper")
        .arg("worker")
        .arg(format!("--uid={}", service.uid))
        .arg(format!("--gid={}", service.gid))
        .env_clear()
        .envs(std::env::var_os(log::STREAM).map(|stream| (log::STREAM, stream)))
        .current_dir("/")
        .stdin(OwnedFd::from(connection))
        .stdout(Stdio::from(there))
        .spawn()?;
    // Sequenced packets, so that the end of either side is seen; only waited on through this type.
    let here = std::os::unix::net::UnixDatagram::from(here);
    here.set_nonblocking(true)?;
    Ok((UnixDatagram::from_std(here)?, child))
}

/// Hears a worker until it is gone, and reaps it.
pub async fn follow(
    id: Id,
    link: Rc<UnixDatagram>,
    mut child: Child,
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
    // A worker that has closed its link and lives on would be nobody's.
    let _ = child.start_kill();
    let _ = child.wait().await;
    let _ = events.send((id, Happened::Gone));
}
