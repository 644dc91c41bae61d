//! Which guarded trees a process is in, by the kernel's word alone.
//!
//! A tree hangs below one process, its *anchor*: the one that forked the agent, that adopts whatever the agent
//! leaves behind, and that lives as long as the tree does. While the anchor lives, a process is in the tree if
//! and only if the anchor is among its ancestors. Where that can't tell, as the anchor has been killed or the
//! process is in a pid namespace of its own, one thing is left that no process of the tree can shed: the
//! agent's seccomp filter. A process that carries fewer filters than the agent began with is not of the tree;
//! any other one is taken to be.
//!
//! Where the kernel judges a session by itself, it is asked ([`Kept`]): nothing else is needed, and nothing else tells, as
//! such processes carry no filter.
//!
//! There may be trees that this helper knows nothing of: of sessions with a helper of their own, and of an
//! earlier system helper's. So whoever carries a filter that not every process here has is *confined*: not
//! known to be in a tree, and not known to be in none.

use super::standing::{Standing, Trees, Visiting};
use endpoint_sec::linux::ancestry::{Lost, ancestors, filters, is_whole};
use endpoint_sec::linux::peer::Peer;
use endpoint_sec::linux::process::PidFd;
use endpoint_sec::linux::token::AuditToken;
use nix::errno::Errno;
use nix::unistd::Pid;
use std::os::fd::{BorrowedFd, OwnedFd};

/// A process that has connected.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    pidfd: PidFd,
    uid: u32,
    /// How many filters it carried when it connected; it may only get more.
    filters: u32,
    kept: Kept,
}

/// What the kernel knows of a process by itself, where it judges sessions by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// It is in none of those sessions.
    #[default]
    Outside,
    /// It is in the session of this number, and will be for ever.
    Inside(u32),
    /// The process has ended, or the kernel tells nothing.
    Untold,
}

impl Process {
    /// Asks the kernel who has connected.
    pub fn of(connection: BorrowedFd<'_>) -> Result<Self, Errno> {
        let peer = Peer::of(connection)?;
        // One that has ended already can't be looked at: it is taken to be in every tree that it could be in.
        let filters = filters(peer.pid, &peer.pidfd).unwrap_or(u32::MAX);
        Ok(Self { pid: peer.pid, pidfd: peer.pidfd, uid: peer.uid, filters, kept: Kept::Outside })
    }

    /// A process that an earlier monitor had connected to it, and that carried this many filters then.
    pub fn returned(pidfd: PidFd, uid: u32, filters: u32) -> Self {
        // One that has ended meanwhile has no number any more.
        let (pid, kept) = (pidfd.pid().unwrap_or(Pid::from_raw(0)), Kept::Outside);
        Self { pid, pidfd, uid, filters, kept }
    }

    /// The same, of which the kernel knows this.
    pub fn known(self, kept: Kept) -> Self {
        Self { kept, ..self }
    }

    /// What the kernel knows of it by itself.
    pub fn kept(&self) -> Kept {
        self.kept
    }

    /// What names it for ever; `None` once it has ended.
    pub fn token(&self) -> Option<AuditToken> {
        AuditToken::of(self.pid.as_raw()).filter(|_| !self.pidfd.has_ended())
    }

    /// How many filters it carried when it connected.
    pub fn filters(&self) -> u32 {
        self.filters
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.pidfd.has_ended()
    }

    /// Its user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// What it runs, for the record; empty where that can't be told.
    pub fn exe(&self) -> std::path::PathBuf {
        let exe = std::fs::read_link(format!("/proc/{}/exe", self.pid)).unwrap_or_default();
        if self.pidfd.has_ended() { Default::default() } else { exe }
    }
}

/// A guarded tree.
#[derive(Debug)]
pub struct Tree {
    user: u32,
    /// `None`: it had ended before it was told of.
    anchor: Option<(Pid, PidFd)>,
    /// The least that any of its processes carries.
    filters: u32,
    /// Its number in the kernel, where that judges it by itself. Then its processes carry no filter, and may become
    /// other users.
    number: Option<u32>,
}

impl Tree {
    /// The tree of an agent that was forked by the process that `anchor` is a pidfd of, and registered by
    /// `registrar`.
    pub fn new(registrar: &Process, anchor: Option<OwnedFd>) -> Self {
        let anchor = anchor.map(PidFd::from_fd).and_then(|held| Some((held.pid()?, held)));
        // The agent has inherited its registrar's, and has one of its own.
        let filters = registrar.filters.checked_add(1).unwrap_or(1);
        Self { user: registrar.uid, anchor, filters, number: None }
    }

    /// The tree of an agent that the kernel judges by itself, as the session of this number.
    pub fn in_kernel(registrar: &Process, number: u32) -> Self {
        Self { user: registrar.uid, anchor: None, filters: u32::MAX, number: Some(number) }
    }

