//! What a guard needs of an engine, whichever it is.

use crate::engine::Witness;
use crate::explain::Wording;
use crate::policy::Policy;
use crate::protocol::Failure;
use crate::session::SessionId;
use endpoint_sec::macos::AuditToken;
use nix::unistd::Pid;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An engine that judges one session.
pub trait Engine: Send + Sync {
    /// Its name, as in records.
    fn name(&self) -> &'static str;

    /// Judges by another policy from now on. `Err` says why the last one stays.
    fn set_policy(&self, policy: Policy) -> Result<(), String>;

    /// Tells commands why they are refused something, from now on; where the system has a way to.
    fn explain(&self, wording: Wording);

    /// Waits until whatever was answered by now has been told of, too, so long at most.
    fn catch_up(&self, patience: Duration);

    /// The same, and settles what was left open.
    fn settle(&self);

    /// Whether something is the session's own, as far as can be told without an operation.
    fn owns(&self, path: &Path) -> bool;

    /// One more of es-guard's processes that the tree must not reach; what comes along names it.
    fn defend(&self, process: Pid, held: OwnedFd);
}

/// How an engine is started, once there is a child to guard.
pub trait Starter: Send {
    /// Judges what the child and its descendants do from now on.
    fn start(self: Box<Self>, child: Child, session: Beginning) -> Result<Box<dyn Engine>, Failure>;
}

/// The child that waits to be guarded, as its kernel names it.
#[derive(Debug)]
pub enum Child {
    /// Linux: it has put itself under a filter.
    Filtered {
        /// The filter's listener.
        listener: OwnedFd,
        /// A pidfd.
        held: OwnedFd,
    },
    /// Linux: it waits, and the kernel is to be told of it.
    Waiting {
        /// A pidfd.
        held: OwnedFd,
    },
    /// macOS: it was started suspended.
    Suspended(AuditToken),
}

/// What a session begins with.
pub struct Beginning {
    /// Its name.
    pub session: SessionId,
    /// What is judged by.
    pub policy: Policy,
    /// Files that es-guard records the session in: device and inode.
    pub kept: Vec<(u64, u64)>,
    /// The index of its stash, and the folder `data`.
    pub stash: (File, OwnedFd),
    /// Who is told of what the engine did.
    pub witness: Arc<dyn Witness>,
}
