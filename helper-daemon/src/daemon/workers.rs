//! The monitor's register of workers: whose each is, and which sessions there are.
//!
//! Of what workers say it reads kinds, heads of a fixed form and sessions' names. What one of them asks about
//! another's session is the next room's, [`questions`].

mod in_kernel;
mod questions;

use super::hire::{self, Happened, Id};
use super::in_kernel::InKernel;
use super::link::{self, Kind};
use super::log;
use super::returning::{self, Returned};
use super::state::{Remembered, State};
use super::turned_away::{self, Because};
use crate::desk::standing::Standing;
use crate::desk::trees::{Kept, Process, Tree, common_filters};
use crate::protocol::RefusalCode;
use endpoint_sec::linux::station::Identity;
use nix::errno::Errno;
use questions::Pending;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::net::{UnixDatagram, UnixStream};
use tokio::process::Child;
use tokio::sync::mpsc;

/// Workers that one user may have at once, and all users together.
const MAX_OF_A_USER: usize = 128;
const MAX_OF_ALL: usize = 1024;

struct Worker {
    peer: Process,
    /// Its process id, where this monitor has started it.
    process: Option<u32>,
    link: Rc<UnixDatagram>,
    session: Option<Session>,
    /// Who waits for its description.
    asked_by: Vec<Id>,
    /// How many descriptions it waits for.
    awaits: usize,
}

struct Session {
    /// As its worker says it. A user's sessions may have one name: the oldest is meant.
    name: Vec<u8>,
    tree: Tree,
}

/// All workers.
pub struct Workers {
    service: Identity,
    of: BTreeMap<Id, Worker>,
    /// Trees whose worker is gone before they were empty: what is left of them is inside a guarded tree still.
    orphans: BTreeMap<Id, Tree>,
    pending: BTreeMap<u64, Pending>,
    last: u64,
    events: mpsc::UnboundedSender<(Id, Happened)>,
    common_filters: u32,
    state: State,
    /// Sessions of the monitor before this one that have not come back yet.
    expected: Vec<Remembered>,
    /// Where this monitor listens, and the next one will.
    home: PathBuf,
    in_kernel: InKernel,
    /// The highest number that a session has had in the kernel.
    last_in_kernel: Cell<u32>,
}

impl Workers {
    /// None yet. What they say and do comes as `events`, for [`handle`](Self::handle).
    pub fn new(
        service: Identity,
        state: State,
        home: PathBuf,
        pins: PathBuf,
        events: mpsc::UnboundedSender<(Id, Happened)>,
    ) -> Self {
        let (common_filters, expected) = (common_filters(), state.left());
        Self {
            service,
            of: BTreeMap::new(),
            orphans: BTreeMap::new(),
            pending: BTreeMap::new(),
            last: 0,
            in_kernel: InKernel::new(pins, events.clone()),
            last_in_kernel: Cell::new(0),
            events,
            common_filters,
            state,
            expected,
            home,
        }
    }

    /// The sessions that were expected to come back, and have not.
    pub fn missing(&mut self) -> Vec<Remembered> {
        std::mem::take(&mut self.expected)
    }

    /// Whose real and saved ids workers have.
    pub fn service(&self) -> &Identity {
        &self.service
    }

    /// The workers from now on have these.
    pub fn set_service(&mut self, service: Identity) {
        self.service = service;
    }

