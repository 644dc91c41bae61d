//! What an engine is started with, and why it can't be.

use super::Ward;
use crate::git::clerk::Clerk;
use crate::policy::Policy;
use crate::stash::Store;
use nix::errno::Errno;

/// What the guard has to expect of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// The tree may end this process, and then fails closed: no more than needed is performed for it.
    Yields,
    /// It can't: nothing that it might use against the guard is left to a race.
    Withstands,
}

/// What an engine is started with beside the listener.
pub struct Settings {
    /// What is judged by.
    pub policy: Policy,
    /// What to expect of the tree.
    pub stance: Stance,
    /// es-guard's processes that the tree could reach.
    pub wards: Vec<Ward>,
    /// Files that es-guard records the session in: device and inode.
    pub kept: Vec<(u64, u64)>,
    /// Where what is let through in a zone with a stash is kept.
    pub stash: Option<Store>,
    /// Who reads repositories.
    pub clerk: Clerk,
    /// Who is told before a process of the tree confines itself, as nothing is performed from then on.
    pub on_confined: Option<OnConfined>,
}

/// Called once, and waited for.
pub type OnConfined = Box<dyn Fn() + Send + Sync>;

/// Why an engine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The zones could not be looked at.
    #[error("look at the zones: {0}")]
    View(Errno),
    /// This process could not look at itself.
    #[error("read this process's own credentials: {0}")]
    Credentials(Errno),
    /// No thread could be started.
    #[error("start a thread: {0}")]
    Thread(std::io::Error),
}
