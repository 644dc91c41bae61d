//! The Endpoint Security engine: one client of macOS for all sessions, which judges what their trees do.
//!
//! It compiles and is tested on every system: the framework is handed in, and a simulated one does as well.
//!
//! ```ignore
//! let engine = Engine::start(&Framework::load()?, Scope::Descendants, alarm)?;
//! // a child that is there, and has done nothing yet:
//! engine.enrol(Enrolment { session, root: framework.token_of(child).unwrap(), policy, kept, witness, ended })?;
//! engine.replace_policy(&session, policy)?; // a new file, a grant, a grant taken back
//! engine.settle(); // the witness has heard of all that was answered
//! engine.retire(&session);
//! ```

use crate::engine::Witness;
use crate::policy::Policy;
use crate::session::SessionId;
use endpoint_sec::macos::{AuditToken, ConnectError, FileId, Framework, Guarantees, Refused, Scope};
use std::path::PathBuf;
use std::sync::Arc;

/// A running engine. Dropped, it disconnects: what is asked then is refused, and nothing is guarded any more.
///
/// It may be used from any thread.
pub struct Engine {}

/// What a session is judged by, and who is told.
pub struct Enrolment {
    /// Its name.
    pub session: SessionId,
    /// Its first process, which has done nothing yet: it is stopped, or was just started suspended. All that it makes
    /// is of the session.
    pub root: AuditToken,
    /// What is judged by. Paths are absolute and resolved.
    pub policy: Policy,
    /// Files that es-guard records the session in: nobody in the tree writes to them, by whatever name.
    pub kept: Vec<FileId>,
    /// Who is told of denials, of the session's own, and of single uses: on a thread of the engine's, in order, after the
    /// kernel was answered.
    pub witness: Arc<dyn Witness>,
    /// Called once when the last process of the session has ended, after all that it did was told of.
    pub ended: Box<dyn FnOnce() + Send>,
}

/// Who is told of what concerns the engine itself, to say it to the person.
pub trait Alarm: Send + Sync {
    /// Something went wrong. `sessions` are those it concerns: all, where nobody can tell.
    fn raise(&self, sessions: &[SessionId], what: Incident);
}

/// What went wrong. Each says in a sentence what happened and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incident {
    /// macOS dropped messages. Where forks, execs or exits may be among them, the tree was set right by the list of all
    /// processes.
    Lost {
        /// How many messages, at least.
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
    /// A zone of a new policy could not be selected: what is done there is not asked about.
    Unselected(PathBuf),
}

/// What a look at all processes changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetRight {
    /// Processes that were found to be of a session.
    pub adopted: usize,
    /// Processes that were found to be gone.
    pub gone: usize,
    /// Processes of which nobody can tell: they are treated as of every session.
    pub uncertain: usize,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No client.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The client was not given what it asked for.
    #[error("{0}; restart the machine, and report it if that does not help")]
    Refused(#[from] Refused),
    /// launchd is not to be seen.
    #[error(
        "failed to find process 1: this process may not ask about processes; run es-guard outside of any sandbox"
    )]
    NoProcesses,
    /// No thread.
    #[error("failed to start a thread: {0}; close some programs and try again")]
    Thread(#[source] std::io::Error),
}

/// Why a session is not guarded, or goes on being judged by its last policy.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The policy asks for what this engine can't do.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A zone could not be selected.
    #[error("{0}; too many zones are selected already, or macOS is in trouble: name fewer zones")]
    Refused(#[from] Refused),
    /// The process is of a session: a session inside a session adds its zones to the outer one's policy.
    #[error("failed to begin a session: process {pid} is of the session {of}; add its zones to that one")]
    Nested {
        /// The process.
        pid: i32,
        /// Whose it is.
        of: SessionId,
    },
    /// There is no such session.
    #[error("failed to find the session {0}: it has ended")]
    NoSession(SessionId),
}

/// What a policy asks for and this engine can't do: the key of the policy, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}{}: {why}; {remedy}", .zone.as_ref().map(|zone| format!(" of {}", zone.display())).unwrap_or_default())]
pub struct Unsupported {
    /// The key of the policy file.
    pub key: &'static str,
    /// The zone, where it is of one.
    pub zone: Option<PathBuf>,
    /// Why not.
    pub why: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Whether the engine can do all that a policy asks for. For `wrap`, before anything is started; `enrol` and
/// `replace_policy` look, too.
pub fn supports(policy: &Policy) -> Result<(), Unsupported> {
    let _ = policy;
    unimplemented!()
}

impl Engine {
    /// Connects, and gets to know the processes that there are; nobody is guarded yet. `scope` is what `wrap` is in: of
    /// macOS 27 [`Scope::Descendants`], whose caller must be the ancestor of all its sessions; else
    /// [`Scope::System`], as root.
    pub fn start(framework: &Framework, scope: Scope, alarm: Arc<dyn Alarm>) -> Result<Self, StartError> {
        let _ = (framework, scope, alarm);
        unimplemented!()
    }

    /// What the system promises.
    pub fn guarantees(&self) -> Guarantees {
        unimplemented!()
    }

    /// Guards the tree of a process from now on: when this returns, what it does is judged.
    pub fn enrol(&self, enrolment: Enrolment) -> Result<(), EnrolError> {
        let _ = enrolment;
        unimplemented!()
    }

    /// Judges a session by another policy from now on; the last one stays where there is an error.
    pub fn replace_policy(&self, session: &SessionId, policy: Policy) -> Result<(), EnrolError> {
        let _ = (session, policy);
        unimplemented!()
    }

    /// Whether a process of the session lives.
    pub fn is_alive(&self, session: &SessionId) -> bool {
        let _ = session;
        unimplemented!()
    }

    /// The processes of a session.
    pub fn members(&self, session: &SessionId) -> Vec<AuditToken> {
        let _ = session;
        unimplemented!()
    }

    /// Whose tree a process is in, for whoever may grant and who may only ask. `Err` where nobody can tell: it is
    /// treated as of every session.
    pub fn session_of(&self, who: AuditToken) -> Result<Option<SessionId>, Uncertain> {
        let _ = who;
        unimplemented!()
    }

    /// Waits until the witnesses and the alarm have heard of all that was answered before.
    pub fn settle(&self) {
        unimplemented!()
    }

    /// Forgets a session. Whoever of its tree still lives is judged no more.
    pub fn retire(&self, session: &SessionId) {
        let _ = session;
        unimplemented!()
    }
}

/// Nobody can tell whose tree a process is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncertain;
