//! The root process: it accepts connections, gives each a worker, and passes words between workers of one user.
//!
//! It reads no frame, no policy and no path of a user. Who a connection is from it asks the kernel.

use super::workers::Workers;
use endpoint_sec::linux::station::Identity;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixListener;
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
    /// Anything else of the runtime.
    #[error("run: {0}")]
    Runtime(#[from] io::Error),
}

/// What a monitor is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub socket: PathBuf,
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
    let listener = bind(&settings.socket)?;
    let mut stop = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (events, mut happened) = mpsc::unbounded_channel();
    let mut workers = Workers::new(settings.service.clone(), events);
    eprintln!("es-guard-helper: listening at {}", settings.socket.display());
    // Without a service manager there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((connection, _)) => workers.admit(connection),
                Err(error) => {
                    eprintln!("es-guard-helper: accept: {error}");
                    // At the limit of descriptors every accept fails at once.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some((worker, happened)) = happened.recv() => workers.handle(worker, happened),
            _ = stop.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    // Whoever starts after this one finds the name free; one that is gone already was removed by a person.
    let _ = std::fs::remove_file(&settings.socket);
    Ok(())
}

fn bind(path: &Path) -> Result<UnixListener, MonitorError> {
    let failed = |doing, source| MonitorError::Socket { doing, path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| failed("make the folder of", e))?;
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => return Err(MonitorError::Taken(path.to_owned())),
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
                .map_err(|e| failed("remove the socket of a helper that has died", e))?;
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(|e| failed("listen at", e))?;
    // Everybody may connect; who may do what is told by the kernel's word on who it is.
    std::fs::set_permissions(path, Permissions::from_mode(0o666)).map_err(|e| failed("open", e))?;
    Ok(listener)
}
