//! What concerns the engine itself, said to the person.

use crate::session::SessionId;
use std::fmt;

/// Who is told of what concerns the engine itself, to say it to the person and record it.
pub trait Alarm: Send + Sync {
    /// Something went wrong. `sessions` are those it concerns: all, where nobody can tell. Called on a thread of the
    /// engine's.
    fn raise(&self, sessions: &[SessionId], what: Incident);
}

/// What went wrong. Its text is a sentence that says what happened and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incident {
    /// macOS dropped messages. Where forks, execs or exits may be among them, the tree was set right by the list of all
    /// processes.
    Lost {
        /// How many, at least.
        messages: u64,
        /// What the list of all processes changed, where it had to be looked at.
        tree: Option<SetRight>,
        /// Whether macOS refused what was dropped (macOS 27), or let it through.
        refused: bool,
    },
    /// So many questions were not answered in time, and were refused.
    Late(u64),
    /// The engine failed at so many messages, and what they asked was refused.
    Panicked(u64),
    /// A message could not be read; what it asked was refused.
    Unreadable(String),
}

/// What a look at all processes changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetRight {
    /// Processes that were found to be of a session.
    pub adopted: usize,
    /// Processes that were found to be gone.
    pub gone: usize,
    /// Processes of which nobody can tell: they are treated as of every session.
    pub uncertain: usize,
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { messages, tree, refused } => {
                let fate = if *refused {
                    "what they asked was refused"
                } else {
                    "what they asked went through unasked"
                };
                write!(f, "macOS dropped {messages} messages or more: {fate}")?;
                if let Some(SetRight { adopted, gone, uncertain }) = tree {
                    write!(
                        f,
                        "; which processes are of the session was looked up anew ({adopted} added, {gone} gone, {uncertain} that \
                         nobody can tell and that are guarded, too)"
                    )?;
                }
                Ok(())
            }
            Self::Late(n) => write!(f, "{n} operations were refused because es-guard did not answer in time"),
            Self::Panicked(n) => {
                write!(f, "{n} operations were refused because es-guard failed at them; please report it")
            }
            Self::Unreadable(why) => write!(f, "an operation was refused that es-guard can't read: {why}"),
        }
    }
}
