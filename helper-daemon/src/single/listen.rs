//! The socket, and who is let in: anybody, but so many at a time, and of each user so many.

use super::house::House;
use super::{ask, session};
use crate::desk::counter::unix_now;
use crate::engine::endpoint_security::StartError;
use crate::guard::failed;
use crate::protocol::{Channel, Event, Request};
use crate::trust::{self, Untrusted};
use endpoint_sec::macos::{AuditToken, Framework, Scope};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long somebody may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often what has expired is looked for, in milliseconds.
const EVERY: u16 = 1000;

/// How a helper runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub socket: PathBuf,
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The folder of its socket is not root's alone.
    #[error("listen at {path}: {why}. Make that folder root's, or name another place with --socket")]
    Untrusted {
        /// Where.
        path: PathBuf,
        /// Why not.
        why: Untrusted,
    },
    /// The socket can't be made.
    #[error("listen at {path}: {source}. Name another place with --socket")]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another helper listens there.
    #[error("listen at {0}: another helper does already. End that one first")]
    Taken(PathBuf),
    /// There is no engine.
    #[error("start the engine: {0}")]
    Engine(#[from] StartError),
}

/// Runs it, for ever.
pub fn run(settings: &Settings, framework: &Framework) -> Result<(), Problem> {
    let listener = listen(&settings.socket)?;
    // Nobody is let in before there is an engine.
    let house = Arc::new(House::new(framework, Scope::System)?);
    loop {
        let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        // A signal, or whatever else ends the wait early, does no harm.
        let _ = poll(&mut fds, PollTimeout::from(EVERY));
        house.expire_grants(unix_now());
        if fds[0].any() == Some(true)
            && let Ok((socket, _)) = listener.accept()
        {
            let_in(&house, socket);
        }
    }
}

fn listen(path: &Path) -> Result<UnixListener, Problem> {
    let refused = |source| Problem::Socket { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("/"));
    match DirBuilder::new().mode(0o755).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(refused(error)),
        _ => {}
    }
    trust::folder(Path::new("/"), folder).map_err(|why| Problem::Untrusted { path: path.to_owned(), why })?;
    if UnixStream::connect(path).is_ok() {
        return Err(Problem::Taken(path.to_owned()));
    }
    // One that an earlier helper has left; its folder is root's.
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).map_err(refused)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o666)).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    Ok(listener)
}

/// Serves one connection, in a thread of its own.
pub(super) fn let_in(house: &Arc<House>, socket: UnixStream) {
    // One that has gone again is nobody's.
    let Ok(peer) = house.framework().peer(socket.as_fd()) else { return };
    let Some(guest) = house.guest(peer.effective_user()) else {
        // Should it have no room for that, it learns it by the end of the connection.
        let event = Event::Failed(failed("too many ask at once: ask again in a moment"));
        let _ = socket.set_nonblocking(true).map(|()| Channel::new(socket).send(&event, &[]));
        return;
    };
    let house = house.clone();
    let serves = move || {
        let _guest = guest;
        serve(&house, socket, peer);
    };
    // Without a thread the connection ends.
    let _ = std::thread::Builder::new().name("connection".into()).stack_size(512 << 10).spawn(serves);
}

fn serve(house: &Arc<House>, socket: UnixStream, peer: AuditToken) {
    // A socket takes after the one it was accepted from.
    let _ = socket.set_nonblocking(false);
    let mut channel = Channel::new(socket);
    channel.allow(Some(PATIENCE));
    let Ok((request, fds)) = channel.receive::<Request>() else { return };
    let failure = match request {
        Request::Register(register) => session::serve(house, &mut channel, *register, fds, peer).err(),
        question => {
            let words = ask::answer(house, question, peer);
            channel.allow(Some(PATIENCE));
            // Whoever has gone needs no answer.
            let _ = channel.send(&words, &[]);
            None
        }
    };
    if let Some(failure) = failure {
        channel.allow(Some(PATIENCE));
        let _ = channel.send(&Event::Failed(failure), &[]);
    }
}
