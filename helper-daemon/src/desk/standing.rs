//! How a process stands to guarded trees, and who tells. Each system has its own way to know: Linux by lines of
//! ancestors and by filters ([`trees`](super::trees)), macOS by the tree that its engine keeps
//! ([`enrolled`](super::enrolled)).

use super::authority::Relation;
use nix::errno::Errno;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

/// Who knows the tree of one session.
pub trait Trees: Send {
    /// Somebody who has connected.
    type Process: Visiting;

    /// Asks the kernel who has connected.
    fn process(&self, connection: BorrowedFd<'_>) -> Result<Self::Process, Errno>;

    /// Looks where a process stands.
    fn standing(&self, process: &Self::Process) -> Standing<()>;
}

/// Somebody who has connected, as a record names it.
pub trait Visiting {
    /// Its user.
    fn uid(&self) -> u32;

    /// Its process id.
    fn pid(&self) -> i32;

    /// What it runs; empty where that can't be told.
    fn exe(&self) -> PathBuf;
}

/// Where a process stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing<K> {
    pub(super) uid: u32,
    pub(super) inside: Vec<K>,
    /// Whether it is in a tree that nobody here knows.
    pub(super) unknown: bool,
    pub(super) confined: bool,
}

impl<K: PartialEq> Standing<K> {
    /// Its user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The trees that it is in, or can't be told from one that is.
    pub fn inside(&self) -> &[K] {
        &self.inside
    }

    /// Whether it is in any tree, or can't be told from one that is.
    pub fn is_inside(&self) -> bool {
        self.unknown || !self.inside.is_empty()
    }

    /// How it stands to the session of this name and user.
    pub fn to(&self, session: &K, user: u32) -> Relation {
        match (self.inside.contains(session), self.is_inside()) {
            (true, _) => Relation::Tree,
            (false, true) => Relation::OtherTree,
            (false, false) if self.uid != user && self.uid != 0 => Relation::Stranger,
            (false, false) if self.confined => Relation::Confined,
            (false, false) if self.uid == user => Relation::Person,
            (false, false) => Relation::Root,
        }
    }
}
