//! Which processes are of a session: told by forks, execs and exits, for engines that are not told by the kernel.
//!
//! Pure: it makes no system call, and a script of events gives the same tree every time. A process is its
//! [`Identity`], which an exec changes and nothing else has. What is known of a process:
//!
//! - It was seen to be made by one of a session: it is of that session, and so is all that it makes.
//! - Another of its pid was there, and was not seen to end: it is that one, after an exec that nobody saw.
//! - It was seen among those that are of none, or to be made by one of them: it is of none.
//! - It was not seen at all. Then its parent tells, if that is known. But a process whose parent has ended is given to
//!   the [reaper](Tree::new): of the reaper's children that nobody saw being made, nobody can tell whose they were.
//!
//! Events may be lost. The tree is [tainted](Tree::taint) then, which is to be said to the person, until it is
//! [resynchronised](Tree::resynchronise) by a list of the processes that there are. Who can't be told is
//! [`Standing::Uncertain`], and the engine treats it as one that may be of a session.

mod departed;
#[cfg(test)]
mod tests;

use departed::Departed;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// What names one process, from its exec to its next or its end, and no other one ever.
pub trait Identity: Copy + Eq + Hash {
    /// Its process id, which others will have after it.
    fn pid(&self) -> i32;
}

impl Identity for endpoint_sec::macos::AuditToken {
    fn pid(&self) -> i32 {
        endpoint_sec::macos::AuditToken::pid(self)
    }
}

/// Where a process belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<S> {
    /// To this session.
    Member(S),
    /// To none.
    Outside,
    /// Nobody saw it being made, and who made it is gone.
    Uncertain,
}

/// A process that was never seen, and what it says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Stranger<I> {
    /// Who.
    pub who: I,
    /// Its parent now.
    pub parent: Option<I>,
    /// The pid of its first parent. Another process may have it by now, so it raises doubts and settles none.
    pub first_parent: i32,
}

/// What a resynchronisation found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resynchronised<I> {
    /// Processes that are of a session, as who made them is. They are new to the tree.
    pub adopted: Vec<I>,
    /// Processes that were of a session, and are gone.
    pub gone: Vec<I>,
    /// Processes of which nobody can tell whose they are: new to the tree, and the reaper's.
    pub uncertain: Vec<I>,
}

/// All processes of all sessions. `S` names a session.
#[derive(Clone, Debug)]
pub struct Tree<I, S> {
    reaper: I,
    standing: HashMap<I, Standing<S>>,
    /// Who has a pid now, of those in `standing`.
    holders: HashMap<i32, I>,
    departed: Departed<I, S>,
    tainted: bool,
}

impl<I: Identity, S: Copy + Eq> Tree<I, S> {
    /// A tree without sessions. `reaper` is who gets the children of those that end: launchd.
    pub fn new(reaper: I) -> Self {
        let (standing, holders) = (HashMap::new(), HashMap::new());
        let mut tree = Self { reaper, standing, holders, departed: Departed::default(), tainted: false };
        tree.settle(reaper, Standing::Outside);
        tree
    }

    /// Takes note of processes that are of no session, because they were there before the first one.
    pub fn know_outside(&mut self, processes: impl IntoIterator<Item = I>) {
        for process in processes {
            if self.session_of(process).is_none() {
                self.settle(process, Standing::Outside);
            }
        }
    }

    /// A session begins with this process, whatever it was before: a session in a session is one of its own.
    pub fn enrol(&mut self, root: I, session: S) {
        self.settle(root, Standing::Member(session));
    }

    /// A process made another, which belongs where it belongs itself.
    pub fn forked(&mut self, parent: Stranger<I>, child: I) {
        let standing = self.meet(parent);
        self.settle(child, standing);
    }

    /// A process became another.
    pub fn executed(&mut self, before: Stranger<I>, after: I) {
        let standing = self.meet(before);
        self.depart(before.who);
        self.settle(after, standing);
    }

    /// A process ended.
    pub fn exited(&mut self, who: I) {
        self.depart(who);
    }

    /// Where a process belongs, as far as it was seen.
    pub fn session_of(&self, who: I) -> Option<Standing<S>> {
        self.standing.get(&who).copied()
    }

    /// Where a process belongs, and if it was not seen, where its parent does: then it is adopted.
    pub fn meet(&mut self, stranger: Stranger<I>) -> Standing<S> {
        if let Some(standing) = self.session_of(stranger.who) {
            return standing;
        }
        let standing = self.judge(stranger);
        self.settle(stranger.who, standing);
        standing
    }

    /// Events were lost.
    pub fn taint(&mut self) {
        self.tainted = true;
    }

