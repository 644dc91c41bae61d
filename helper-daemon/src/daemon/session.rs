//! A session in its worker: armed, served on its owner's connection, described and asked by way of the monitor.

use super::arming::{self, Arms, Watched};
use super::desk::{Desk, WayBack};
use super::returning::Home;
use super::wards;
use super::worker::taken;
use crate::desk::counter::Counter;
use crate::guard::{Guard, Local, failed};
use crate::protocol::{
    Channel, Description, Event, Failure, FailureKind, Granter, PROTOCOL_VERSION, Register, Request,
};
use endpoint_sec::linux::ancestry;
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::peer::Peer;
use endpoint_sec::linux::process::PidFd;
use nix::unistd::Pid;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// What the monitor told a worker when it hired it.
#[derive(Debug)]
pub struct Origin {
    /// Where the next monitor will listen.
    pub home: Option<Home>,
    /// How many filters the peer carries.
    pub filters: u32,
}

/// A session whose child is armed.
pub struct Session {
    guard: Arc<Local>,
    tree: Watched,
    name: String,
    child: i32,
    way_back: WayBack,
    /// Who registered it.
    owner: Granter,
    description: Description,
}

impl Session {
    /// Takes the registration of a peer that may register.
    pub fn arm(
        register: Register,
        fds: Vec<OwnedFd>,
        peer: &Peer,
        origin: Origin,
        monitor: &OwnedFd,
    ) -> Result<Self, Failure> {
        if register.protocol != PROTOCOL_VERSION {
            return Err(failed(format!(
                "es-guard speaks protocol {}, the system's helper {PROTOCOL_VERSION}: update the older one",
                register.protocol
            )));
        }
        let (records, listener, child) = arming::received(register.engine, fds)?;
        let (pid, anchor) = belongs(&child, peer)?;
        let description = Description {
            session: register.session.clone(),
            user: peer.uid,
            agent: pid.as_raw(),
            engine: String::new(),
            zones: Vec::new(),
            requests: Default::default(),
            began: jiff::Timestamp::now().as_second(),
            counts: Default::default(),
        };
        let name = register.session.id.to_string();
        let wards = wards::of(pid, peer);
        let arms = Arms { records, listener, child: &child, wards, monitor };
        let (guard, waits, tree) = arming::guard(register, arms)?;
        let engine = guard.arm(waits)?;
        let description = Description { engine, ..description };
        let exe = Caller::new(peer.pid.as_raw()).program().exe.to_string_lossy().into_owned();
        let holder = tree.holder();
        Ok(Self {
            guard: Arc::new(guard),
            tree,
            name,
            child: pid.as_raw(),
            way_back: WayBack {
                home: origin.home,
                registrar: PidFd::from_fd(taken(peer.pidfd.as_fd())?),
                filters: origin.filters,
                anchor,
                holder,
            },
            owner: Granter { uid: peer.uid, pid: peer.pid.as_raw(), exe },
            description,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells that there is a session, and what its tree hangs below.
    pub fn tell_monitor(&self, monitor: &OwnedFd) -> Result<(), nix::errno::Errno> {
        self.way_back.tell(monitor, &self.name)
    }

    /// Serves until the owner is gone and the tree is empty.
    pub fn serve(self, channel: &mut Channel, monitor: &OwnedFd) -> Result<(), Failure> {
        let event = Event::Armed { pid: self.child, engine: self.description.engine.clone() };
        channel.send(&event, &[]).map_err(failed)?;
        let (owner, monitor) = (self.owner.clone(), taken(monitor.as_fd())?);
        let counter = Counter::new(self.guard.clone(), self.description.clone());
        let desk = Desk::new(counter, owner, monitor, self.way_back);
        let desk = Arc::new(desk.map_err(failed)?);
        answer_monitors(desk.clone())?;
        let (mut begun, mut status) = (false, None);
        while let Ok((request, _)) = channel.receive::<Request>() {
            let reply = match request {
                Request::Proof => Some(Event::Proven { reason: self.guard.end_proof()? }),
                Request::Go => {
                    self.guard.begin(self.child)?;
                    begun = true;
                    Some(Event::Begun)
                }
                Request::Policy { policy, detail } => {
                    self.guard.replace_policy(policy, detail);
                    None
                }
                Request::PolicyRefused { detail } => {
                    self.guard.policy_refused(detail);
                    None
                }
                Request::Settle => Some(Event::Settled { counts: self.guard.settle() }),
                Request::Close { status: told } => {
                    status = told;
                    None
                }
                Request::Awake { .. } => None,
                Request::Register(_) | Request::List | Request::Where => {
                    Some(Event::Failed(failed("this connection has registered a session already")))
                }
                question => Some(desk.own(question)),
            };
            if let Some(event) = reply {
                // An owner that is gone is seen by the next receive.
                let _ = channel.send(&event, &[]);
            }
        }
        if begun {
            // The owner is gone or done; whatever it left behind stays guarded.
            self.tree.wait_until_empty();
            self.guard.close(status);
        }
        desk.close();
        Ok(())
    }
}

fn answer_monitors(desk: Arc<Desk>) -> Result<(), Failure> {
    let thread = std::thread::Builder::new().name("monitor".into()).stack_size(256 << 10);
    thread.spawn(move || desk.open()).map(drop).map_err(failed)
}

/// The process that is to be guarded: a descendant of the peer, and the peer's user's in every respect. With it
/// comes its parent.
fn belongs(child: &PidFd, peer: &Peer) -> Result<(Pid, PidFd), Failure> {
    let not = |what: &str| Failure {
        kind: FailureKind::Guard,
        detail: format!("the process to be guarded {what}"),
    };
    let pid = child.pid().ok_or_else(|| not("has ended"))?;
    let of_child = Caller::new(pid.as_raw());
    let uids = of_child.users().map_err(failed)?;
    if uids.iter().any(|uid| *uid != peer.uid) {
        return Err(not("is another user's"));
    }
    let mut ancestor = pid.as_raw();
    // A chain longer than this is no wrap's.
    for _ in 0..16 {
        if ancestor == peer.pid.as_raw() {
            let view = |pid| Caller::new(pid).namespace("mnt");
            let same = view(pid.as_raw()) == view(std::process::id() as i32);
            // Last: what was read by number was of this child only if it lives now, as this finds.
            let Ok(Some((_, parent))) = ancestry::parent(pid, child) else { return Err(not("has ended")) };
            return if same { Ok((pid, parent)) } else { Err(not("sees other files than es-guard")) };
        }
        ancestor = Caller::new(ancestor).parent_id().map_err(failed)?;
        if ancestor <= 1 {
            break;
        }
    }
    Err(not("was not started by the process that registers it"))
}
