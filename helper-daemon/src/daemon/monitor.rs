//! The root process: it accepts connections, gives each a worker, and passes words between workers of one user.
//!
//! It reads no frame, no policy and no path of a user. Who a connection is from it asks the kernel.

mod service;
mod socket;

use super::link::{self, Kind};
use super::log;
use super::state::{State, StateError};
use endpoint_sec::linux::station::Identity;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use sd_notify::NotifyState;
use service::tell_manager;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::{UnixDatagram, UnixStream};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Workers that one user may have at once, and all users together.
const MAX_OF_A_USER: usize = 128;
const MAX_OF_ALL: usize = 1024;
/// How long a worker may take to describe its session.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the monitor could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// Somebody listens there.
    #[error("listen at {0}: another helper is already there. Stop it first")]
    Taken(PathBuf),
    /// The socket could not be made.
    #[error("{doing} {path}: {source}")]
    Socket {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The state folder can't be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// Anything else of the runtime.
    #[error("run: {0}")]
    Runtime(#[from] io::Error),
}

/// What a monitor is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub socket: PathBuf,
    /// Where to remember the sessions.
    pub state: PathBuf,
    /// The account that [`Settings::service`] is.
    pub account: String,
    /// Whose real and saved ids the workers have.
    pub service: Identity,
}

/// Listens until it is told to stop.
pub fn run(settings: &Settings) -> Result<(), MonitorError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, listen(settings))
}

async fn listen(settings: &Settings) -> Result<(), MonitorError> {
    let state = State::open(&settings.state)?;
    let listener = socket::bind(&settings.socket)?;
    let mut reload = signal(SignalKind::hangup())?;
    let mut stop = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (events, mut happened) = mpsc::unbounded_channel();
    let service = settings.service.clone();
    let mut workers = Workers { of: HashMap::new(), last: 0, events, service, state };
    workers.tell_lost();
    workers.remember();
    log::info(
        "listening",
        &[("socket", &settings.socket.display()), ("version", &env!("CARGO_PKG_VERSION"))],
    );
    tell_manager(&[NotifyState::Ready]);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((connection, _)) => workers.admit(connection),
                Err(error) => {
                    log::error("a connection could not be accepted", &[("error", &error)]);
                    // At the limit of descriptors every accept fails at once.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some((worker, happened)) = happened.recv() => workers.handle(worker, happened),
            _ = reload.recv() => workers.reload(&settings.account),
            _ = stop.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tell_manager(&[NotifyState::Stopping]);
    workers.tell_stopping();
    // Whoever starts after this one finds the name free; one that is gone already was removed by a person.
    let _ = std::fs::remove_file(&settings.socket);
    Ok(())
}

type Id = u64;

enum Happened {
    Said(link::Message),
    Gone,
}

struct Worker {
    user: u32,
    link: Rc<UnixDatagram>,
    /// The name of its session, once it has one.
    session: Option<String>,
    /// Who waits for its description.
    asked_by: Vec<Id>,
    /// How many descriptions it waits for.
    awaits: usize,
}

struct Workers {
    of: HashMap<Id, Worker>,
    last: Id,
    events: mpsc::UnboundedSender<(Id, Happened)>,
    service: Identity,
    state: State,
}

impl Workers {
    fn admit(&mut self, connection: UnixStream) {
        let Ok(peer) = connection.peer_cred() else { return };
        let of_user = self.of.values().filter(|worker| worker.user == peer.uid()).count();
        if of_user >= MAX_OF_A_USER || self.of.len() >= MAX_OF_ALL {
            let fields: [log::Field<'_>; 3] =
                [("user", &peer.uid()), ("connections", &of_user), ("of_all", &self.of.len())];
            log::warning("too many connections: one more is refused", &fields);
            return;
        }
        match start(connection, &self.service) {
            Ok((link, child)) => {
                self.last += 1;
                let link = Rc::new(link);
                tokio::task::spawn_local(follow(self.last, link.clone(), child, self.events.clone()));
                let worker =
                    Worker { user: peer.uid(), link, session: None, asked_by: Vec::new(), awaits: 0 };
                self.of.insert(self.last, worker);
            }
            Err(error) => {
                log::error("a worker could not be started", &[("user", &peer.uid()), ("error", &error)]);
            }
        }
    }

    fn handle(&mut self, id: Id, happened: Happened) {
        match happened {
            Happened::Gone => self.gone(id),
            Happened::Said(message) => match message.kind {
                Kind::Armed => self.armed(id, &message),
                Kind::List => self.list(id),
                Kind::Description => self.described(id, &message.bytes),
                Kind::End => self.awaits(id, 0),
                Kind::Describe => {}
            },
        }
    }

    fn armed(&mut self, id: Id, message: &link::Message) {
        if let Some(worker) = self.of.get_mut(&id) {
            let name = String::from_utf8_lossy(&message.bytes).into_owned();
            log::info("session armed", &[("session", &name), ("user", &worker.user)]);
            worker.session = Some(name);
            self.remember();
        }
    }

    fn list(&mut self, id: Id) {
        let Some(user) = self.of.get(&id).map(|worker| worker.user) else { return };
        let mut awaits = 0;
        for (other, worker) in &mut self.of {
            let visible = worker.session.is_some() && (user == 0 || user == worker.user);
            if *other != id && visible && say(worker, Kind::Describe, &[]).is_ok() {
                worker.asked_by.push(id);
                awaits += 1;
            }
        }
        self.awaits(id, awaits);
        let events = self.events.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(PATIENCE).await;
            let end = link::Message { kind: Kind::End, bytes: Vec::new(), fds: Vec::new() };
            // The channel lives as long as the monitor.
            let _ = events.send((id, Happened::Said(end)));
        });
    }

    fn awaits(&mut self, id: Id, count: usize) {
        if let Some(asker) = self.of.get_mut(&id) {
            asker.awaits = count;
            if count == 0 {
                let _ = say(asker, Kind::End, &[]);
            }
        }
    }

    fn described(&mut self, id: Id, bytes: &[u8]) {
        let Some(worker) = self.of.get_mut(&id) else { return };
        for asker in std::mem::take(&mut worker.asked_by) {
            let Some(asking) = self.of.get_mut(&asker) else { continue };
            let _ = say(asking, Kind::Description, bytes);
            let left = asking.awaits.saturating_sub(1);
            self.awaits(asker, left);
        }
    }

    fn gone(&mut self, id: Id) {
        let Some(worker) = self.of.remove(&id) else { return };
        for asker in worker.asked_by {
            let left = self.of.get(&asker).map_or(0, |asking| asking.awaits.saturating_sub(1));
            self.awaits(asker, left);
        }
        if let Some(name) = worker.session {
            log::info("session ended", &[("session", &name), ("user", &worker.user)]);
            self.remember();
        }
    }
}

/// Starts this program again as a worker. A fresh image holds nothing of other sessions.
fn start(connection: UnixStream, service: &Identity) -> io::Result<(UnixDatagram, Child)> {
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
async fn follow(
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

/// A worker that does not read is told nothing: the monitor waits for nobody.
fn say(worker: &Worker, kind: Kind, bytes: &[u8]) -> Result<(), Errno> {
    link::send(worker.link.as_fd(), kind, bytes, &[])
}