    /// Its number in the kernel.
    pub fn number(&self) -> Option<u32> {
        self.number
    }

    /// The tree of agents that this very process forks: it adopts what they leave behind.
    pub fn below_this_process() -> Result<Self, Errno> {
        let me = nix::unistd::getpid();
        let held = PidFd::open(me)?;
        // Where nobody tells, any process with a filter could be in it.
        let filters = filters(me, &held).unwrap_or(0).saturating_add(1);
        Ok(Self { user: nix::unistd::geteuid().as_raw(), anchor: Some((me, held)), filters, number: None })
    }

    /// Whether every process that is taken to be in the other is taken to be in this one, for ever.
    pub fn covers(&self, other: &Tree) -> bool {
        let of_filters = self.number.is_none() && other.number.is_none();
        of_filters && !self.has_anchor() && self.concerns(other.user) && self.filters <= other.filters
    }

    fn has_anchor(&self) -> bool {
        self.anchor.as_ref().is_some_and(|(pid, held)| is_whole(*pid, held))
    }

    /// Whether a process of this user could be in it: no tree but root's can change its user.
    fn concerns(&self, uid: u32) -> bool {
        self.user == uid || self.user == 0
    }
}

/// How many filters every process here has: those of the first one, as in a container. 0 where nobody tells.
pub fn common_filters() -> u32 {
    let first = Pid::from_raw(1);
    PidFd::open(first).ok().and_then(|held| filters(first, &held).ok()).unwrap_or(0)
}

impl<K: PartialEq> Standing<K> {
    /// Looks at a process, and at all trees that there are. Every process here has `common` filters.
    pub fn of<'a>(process: &Process, trees: impl Iterator<Item = (K, &'a Tree)>, common: u32) -> Self {
        let uid = process.uid;
        let now = filters(process.pid, &process.pidfd).map(|now| now.max(process.filters));
        let confined = now.is_ok_and(|now| now > common);
        let (told, trees): (Vec<_>, Vec<_>) = trees.partition(|(_, tree)| tree.number.is_some());
        let of_number = |tree: &Tree| match process.kept {
            Kept::Outside => false,
            Kept::Inside(number) => tree.number == Some(number),
            Kept::Untold => true,
        };
        let mut inside: Vec<K> =
            told.into_iter().filter(|(_, tree)| of_number(tree)).map(|(key, _)| key).collect();
        let concern: Vec<_> = trees.into_iter().filter(|(_, tree)| tree.concerns(uid)).collect();
        // Of a session that nobody here has (yet), or of one that can't be told.
        let unknown = process.kept != Kept::Outside && inside.is_empty();
        if let Ok(now) = now
            && concern.iter().all(|(_, tree)| now < tree.filters)
        {
            return Self { uid, inside, unknown, confined };
        }
        let line = now.and_then(|_| ancestors(process.pid, &process.pidfd));
        inside
            .extend(concern.into_iter().filter(|(_, tree)| is_inside(tree, now, &line)).map(|(key, _)| key));
        Self { uid, inside, unknown, confined: confined || now.is_err() }
    }
}

/// The tree below this very process.
#[derive(Debug)]
pub struct Line {
    tree: Tree,
    /// How many filters every process here has.
    common: u32,
}

impl Line {
    /// `None` where it can't be told who is in it.
    pub fn below_this_process() -> Option<Self> {
        // Numbers in /proc must mean here what they mean to the kernel, or another process is looked at.
        let me = std::fs::read_link("/proc/self").ok()?;
        if me.to_str()?.parse().ok() != Some(std::process::id()) {
            return None;
        }
        Some(Self { tree: Tree::below_this_process().ok()?, common: common_filters() })
    }
}

impl Trees for Line {
    type Process = Process;

    fn process(&self, connection: BorrowedFd<'_>) -> Result<Process, Errno> {
        Process::of(connection)
    }

    fn standing(&self, process: &Process) -> Standing<()> {
        Standing::of(process, std::iter::once(((), &self.tree)), self.common)
    }
}

impl Visiting for Process {
    fn uid(&self) -> u32 {
        self.uid
    }

    fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    fn exe(&self) -> std::path::PathBuf {
        self.exe()
    }
}

fn is_inside(tree: &Tree, filters: Result<u32, Lost>, line: &Result<Vec<Pid>, Lost>) -> bool {
    // An anchor that adopts now, after the line was followed, has adopted all the while.
    match (filters, line, &tree.anchor) {
        (Ok(_), Ok(line), Some((anchor, _))) if tree.has_anchor() => line.contains(anchor),
        (Ok(filters), _, _) => filters >= tree.filters,
        (Err(_), _, _) => true,
    }
}

#[cfg(test)]
mod tests;
