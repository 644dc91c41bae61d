//! The root process: it accepts connections, gives each a worker, and passes words between workers of one user.
//!
//! It reads no frame, no policy and no path of a user. Who a connection is from it asks the kernel.

mod reserve;
mod service;
mod socket;

use super::log;
use super::state::{State, StateError};
use super::workers::Workers;
use endpoint_sec::linux::station::Identity;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use reserve::Reserve;
use sd_notify::NotifyState;
use service::tell_manager;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

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

/// How long the sessions of the monitor before this one have to come back.
const RETURN_WITHIN: Duration = Duration::from_secs(3);

/// What a monitor is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub socket: PathBuf,
    /// Where to remember the sessions.
    pub state: PathBuf,
    /// Where to pin what is loaded into the kernel.
    pub pins: PathBuf,
    /// The account that [`Settings::service`] is.
    pub account: String,
    /// Whose real and saved ids the workers have.
    pub service: Identity,
}

/// Listens until it is told to stop.
pub fn run(settings: &Settings) -> Result<(), MonitorError> {
    // It holds some descriptors for each worker.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).map_err(io::Error::from)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).map_err(io::Error::from)?;
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
    let (service, socket) = (settings.service.clone(), settings.socket.clone());
    let mut workers = Workers::new(service, state, socket, settings.pins.clone(), events);
    // Until then the record is the earlier one's.
    let returned = tokio::time::sleep(RETURN_WITHIN);
    tokio::pin!(returned);
    let mut waiting = true;
    let mut reserve = Reserve::new();
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
                    reserve.turn_away(&listener, &error).await;
                }
            },
            Some((worker, happened)) = happened.recv() => workers.handle(worker, happened),
            () = &mut returned, if waiting => {
                waiting = false;
                workers.tell_lost();
                workers.give_up_in_kernel();
                workers.remember();
            }
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
