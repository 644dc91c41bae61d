//! Which guarded trees a process is in, by the kernel's word alone.
//!
//! A tree hangs below one process, its *anchor*: the one that forked the agent, that adopts whatever the agent
//! leaves behind, and that lives as long as the tree does. While the anchor lives, a process is in the tree if
//! and only if the anchor is among its ancestors. Where that can't tell, as the anchor has been killed or the
//! process is in a pid namespace of its own, one thing is left that no process of the tree can shed: the
//! agent's seccomp filter. A process that carries fewer filters than the agent began with is not of the tree;
//! any other one is taken to be.
//!
//! There may be trees that this helper knows nothing of: of sessions with a helper of their own, and of an
//! earlier system helper's. So whoever carries a filter that not every process here has is *confined*: not
//! known to be in a tree, and not known to be in none.

use super::standing::{Standing, Trees, Visiting};
use endpoint_sec::linux::ancestry::{Lost, ancestors, filters, is_whole};
use endpoint_sec::linux::peer::Peer;
use endpoint_sec::linux::process::PidFd;
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
}

impl Process {
    /// Asks the kernel who has connected.
    pub fn of(connection: BorrowedFd<'_>) -> Result<Self, Errno> {
        let peer = Peer::of(connection)?;
        // One that has ended already can't be looked at: it is taken to be in every tree that it could be in.
        let filters = filters(peer.pid, &peer.pidfd).unwrap_or(u32::MAX);
        Ok(Self { pid: peer.pid, pidfd: peer.pidfd, uid: peer.uid, filters })
    }

    /// A process that an earlier monitor had connected to it, and that carried this many filters then.
    pub fn returned(pidfd: PidFd, uid: u32, filters: u32) -> Self {
        // One that has ended meanwhile has no number any more.
        Self { pid: pidfd.pid().unwrap_or(Pid::from_raw(0)), pidfd, uid, filters }
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
}

impl Tree {
    /// The tree of an agent that was forked by the process that `anchor` is a pidfd of, and registered by
    /// `registrar`.
    pub fn new(registrar: &Process, anchor: Option<OwnedFd>) -> Self {
        let anchor = anchor.map(PidFd::from_fd).and_then(|held| Some((held.pid()?, held)));
        // The agent has inherited its registrar's, and has one of its own.
        let filters = registrar.filters.checked_add(1).unwrap_or(1);
        Self { user: registrar.uid, anchor, filters }
    }

    /// The tree of agents that this very process forks: it adopts what they leave behind.
    pub fn below_this_process() -> Result<Self, Errno> {
        let me = nix::unistd::getpid();
        let held = PidFd::open(me)?;
        // Where nobody tells, any process with a filter could be in it.
        let filters = filters(me, &held).unwrap_or(0).saturating_add(1);
        Ok(Self { user: nix::unistd::geteuid().as_raw(), anchor: Some((me, held)), filters })
    }

    /// Whether every process that is taken to be in the other is taken to be in this one, for ever.
    pub fn covers(&self, other: &Tree) -> bool {
        !self.has_anchor() && self.concerns(other.user) && self.filters <= other.filters
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
        let concern: Vec<_> = trees.filter(|(_, tree)| tree.concerns(uid)).collect();
        if let Ok(now) = now
            && concern.iter().all(|(_, tree)| now < tree.filters)
        {
            return Self { uid, inside: Vec::new(), confined };
        }
        let line = now.and_then(|_| ancestors(process.pid, &process.pidfd));
        let inside = concern.into_iter().filter(|(_, tree)| is_inside(tree, now, &line)).map(|(key, _)| key);
        Self { uid, inside: inside.collect(), confined: confined || now.is_err() }
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
mod tests {
    use super::*;
    use crate::desk::authority::Relation;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::process::Command;

    fn this_process() -> Process {
        Process::of(UnixStream::pair().unwrap().0.as_fd()).unwrap()
    }

    fn held(pid: u32) -> OwnedFd {
        PidFd::open(Pid::from_raw(pid as i32)).unwrap().as_fd().try_clone_to_owned().unwrap()
    }

    fn tree(anchor: u32, filters: u32) -> Tree {
        Tree { filters, ..Tree::new(&this_process(), Some(held(anchor))) }
    }

    fn standing(trees: &[Tree]) -> Standing<usize> {
        Standing::of(&this_process(), trees.iter().enumerate(), this_process().filters)
    }

    #[test]
    fn while_the_anchor_lives_the_line_of_ancestors_tells() {
        let above = nix::unistd::getppid().as_raw() as u32;
        let mut beside = Command::new("sleep").arg("600").spawn().unwrap();
        let standing = standing(&[tree(above, 0), tree(beside.id(), 0)]);
        assert_eq!((standing.to(&0, 4711), standing.to(&1, 4711)), (Relation::Tree, Relation::OtherTree));
        beside.kill().unwrap();
        beside.wait().unwrap();
    }

    #[test]
    fn when_the_anchor_is_dead_the_filters_tell() {
        let mine = this_process().filters;
        let mut anchor = Command::new("sleep").arg("600").spawn().unwrap();
        let trees = [tree(anchor.id(), mine), tree(anchor.id(), mine + 1)];
        anchor.kill().unwrap();
        anchor.wait().unwrap();
        let standing = standing(&trees);
        assert_eq!((standing.to(&0, 4711), standing.to(&1, 4711)), (Relation::Tree, Relation::OtherTree));
    }

    #[test]
    fn a_process_with_fewer_filters_than_any_agent_is_outside() {
        let above = nix::unistd::getppid().as_raw() as u32;
        let standing = standing(&[tree(above, this_process().filters + 1)]);
        assert!(!standing.is_inside());
        let me = nix::unistd::geteuid().as_raw();
        assert_eq!(standing.to(&0, me), Relation::Person);
        let other = if me == 0 { Relation::Root } else { Relation::Stranger };
        assert_eq!(standing.to(&0, me + 1), other);
    }

    #[test]
    fn a_process_with_a_filter_that_not_everybody_has_is_confined() {
        let mut process = this_process();
        process.filters += 1;
        let common = this_process().filters;
        let none = || std::iter::empty::<(usize, &Tree)>();
        let me = process.uid;
        assert_eq!(Standing::of(&process, none(), common).to(&0, me), Relation::Confined);
        assert_eq!(Standing::of(&process, none(), common + 1).to(&0, me), Relation::Person);
    }

    #[test]
    fn a_process_that_has_ended_is_inside() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let pidfd = PidFd::from_fd(held(child.id()));
        let pid = Pid::from_raw(child.id() as i32);
        let process = Process { pid, pidfd, uid: nix::unistd::geteuid().as_raw(), filters: 0 };
        child.kill().unwrap();
        child.wait().unwrap();
        let trees = [tree(std::process::id(), 5)];
        assert!(Standing::of(&process, trees.iter().enumerate(), 0).is_inside());
    }

    #[test]
    fn a_tree_that_only_filters_tell_of_covers_what_has_as_many() {
        let [wide, narrow] = [3, 4].map(|filters| Tree { filters, ..Tree::new(&this_process(), None) });
        assert!(wide.covers(&narrow) && wide.covers(&wide) && !narrow.covers(&wide));
        let lives = tree(std::process::id(), 1);
        assert!(!lives.covers(&narrow) && wide.covers(&tree(std::process::id(), 5)));
    }

    #[test]
    fn the_tree_of_another_user_is_no_matter() {
        let above = nix::unistd::getppid().as_raw() as u32;
        let other = Tree { user: 4711, ..tree(above, 0) };
        assert!(!standing(&[other]).is_inside());
    }
}