    /// Whether events were lost, and the tree was not resynchronised since.
    pub fn is_tainted(&self) -> bool {
        self.tainted
    }

    /// Sets the tree right by all processes that there are, each with its parent where that is known. What the list does
    /// not have is gone.
    pub fn resynchronise(&mut self, alive: &[(I, Option<I>)]) -> Resynchronised<I> {
        let parents: HashMap<I, Option<I>> = alive.iter().copied().collect();
        let known: HashSet<I> = self.standing.keys().copied().collect();
        let ended: Vec<I> = known.iter().copied().filter(|who| !parents.contains_key(who)).collect();
        let is_member = |who: &I| matches!(self.session_of(*who), Some(Standing::Member(_)));
        let gone = ended.iter().copied().filter(is_member).collect();
        let (mut adopted, mut uncertain) = (Vec::new(), Vec::new());
        let strangers: Vec<(I, Standing<S>)> = parents
            .keys()
            .filter(|process| !known.contains(process))
            .map(|process| (*process, self.trace(*process, &parents)))
            .collect();
        for (process, standing) in strangers {
            match standing {
                Standing::Member(_) => adopted.push(process),
                Standing::Uncertain => uncertain.push(process),
                Standing::Outside => {}
            }
            self.settle(process, standing);
        }
        for who in ended {
            self.depart(who);
        }
        self.tainted = false;
        Resynchronised { adopted, gone, uncertain }
    }

    /// Decides where a process belongs, until its next exec or its end.
    pub fn settle(&mut self, who: I, standing: Standing<S>) {
        if let Some(before) = self.holders.insert(who.pid(), who).filter(|before| *before != who) {
            self.remember(before);
        }
        self.standing.insert(who, standing);
    }

    /// The processes of a session.
    pub fn members(&self, session: S) -> impl Iterator<Item = I> {
        let of_it = move |(who, standing): (&I, &Standing<S>)| {
            (*standing == Standing::Member(session)).then_some(*who)
        };
        self.standing.iter().filter_map(of_it)
    }

    /// Whether a session has processes.
    pub fn is_alive(&self, session: S) -> bool {
        self.members(session).next().is_some()
    }

    /// Where a process belongs that nobody saw being made, by what it says of its parents.
    fn judge(&self, stranger: Stranger<I>) -> Standing<S> {
        if let Some(standing @ (Standing::Member(_) | Standing::Uncertain)) = self.before(stranger.who) {
            return standing;
        }
        let Some(parent) = stranger.parent else { return Standing::Uncertain };
        match self.session_of(parent).or_else(|| self.departed.standing(&parent)) {
            Some(Standing::Outside) if self.may_be_of_a_session(stranger, parent) => Standing::Uncertain,
            Some(standing) => standing,
            None => Standing::Uncertain,
        }
    }

    /// Where the one belongs that had this pid, and was not seen to end.
    fn before(&self, who: I) -> Option<Standing<S>> {
        self.holders
            .get(&who.pid())
            .filter(|holder| **holder != who)
            .and_then(|holder| self.session_of(*holder))
    }

    /// Whether a process with a parent outside may have been made by one of a session, and been given away.
    fn may_be_of_a_session(&self, stranger: Stranger<I>, parent: I) -> bool {
        let was_given_away = parent == self.reaper && stranger.first_parent != parent.pid();
        was_given_away && (self.tainted || self.departed.had_pid(stranger.first_parent))
    }

    /// Where a process belongs that nobody saw being made, by the list of all: the first ancestor that is known
    /// decides.
    fn trace(&self, process: I, parents: &HashMap<I, Option<I>>) -> Standing<S> {
        let mut who = process;
        // A list that was taken while it changed may go in circles.
        for _ in 0..=parents.len() {
            let before = self.before(who);
            if let Some(standing @ (Standing::Member(_) | Standing::Uncertain)) = before {
                return standing;
            }
            let Some(parent) = parents.get(&who).copied().flatten() else { return Standing::Uncertain };
            if parent == self.reaper {
                return before.unwrap_or(Standing::Uncertain);
            }
            if let Some(standing) = self.session_of(parent).or_else(|| self.departed.standing(&parent)) {
                return standing;
            }
            who = parent;
        }
        Standing::Uncertain
    }

    fn depart(&mut self, who: I) {
        if self.holders.get(&who.pid()) == Some(&who) && who != self.reaper {
            self.holders.remove(&who.pid());
            self.remember(who);
        }
    }

    fn remember(&mut self, who: I) {
        if let Some(standing @ (Standing::Member(_) | Standing::Uncertain)) = self.standing.remove(&who) {
            self.departed.add(who, standing);
        }
    }
}
