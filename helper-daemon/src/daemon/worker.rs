//! A worker: one connection, served with the ids of whoever made it.
//!
//! Standard input is the connection, standard output the [`link`] to the monitor. Nothing is read
//! from either before the worker has its place.

use super::link::{self, Kind};
use super::log;
use super::wards;
use crate::engine::seccomp::Stance;
use crate::guard::{Guard, Local, Post, Records, failed};
use crate::protocol::{
    Channel, Description, Event, Failure, FailureKind, PROTOCOL_VERSION, Register, Request,
};
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::listener::Listener;
use endpoint_sec::linux::peer::Peer;
use endpoint_sec::linux::process::PidFd;
use endpoint_sec::linux::station::{self, Identity};
use nix::poll::PollTimeout;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::TimeVal;
use nix::unistd::Pid;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a client may take for its first frame, and for each it has begun.
const PATIENCE: TimeVal = TimeVal::new(10, 0);

/// Serves the connection that standard input is. `service` has the real and saved ids.
pub fn run(service: &Identity) -> Result<(), Failure> {
    let connection = taken(io::stdin().as_fd())?;
    let monitor = taken(io::stdout().as_fd())?;
    let peer = Peer::of(connection.as_fd()).map_err(failed)?;
    log::about("user", &peer.uid);
    // A process of one's own session may send SIGCONT, whoever it is.
    nix::unistd::setsid().map_err(failed)?;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).map_err(failed)?;
    let user = Identity { uid: peer.uid, gid: peer.gid, groups: peer.groups.clone() };
    let placed = station::see_as(peer.pid, &peer.pidfd).and_then(|()| station::act_for(&user, service));
    let mut channel = Channel::new(UnixStream::from(connection));
    let served = placed.map_err(failed).and_then(|()| serve(&mut channel, &peer, &monitor));
    if let Err(failure) = &served {
        // A client that has gone needs no reason.
        let _ = channel.send(&Event::Failed(failure.clone()), &[]);
    }
    served
}

fn taken(fd: BorrowedFd<'_>) -> Result<OwnedFd, Failure> {
    fd.try_clone_to_owned().map_err(failed)
}

fn serve(channel: &mut Channel, peer: &Peer, monitor: &OwnedFd) -> Result<(), Failure> {
    // Numbers in /proc must mean here what they mean to the kernel's own notifications.
    let me = std::fs::read_link("/proc/self").map_err(failed)?;
    if me.to_str() != Some(&std::process::id().to_string()) {
        return Err(failed(
            "the session is in another pid namespace (a container): run a helper of its own there",
        ));
    }
    setsockopt(channel, sockopt::ReceiveTimeout, &PATIENCE).map_err(failed)?;
    let (request, fds) = channel.receive::<Request>().map_err(failed)?;
    match request {
        Request::Register(register) => {
            let session = Session::arm(*register, fds, peer)?;
            log::about("session", &session.name);
            session.tell_monitor(monitor).map_err(failed)?;
            setsockopt(channel, sockopt::ReceiveTimeout, &TimeVal::new(0, 0)).map_err(failed)?;
            session.serve(channel, monitor)
        }
        Request::List => list(channel, monitor),
        _ => Err(failed("expected a registration or a question")),
    }
}

/// Answers which sessions the peer may see.
fn list(channel: &mut Channel, monitor: &OwnedFd) -> Result<(), Failure> {
    link::send(monitor.as_fd(), Kind::List, &[], &[]).map_err(failed)?;
    let mut sessions = Vec::new();
    while let Some(message) = link::receive(monitor.as_fd()).map_err(failed)? {
        match message.kind {
            // What another worker of the same user said of itself; one that can't be read is left out.
            Kind::Description => sessions.extend(serde_json::from_slice::<Description>(&message.bytes)),
            _ => break,
        }
    }
    channel.send(&Event::Sessions { sessions, helper: env!("CARGO_PKG_VERSION").into() }, &[]).map_err(failed)
}

/// A session whose child is armed.
struct Session {
    guard: Arc<Local>,
    /// A second hold on the listener, to see the tree empty.
    listener: Listener,
    records: [OwnedFd; 2],
    name: String,
    child: i32,
    description: Description,
}

