//! The sessions that are judged in the kernel, and what is to be told to their workers.

use crate::daemon::hire::Id;
use crate::engine::bpf_lsm::words::{self, Kind};
use endpoint_sec::linux::token::AuditToken;
use nix::errno::Errno;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsFd;
use std::rc::Rc;
use tokio::net::UnixDatagram;

/// So many words wait at most for a worker that has no room for them, or has not come back yet.
const WAITING: usize = 8192;

/// All of them, by the kernel's number.
#[derive(Default)]
pub(in crate::daemon) struct Sessions(BTreeMap<u32, Session>);

/// One of them.
pub(in crate::daemon) struct Session {
    /// Whose it is.
    pub(in crate::daemon) uid: u32,
    served: Served,
    /// The version of its table that is in force, by its worker's word; 0: none is.
    pub(in crate::daemon) version: u32,
    /// What has come of a table so far.
    pub(in crate::daemon) parts: Vec<u8>,
    /// The process that is to be guarded, until it is.
    pub(in crate::daemon) child: Option<AuditToken>,
    /// es-guard's processes around it.
    pub(super) wards: Vec<AuditToken>,
    /// Its tree has ended, which nobody was there to be told.
    pub(in crate::daemon) is_empty: bool,
    /// How many of its denials were read; `None`: an earlier monitor has read some.
    read: Option<u64>,
    waiting: VecDeque<(Kind, Vec<u8>)>,
    /// Records that had no room here, and are not told of yet.
    lost_here: u64,
    /// Records that had no room in the kernel, and how many of them were told of.
    lost_there: (u64, u64),
    /// Removals of its own that were told of.
    own: u64,
}

/// Who serves a session.
enum Served {
    /// This worker, over this link.
    By(Id, Rc<UnixDatagram>),
    /// A worker that is to come back.
    Awaited,
    /// Nobody any more.
    ByNobody,
}

impl Sessions {
    /// One that a worker begins, whose child is `child`.
    pub(in crate::daemon) fn begin(
        &mut self,
        number: u32,
        (worker, uid): (Id, u32),
        link: Rc<UnixDatagram>,
        child: AuditToken,
        wards: Vec<AuditToken>,
    ) {
        let session = Session {
            served: Served::By(worker, link),
            child: Some(child),
            wards,
            read: Some(0),
            ..Session::of(uid)
        };
        self.0.insert(number, session);
    }

    /// One that an earlier monitor has left.
    pub(super) fn left(&mut self, number: u32, uid: u32) {
        self.0.insert(number, Session::of(uid));
    }

    /// A worker of this user has come back to it. `false`: it has not.
    pub(in crate::daemon) fn claim(
        &mut self,
        number: u32,
        (worker, uid): (Id, u32),
        link: Rc<UnixDatagram>,
    ) -> bool {
        let Some(session) = self.0.get_mut(&number) else { return false };
        if session.uid != uid || !matches!(session.served, Served::Awaited) {
            return false;
        }
        session.served = Served::By(worker, link);
        session.flush();
        true
    }

    /// The session that a worker serves.
    pub(in crate::daemon) fn of(&self, worker: Id) -> Option<u32> {
        let serves = |session: &Session| matches!(session.served, Served::By(id, _) if id == worker);
        self.0.iter().find(|(_, session)| serves(session)).map(|(number, _)| *number)
    }

    /// A worker is gone: what was its session is nobody's.
    pub(in crate::daemon) fn abandon(&mut self, number: u32) {
        if let Some(session) = self.0.get_mut(&number) {
            session.served = Served::ByNobody;
            session.waiting.clear();
        }
    }

    /// Those whose workers have not come back: from now on they are nobody's.
    pub(in crate::daemon) fn give_up(&mut self) -> Vec<(u32, u32)> {
        let awaited = |session: &Session| matches!(session.served, Served::Awaited);
        let given_up: Vec<_> = self
            .0
            .iter()
            .filter(|(_, session)| awaited(session))
            .map(|(number, session)| (*number, session.uid))
            .collect();
        given_up.iter().for_each(|(number, _)| self.abandon(*number));
        given_up
    }

