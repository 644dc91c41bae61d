//! Asking about live sessions, from inside their trees or from outside.
//!
//! A session is asked where its helper listens: at the system helper's [socket](system), or at a [door] in the state
//! folder where it has a helper of its own. Who asks, the helper is told by the kernel. This is the face for whatever
//! speaks to people and agents: it parses no command line and shows nothing.

pub mod door;
pub mod live;
pub mod system;

pub use live::{Live, inside};

use crate::protocol::{ChannelError, Refusal};
use system::SystemError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The system's helper.
    #[error(transparent)]
    System(#[from] SystemError),
    /// A session's own helper.
    #[error(
        "ask the helper of session {session}: {source}. Look whether the session lives: es-guard sessions list"
    )]
    Door {
        /// The session.
        session: String,
        /// What went wrong.
        source: ChannelError,
    },
    /// It was answered otherwise.
    #[error("ask the helper: {0}")]
    Failed(String),
    /// By an answer to another question.
    #[error("ask the helper: it spoke out of turn")]
    OutOfTurn,
    /// It was refused, with a stable code.
    #[error("{}", .0.detail)]
    Refused(Refusal),
}