impl Session {
    fn arm(register: Register, fds: Vec<OwnedFd>, peer: &Peer) -> Result<Self, Failure> {
        if register.protocol != PROTOCOL_VERSION {
            return Err(failed(format!(
                "es-guard speaks protocol {}, the system's helper {PROTOCOL_VERSION}: update the older one",
                register.protocol
            )));
        }
        let Ok([ledger, denials, listener, child]) = <[_; 4]>::try_from(fds) else {
            return Err(failed("expected four descriptors"));
        };
        let child = PidFd::from_fd(child);
        let pid = belongs(&child, peer)?;
        let records = [taken(ledger.as_fd())?, taken(denials.as_fd())?];
        let watched = Listener::new(taken(listener.as_fd())?);
        let description = Description {
            session: register.session.clone(),
            user: peer.uid,
            agent: pid.as_raw(),
            engine: String::new(),
            zones: register.policy.visible_zones().map(|zone| zone.path.to_string_lossy().into()).collect(),
            began: jiff::Timestamp::now().as_second(),
            counts: Default::default(),
        };
        let name = register.session.id.to_string();
        let post = Post { stance: Stance::Withstands, wards: wards::of(pid, peer) };
        let guard = Local::new(register, Records { ledger: ledger.into(), denials: denials.into() }, post);
        let engine = guard.arm(listener, &child)?;
        let description = Description { engine, ..description };
        Ok(Self {
            guard: Arc::new(guard),
            listener: watched,
            records,
            name,
            child: pid.as_raw(),
            description,
        })
    }

    /// Tells that there is a session, and hands over what a later worker would need to go on with it.
    fn tell_monitor(&self, monitor: &OwnedFd) -> Result<(), nix::errno::Errno> {
        let fds = [self.listener.as_fd(), self.records[0].as_fd(), self.records[1].as_fd()];
        link::send(monitor.as_fd(), Kind::Armed, self.name.as_bytes(), &fds)
    }

    /// Serves until the owner is gone and the tree is empty.
    fn serve(self, channel: &mut Channel, monitor: &OwnedFd) -> Result<(), Failure> {
        let event = Event::Armed { pid: self.child, engine: self.description.engine.clone() };
        channel.send(&event, &[]).map_err(failed)?;
        self.describe_on_demand(taken(monitor.as_fd())?)?;
        let (mut begun, mut status) = (false, None);
        while let Ok((request, _)) = channel.receive::<Request>() {
            let reply = match request {
                Request::Proof => Some(Event::Proven { reason: self.guard.end_proof()? }),
                Request::Go => {
                    self.guard.begin(self.child)?;
                    begun = true;
                    None
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
                Request::Register(_) | Request::List => {
                    return Err(failed("the session is registered already"));
                }
            };
            if let Some(event) = reply {
                // An owner that is gone is seen by the next receive.
                let _ = channel.send(&event, &[]);
            }
        }
        if begun {
            // The owner is gone or done; whatever it left behind stays guarded.
            while !self.listener.is_deserted(PollTimeout::NONE) {}
            self.guard.close(status);
        }
        Ok(())
    }

    fn describe_on_demand(&self, monitor: OwnedFd) -> Result<(), Failure> {
        let (guard, description) = (self.guard.clone(), self.description.clone());
        let sends = Mutex::new(());
        let answers = move || {
            while let Ok(Some(message)) = link::receive(monitor.as_fd()) {
                if message.kind != Kind::Describe {
                    continue;
                }
                let now = Description { counts: guard.settle(), ..description.clone() };
                let bytes = serde_json::to_vec(&now).unwrap_or_default();
                let _one_at_a_time = sends.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = link::send(monitor.as_fd(), Kind::Description, &bytes, &[]);
            }
            // The monitor is gone. What it kept is taken up by the next one; two must not judge at once.
            std::process::exit(1);
        };
        let thread = std::thread::Builder::new().name("monitor".into()).stack_size(128 << 10);
        thread.spawn(answers).map(drop).map_err(failed)
    }
}

/// The process that is to be guarded: a descendant of the peer, and the peer's user's in every respect.
fn belongs(child: &PidFd, peer: &Peer) -> Result<Pid, Failure> {
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
            let same =
                |which| of_child.namespace(which) == Caller::new(std::process::id() as i32).namespace(which);
            return if same("mnt") && !child.has_ended() {
                Ok(pid)
            } else {
                Err(not("sees other files than es-guard"))
            };
        }
        ancestor = Caller::new(ancestor).parent_id().map_err(failed)?;
        if ancestor <= 1 {
            break;
        }
    }
    Err(not("was not started by the process that registers it"))
}