    /// The highest number of all.
    pub(in crate::daemon) fn last(&self) -> u32 {
        self.0.keys().next_back().copied().unwrap_or(0)
    }

    pub(in crate::daemon) fn get(&mut self, number: u32) -> Option<&mut Session> {
        self.0.get_mut(&number)
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<Session> {
        self.0.remove(&number)
    }

    /// Their numbers.
    pub(in crate::daemon) fn numbers(&self) -> Vec<u32> {
        self.0.keys().copied().collect()
    }

    pub(super) fn iter(&mut self) -> impl Iterator<Item = (u32, &mut Session)> {
        self.0.iter_mut().map(|(number, session)| (*number, session))
    }

    /// A denial's record was read.
    pub(super) fn denied(&mut self, number: u32, record: Vec<u8>) {
        if let Some(session) = self.0.get_mut(&number) {
            session.read = session.read.map(|read| read + 1);
            session.tell(Kind::Record, record);
        }
    }
}

impl Session {
    fn of(uid: u32) -> Self {
        Self {
            uid,
            served: Served::Awaited,
            version: 0,
            parts: Vec::new(),
            child: None,
            wards: Vec::new(),
            is_empty: false,
            read: None,
            waiting: VecDeque::new(),
            lost_here: 0,
            lost_there: (0, 0),
            own: 0,
        }
    }

    pub(super) fn is_served(&self) -> bool {
        matches!(self.served, Served::By(..))
    }

    /// Whether nobody will ever serve it.
    pub(in crate::daemon) fn is_orphan(&self) -> bool {
        matches!(self.served, Served::ByNobody)
    }

    /// Tells whoever serves it, now or once there is room. What has no room for too long is counted.
    pub(in crate::daemon) fn tell(&mut self, kind: Kind, bytes: Vec<u8>) {
        if self.is_orphan() {
            return;
        }
        if self.waiting.len() >= WAITING && kind == Kind::Record {
            self.lost_here += 1;
            return;
        }
        self.waiting.push_back((kind, bytes));
        self.flush();
    }

    /// Whether every denial was read of so many, of which for so many there was no room.
    pub(super) fn has_read_all(&self, denied: u64, lost: u64) -> bool {
        self.read.is_none_or(|read| read + lost >= denied)
    }

    /// So many records had no room in the kernel so far.
    pub(super) fn has_lost(&mut self, count: u64) {
        self.lost_there.0 = count;
        if self.is_served() && (self.lost_here > 0 || self.lost_there.0 > self.lost_there.1) {
            let bytes = [count.to_ne_bytes(), std::mem::take(&mut self.lost_here).to_ne_bytes()].concat();
            self.lost_there.1 = count;
            self.tell(Kind::Lost, bytes);
        }
    }

    /// So many removals and moves of its own there were so far.
    pub(super) fn has_let_go(&mut self, count: u64) {
        if self.is_served() && count > self.own {
            self.own = count;
            self.tell(Kind::Own, count.to_ne_bytes().to_vec());
        }
    }

    /// Tells what has waited, as far as there is room now.
    pub(in crate::daemon) fn flush(&mut self) {
        let Served::By(_, link) = &self.served else { return };
        while let Some((kind, bytes)) = self.waiting.front() {
            match words::say(link.as_fd(), *kind, bytes) {
                Err(Errno::EAGAIN) => return,
                // What is no word can't be told; whoever is gone is told nothing, and is known to be soon.
                Ok(()) | Err(_) => drop(self.waiting.pop_front()),
            }
        }
    }

    /// The link that something waits for room on.
    pub(in crate::daemon) fn blocked(&self) -> Option<Rc<UnixDatagram>> {
        match &self.served {
            Served::By(_, link) if !self.waiting.is_empty() => Some(link.clone()),
            _ => None,
        }
    }
}
