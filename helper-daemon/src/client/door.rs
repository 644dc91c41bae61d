//! The doors of sessions that have a helper of their own.

use super::ClientError;
use crate::embedded::connect;
use crate::protocol::{Channel, ChannelError, Event, Request};
use crate::session::SessionId;
use nix::errno::Errno;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder of doors in a state folder.
pub const FOLDER: &str = "doors";

/// The variable by which a process of a tree finds where its session is asked: the session's door, or the system's
/// helper where that listens at another place than usual.
pub const VARIABLE: &str = "ES_GUARD_DOOR";

/// How long a helper may take to answer, beside what is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The door of a session.
pub fn path(state: &Path, session: &SessionId) -> PathBuf {
    state.join(FOLDER).join(format!("{session}.sock"))
}

/// The sessions that have a door, or had one.
pub fn names(state: &Path) -> Vec<SessionId> {
    let Ok(found) = std::fs::read_dir(state.join(FOLDER)) else { return Vec::new() };
    let name = |name: std::ffi::OsString| SessionId::parse(name.to_str()?.strip_suffix(".sock")?);
    let mut names: Vec<_> = found.flatten().filter_map(|found| name(found.file_name())).collect();
    names.sort();
    names
}

/// Asks at a door.
pub fn ask(path: &Path, question: &Request) -> Result<Event, ClientError> {
    let failed = |source| {
        let session = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        ClientError::Door { session, source }
    };
    let refused = |error: io::Error| {
        let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        failed(ChannelError::Io(errno))
    };
    let mut channel = Channel::new(connect(path).map_err(refused)?);
    channel.allow(Some(PATIENCE + Duration::from_secs(question.patience())));
    channel.ask(question, &[]).map_err(failed)
}

/// Whether nobody answers at a door: its helper was killed.
pub fn is_deserted(path: &Path) -> bool {
    connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
