//! A session on its owner's connection: registered, armed, served, and guarded until its tree is empty.

use super::house::{House, Room};
use crate::desk::authority::Relation;
use crate::desk::counter::{Counter, Reply};
use crate::guard::endpoint_security::{Enrol, NAME};
use crate::guard::{Child, Guard, Local, Records, failed};
use crate::protocol::{
    Channel, Description, Event, Failure, Granter, PROTOCOL_VERSION, RefusalCode, Register, Request,
};
use endpoint_sec::macos::AuditToken;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::channel as signal;

/// Registers a session and serves its owner until that is gone and the tree is empty.
pub(super) fn serve(
    house: &House,
    channel: &mut Channel,
    register: Register,
    fds: Vec<OwnedFd>,
    peer: AuditToken,
) -> Result<(), Failure> {
    if register.protocol != PROTOCOL_VERSION {
        return Err(failed(format!(
            "es-guard speaks protocol {}, the system's helper {PROTOCOL_VERSION}: update the older one",
            register.protocol
        )));
    }
    let records =
        <[OwnedFd; Records::COUNT]>::try_from(fds).map_err(|_| failed("expected four descriptors"))?;
    let child = belongs(house, register.child, peer)?;
    let session = register.session.id.clone();
    let (ended, over) = signal();
    let enrol = Enrol {
        engine: house.engine().clone(),
        // Nobody listens once this thread has ended.
        ended: Box::new(move || {
            let _ = ended.send(());
        }),
    };
    let description = Description {
        session: register.session.clone(),
        user: peer.effective_user(),
        agent: child.pid(),
        engine: NAME.to_owned(),
        zones: Vec::new(),
        requests: Default::default(),
        began: jiff::Timestamp::now().as_second(),
        counts: Default::default(),
    };
    let guard = Arc::new(Local::new(register, Records::received(records), enrol));
    let room = Room { counter: Counter::new(guard.clone(), description), user: peer.effective_user() };
    let room = Arc::new(room);
    if !house.take_in(session.clone(), room.clone()) {
        return Err(failed("there is a session of that name already"));
    }
    let owner = house.granter(peer);
    let served = guard
        .arm(Child::Suspended(child))
        .and_then(|engine| converse(channel, &guard, &room, &owner, child.pid(), engine));
    if let Ok(Some(status)) = &served {
        // The owner is gone or done; whatever it left behind stays guarded. An engine that is gone guards nobody.
        let _ = over.recv();
        guard.close(*status);
    }
    house.let_go(&session);
    served.map(drop)
}

/// How the agent ended, as the owner told; `None`: it never began.
type Began = Option<Option<i32>>;

fn converse(
    channel: &mut Channel,
    guard: &Local,
    room: &Room,
    owner: &Granter,
    child: i32,
    engine: String,
) -> Result<Began, Failure> {
    channel.send(&Event::Armed { pid: child, engine }, &[]).map_err(failed)?;
    channel.allow(None);
    let mut began: Began = None;
    while let Ok((request, _)) = channel.receive::<Request>() {
        let reply = match request {
            Request::Proof => Some(Event::Proven { reason: guard.end_proof()? }),
            Request::Go => {
                guard.begin(child)?;
                began = Some(None);
                Some(Event::Begun)
            }
            Request::Policy { policy, detail } => {
                guard.replace_policy(policy, detail);
                None
            }
            Request::PolicyRefused { detail } => {
                guard.policy_refused(detail);
                None
            }
            Request::Settle => Some(Event::Settled { counts: guard.settle() }),
            Request::Close { status } => {
                began = began.map(|_| status);
                None
            }
            Request::Awake { .. } => None,
            Request::Register(_) | Request::List | Request::Where => {
                Some(Event::Failed(failed("this connection has registered a session already")))
            }
            question => Some(own(room, question, owner)),
        };
        if let Some(event) = reply {
            // An owner that is gone is seen by the next receive.
            let _ = channel.send(&event, &[]);
        }
    }
    Ok(began)
}

/// A question on the owner's own connection, which is to no other session. It is answered at once.
fn own(room: &Room, question: Request, owner: &Granter) -> Event {
    if question.session().is_none_or(|session| session.as_str() != room.counter.name()) {
        return Event::Refused(RefusalCode::NoSuchSession.into());
    }
    match room.counter.put(question.at_once(), Relation::Owner, owner.clone()) {
        Reply::Now(event) => event,
        Reply::Later(_) => Event::Refused(RefusalCode::NoAnswer.into()),
    }
}

/// The process that is to be guarded: alive, a descendant of the peer, the peer's user's in every respect, and in no
/// session. That it waits is the peer's word: what it does before is its user's loss.
fn belongs(house: &House, child: Option<[u32; 8]>, peer: AuditToken) -> Result<AuditToken, Failure> {
    let not = |what: &str| failed(format!("the process to be guarded {what}"));
    let told = AuditToken::of_values(child.ok_or_else(|| not("is not named"))?);
    let framework = house.framework();
    // Only what the kernel says of that process counts.
    let child =
        framework.token_of(told.pid()).filter(|found| *found == told).ok_or_else(|| not("has ended"))?;
    let user = peer.effective_user();
    if child.effective_user() != user || child.real_user() != user {
        return Err(not("is another user's"));
    }
    if !framework.ancestors(child).contains(&peer) {
        return Err(not("was not started by the process that registers it"));
    }
    match house.session_of(peer) {
        Ok(None) => Ok(child),
        Ok(Some(_)) | Err(()) => Err(failed("a process inside a session begins no other")),
    }
}