    /// What outlives this monitor.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.of.len()
    }

    /// The sessions, by name, with their users.
    pub fn sessions(&self) -> impl Iterator<Item = (String, u32)> {
        self.of
            .values()
            .filter_map(|worker| Some((printable(&worker.session.as_ref()?.name), worker.peer.uid())))
    }

    /// Gives a connection its worker, if its user may have another one.
    pub fn admit(&mut self, connection: UnixStream) {
        let peer = match Process::of(connection.as_fd()) {
            Ok(peer) => {
                let kept = self.in_kernel.kept(&peer);
                peer.known(kept)
            }
            Err(errno) => return turned_away::tell(connection, &Because::Kernel(&errno.into())),
        };
        if peer.kept() == Kept::Outside && returning::is_worker(&peer, &self.service) {
            let heard = returning::hear(connection, peer.uid(), self.events.clone());
            tokio::task::spawn_local(heard);
            return;
        }
        let of_user = self.of.values().filter(|worker| worker.peer.uid() == peer.uid()).count();
        if of_user >= MAX_OF_A_USER {
            return turned_away::tell(connection, &Because::OfUser(peer.uid(), of_user));
        }
        if self.of.len() >= MAX_OF_ALL {
            return turned_away::tell(connection, &Because::OfAll(self.of.len()));
        }
        match hire::start(&connection, &self.service, &self.home, peer.filters()) {
            Ok((link, child)) => self.add(peer, link, Some(child)),
            Err(error) => {
                log::error("a worker could not be started", &[("user", &peer.uid()), ("error", &error)]);
                turned_away::tell(connection, &Because::Kernel(&error));
            }
        }
    }

    fn add(&mut self, peer: Process, link: UnixDatagram, child: Option<Child>) {
        let id = self.number();
        let link = Rc::new(link);
        let process = child.as_ref().and_then(Child::id);
        tokio::task::spawn_local(hire::follow(id, link.clone(), child, self.events.clone()));
        let worker = Worker { peer, process, link, session: None, asked_by: Vec::new(), awaits: 0 };
        self.of.insert(id, worker);
    }

    /// Takes up a worker of the monitor before this one: what session it has it says next.
    fn welcome(&mut self, returned: Returned) {
        let Returned { link, registrar } = returned;
        match hire::awaited(link) {
            Ok(link) => self.add(registrar, link, None),
            Err(error) => log::error("a worker could not be taken up again", &[("error", &error)]),
        }
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Does what follows from a worker's word or end.
    pub fn handle(&mut self, id: Id, happened: Happened) {
        match happened {
            Happened::Gone => self.gone(id),
            Happened::Returned(returned) => self.welcome(returned),
            Happened::Recorded => self.recorded(),
            Happened::SaidOfKernel(number, said) => self.said_of_kernel(number, said),
            Happened::RoomForKernel(number) => self.room_for_kernel(number),
            Happened::Said(message) => match message.kind {
                Kind::MayRegister => self.may_register(id),
                Kind::Where => self.inside(id),
                Kind::Armed => self.armed(id, message),
                Kind::Over => self.over(id),
                Kind::List => self.list(id),
                Kind::Description => self.described(id, &message.bytes),
                Kind::End => self.awaits(id, 0),
                Kind::Ask => self.ask(id, &message.bytes),
                Kind::Answer => self.answered(id, &message.bytes),
                Kind::InKernel => self.in_kernel(id, message),
                Kind::Describe | Kind::Inside | Kind::Asked | Kind::Refused => {}
            },
        }
    }

    /// Where the process at the other end of a worker's connection stands.
    fn standing(&self, id: Id) -> Option<Standing<Id>> {
        let peer = &self.of.get(&id)?.peer;
        let live = self.of.iter().filter_map(|(id, worker)| Some((*id, &worker.session.as_ref()?.tree)));
        let trees = live.chain(self.orphans.iter().map(|(id, tree)| (*id, tree)));
        Some(Standing::of(peer, trees, self.common_filters))
    }

    fn say(&self, id: Id, kind: Kind, bytes: &[u8]) -> Result<(), Errno> {
        // A worker that does not read is told nothing: the monitor waits for nobody.
        self.of.get(&id).map_or(Ok(()), |worker| link::send(worker.link.as_fd(), kind, bytes, &[]))
    }

    fn refuse(&self, id: Id, why: RefusalCode) {
        let _ = self.say(id, Kind::Refused, &[why.byte()]);
    }

    fn may_register(&self, id: Id) {
        match self.standing(id) {
            Some(standing) if !standing.is_inside() => drop(self.say(id, Kind::End, &[])),
            _ => self.refuse(id, RefusalCode::InsideATree),
        }
    }

    fn armed(&mut self, id: Id, mut message: link::Message) {
        if let Some(worker) = self.of.get_mut(&id) {
            let (name, user) = (printable(&message.bytes), worker.peer.uid());
            let back = self.expected.iter().position(|one| one.session == name && one.user == user);
            let what = if back.is_some() { "session taken up again" } else { "session armed" };
            log::info(what, &[("session", &name), ("user", &user)]);
            back.map(|at| self.expected.swap_remove(at));
            let tree = match self.in_kernel.sessions.of(id) {
                Some(number) => Tree::in_kernel(&worker.peer, number),
                None => Tree::new(&worker.peer, message.fds.pop()),
            };
            worker.session = Some(Session { name: message.bytes, tree });
            self.remember();
        }
    }

    fn over(&mut self, id: Id) {
        let Some(worker) = self.of.get_mut(&id) else { return };
        if let Some(session) = worker.session.take() {
            let (name, user) = (printable(&session.name), worker.peer.uid());
            log::info("session ended", &[("session", &name), ("user", &user)]);
            self.remember();
        }
        self.over_in_kernel(id);
    }

    fn gone(&mut self, id: Id) {
        let Some(worker) = self.of.remove(&id) else { return };
        self.answers_no_more(id, worker.asked_by);
        self.over_in_kernel(id);
        if let Some(session) = worker.session {
            let (name, user) = (printable(&session.name), worker.peer.uid());
            let message = match session.tree.number() {
                None => "session without its worker: its guarded operations fail until its tree is gone",
                Some(_) => "session without its worker: it stays guarded, and is recorded no more",
            };
            log::error(message, &[("session", &name), ("user", &user)]);
            // Of those that nothing but filters tell of, the widest says it all.
            self.orphans.retain(|_, orphan| !session.tree.covers(orphan));
            if !self.orphans.values().any(|orphan| orphan.covers(&session.tree)) {
                self.orphans.insert(id, session.tree);
            }
            self.remember();
        }
    }
}

/// A session's name comes from its user's process.
fn printable(name: &[u8]) -> String {
    crate::denial::printable(&String::from_utf8_lossy(name))
}
