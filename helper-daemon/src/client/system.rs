//! Finding the system's helper, and making sure that it is it.

#[cfg_attr(target_os = "linux", path = "system/linux.rs")]
#[cfg_attr(target_os = "macos", path = "system/macos.rs")]
mod own;

use crate::embedded::Judge;
use crate::guard::silent;
use crate::place::{SOCKET, START};
use crate::protocol::{Channel, ChannelError, Description, Event, Request};
use nix::errno::Errno;
use nix::sys::socket::{UnixAddr, connect, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `--helper` with this value: an embedded one.
pub const NONE: &str = "none";

/// How long the system's helper may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the system's helper can't be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the place, and what is wrong, in the message")]
pub enum SystemError {
    #[error(
        "use the system's helper at {path}: {source}. Start it ({START}), install it (sudo es-guard helper install), or do without it: --helper none"
    )]
    Unreachable { path: PathBuf, source: io::Error },
    #[error(
        "use the system's helper at {path}: whoever listens there is user {uid}, not root. That is no helper of this system; do without it: --helper none"
    )]
    NotRoots { path: PathBuf, uid: u32 },
    #[error("start: {0}")]
    NoEngine(String),
    #[error("use the system's helper at {path}: {errno}")]
    Unknown { path: PathBuf, errno: Errno },
    #[error("ask the system's helper at {path}: {detail}")]
    Refused { path: PathBuf, detail: String },
}

/// Asks the system's helper for the live sessions of this user, or of everybody where this user is root.
/// `None`: there is no helper.
pub fn sessions(asked: Option<&Path>) -> Result<Option<Vec<Description>>, SystemError> {
    Ok(look(asked)?.map(|running| running.sessions))
}

/// A system helper that runs.
#[derive(Debug)]
pub struct Running {
    /// Its version.
    pub version: String,
    /// The live sessions of this user, or of everybody where this user is root.
    pub sessions: Vec<Description>,
}

/// Asks the system's helper what it is and does. `None`: there is no helper.
pub fn look(asked: Option<&Path>) -> Result<Option<Running>, SystemError> {
    match ask(asked, &Request::List)? {
        Some(Event::Sessions { sessions, helper }) => Ok(Some(Running { version: helper, sessions })),
        Some(_) => Err(out_of_turn(asked)),
        None => Ok(None),
    }
}

/// Asks the system's helper one question. `None`: there is no helper.
pub fn ask(asked: Option<&Path>, question: &Request) -> Result<Option<Event>, SystemError> {
    let path = || at(asked).to_owned();
    let Judge::System(mut channel) = judge(asked)? else { return Ok(None) };
    channel.allow(Some(PATIENCE + Duration::from_secs(question.patience())));
    match channel.ask(question, &[]) {
        Ok(Event::Failed(failure)) => Err(SystemError::Refused { path: path(), detail: failure.detail }),
        Ok(event) => Ok(Some(event)),
        Err(ChannelError::TooSlow(time)) => Err(SystemError::Refused { path: path(), detail: silent(time) }),
        Err(error) => Err(SystemError::Refused { path: path(), detail: error.to_string() }),
    }
}

/// What to say of an answer to another question.
pub fn out_of_turn(asked: Option<&Path>) -> SystemError {
    SystemError::Refused { path: at(asked).to_owned(), detail: "it spoke out of turn".into() }
}

/// Where it is asked.
pub fn at(asked: Option<&Path>) -> &Path {
    asked.unwrap_or(Path::new(SOCKET))
}

/// Waits no longer than [`PATIENCE`]: a helper that is stopped accepts nobody, and has room for so many to wait.
fn connected(path: &Path) -> io::Result<UnixStream> {
    let socket = own::socket()?;
    setsockopt(&socket, sockopt::SendTimeout, &TimeVal::seconds(PATIENCE.as_secs() as i64))?;
    match connect(socket.as_raw_fd(), &UnixAddr::new(path)?) {
        Ok(()) => Ok(socket.into()),
        Err(Errno::EAGAIN) => Err(io::Error::other(silent(PATIENCE))),
        Err(errno) => Err(errno.into()),
    }
}

/// Whom to have a session judged by that is to be started: the system's helper where there is one, else an embedded
/// one. (On macOS the other way round: an embedded one where the system can have it.)
pub fn judge_for_a_session(asked: Option<&Path>) -> Result<Judge, SystemError> {
    own::judge(asked)
}

/// Who is to be asked: the system's helper where there is one, else those of sessions.
pub fn judge(asked: Option<&Path>) -> Result<Judge, SystemError> {
    let path = at(asked);
    if path == Path::new(NONE) {
        return Ok(Judge::Here(None));
    }
    let socket = match connected(path) {
        Ok(socket) => socket,
        // No helper is installed.
        Err(error) if error.kind() == ErrorKind::NotFound && asked.is_none() => return Ok(Judge::Here(None)),
        Err(source) => return Err(SystemError::Unreachable { path: path.to_owned(), source }),
    };
    let uid =
        own::user(socket.as_fd()).map_err(|errno| SystemError::Unknown { path: path.to_owned(), errno })?;
    if uid != 0 {
        return Err(SystemError::NotRoots { path: path.to_owned(), uid });
    }
    Ok(Judge::System(Channel::new(socket)))
}
