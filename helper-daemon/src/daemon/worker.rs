//! A worker: one connection, served with the ids of whoever made it.
//!
//! Standard input is the connection, standard output the [`link`] to the monitor. Nothing is read
//! from either before the worker has its place.

use super::asking::Ask;
use super::link::{self, Kind, Message};
use super::log;
use super::session::{Origin, Session};
use crate::guard::failed;
use crate::protocol::{Channel, Description, Event, Failure, RefusalCode, Request};
use crate::session::SessionId;
use endpoint_sec::linux::peer::Peer;
use endpoint_sec::linux::station::{self, Identity};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::TimeVal;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long a client may take, however little of it at a time: until it has asked, or registered, and again
/// to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a session may take to answer a question.
const ANSWERED_WITHIN: TimeVal = TimeVal::new(5, 0);

/// Serves the connection that standard input is. `service` has the real and saved ids.
pub fn run(service: &Identity, origin: Origin) -> Result<(), Failure> {
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
    let served = placed.map_err(failed).and_then(|()| serve(&mut channel, &peer, &monitor, origin));
    if let Err(failure) = &served {
        channel.allow(Some(PATIENCE));
        // A client that has gone needs no reason.
        let _ = channel.send(&Event::Failed(failure.clone()), &[]);
    }
    served
}

pub(super) fn taken(fd: BorrowedFd<'_>) -> Result<OwnedFd, Failure> {
    fd.try_clone_to_owned().map_err(failed)
}

fn serve(channel: &mut Channel, peer: &Peer, monitor: &OwnedFd, origin: Origin) -> Result<(), Failure> {
    // Numbers in /proc must mean here what they mean to the kernel's own notifications.
    let me = std::fs::read_link("/proc/self").map_err(failed)?;
    if me.to_str() != Some(&std::process::id().to_string()) {
        return Err(failed(
            "the session is in another pid namespace (a container): run a helper of its own there",
        ));
    }
    channel.allow(Some(PATIENCE));
    let (request, fds) = channel.receive::<Request>().map_err(failed)?;
    match request {
        Request::Register(register) => {
            may_register(monitor)?;
            let session = Session::arm(*register, fds, peer, origin, monitor)?;
            log::about("session", &session.name());
            session.tell_monitor(monitor).map_err(failed)?;
            channel.allow(None);
            session.serve(channel, monitor)
        }
        Request::List => {
            let sessions = list(monitor)?;
            answer(channel, &Event::Sessions { sessions, helper: env!("CARGO_PKG_VERSION").into() })
        }
        Request::Where => answer(channel, &inside(monitor)?),
        question => match question.session() {
            Some(session) => match ask(&question, session, monitor, channel.as_fd())? {
                Some(answered) => answer(channel, &answered),
                // Nobody is left to take it.
                None => Ok(()),
            },
            None => answer(channel, &Event::Refused(RefusalCode::NotTheOwner.into())),
        },
    }
}

fn answer(channel: &mut Channel, event: &Event) -> Result<(), Failure> {
    channel.allow(Some(PATIENCE));
    channel.send(event, &[]).map_err(failed)
}

/// No process of a guarded tree registers a session: it could only be one to hide behind.
fn may_register(monitor: &OwnedFd) -> Result<(), Failure> {
    link::send(monitor.as_fd(), Kind::MayRegister, &[], &[]).map_err(failed)?;
    match link::receive(monitor.as_fd()).map_err(failed)? {
        Some(Message { kind: Kind::End, .. }) => Ok(()),
        _ => {
            Err(failed("register a session from inside a guarded tree, or from what can't be told from one"))
        }
    }
}

/// Answers which session the peer is inside.
fn inside(monitor: &OwnedFd) -> Result<Event, Failure> {
    link::send(monitor.as_fd(), Kind::Where, &[], &[]).map_err(failed)?;
    Ok(match link::receive(monitor.as_fd()).map_err(failed)? {
        Some(Message { kind: Kind::Inside, bytes, .. }) => {
            let session = SessionId::parse(&String::from_utf8_lossy(&bytes));
            Event::Where { session }
        }
        _ => Event::Refused(RefusalCode::InsideATree.into()),
    })
}

/// Puts a question to a session's worker. Who asks, the monitor says to it, which the kernel told. `None`: whoever
/// asked has gone meanwhile.
fn ask(
    question: &Request,
    session: &SessionId,
    monitor: &OwnedFd,
    client: BorrowedFd<'_>,
) -> Result<Option<Event>, Failure> {
    let refused = |code: RefusalCode| Event::Refused(code.into());
    let words = serde_json::to_vec(question).map_err(failed)?;
    let ask = Ask { session: session.as_str().as_bytes(), words: &words }.encode();
    setsockopt(monitor, sockopt::ReceiveTimeout, &ANSWERED_WITHIN).map_err(failed)?;
    match link::send(monitor.as_fd(), Kind::Ask, &ask, &[]) {
        Err(Errno::EMSGSIZE) => return Err(failed("the question is too long")),
        sent => sent.map_err(failed)?,
    }
    let patience = Duration::from_secs(question.patience());
    if !patience.is_zero() && !stays(client, monitor.as_fd(), Instant::now() + patience) {
        return Ok(None);
    }
    Ok(Some(match link::receive(monitor.as_fd()) {
        Ok(Some(Message { kind: Kind::Answer, bytes, .. })) => {
            serde_json::from_slice(&bytes).unwrap_or(refused(RefusalCode::NoAnswer))
        }
        Ok(Some(Message { kind: Kind::Refused, bytes, .. })) => {
            let code = bytes.first().and_then(|byte| RefusalCode::from_byte(*byte));
            refused(code.unwrap_or(RefusalCode::NoAnswer))
        }
        _ => refused(RefusalCode::NoAnswer),
    }))
}

/// Waits until the monitor has spoken or the time is over. `false`: whoever asked has gone meanwhile.
fn stays(client: BorrowedFd<'_>, monitor: BorrowedFd<'_>, until: Instant) -> bool {
    loop {
        let mut fds = [PollFd::new(client, PollFlags::empty()), PollFd::new(monitor, PollFlags::POLLIN)];
        let left = until.saturating_duration_since(Instant::now()).as_millis();
        let ready = poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
        if fds[0].revents().is_some_and(|seen| !seen.is_empty()) {
            return false;
        }
        if ready != Err(Errno::EINTR) {
            return true;
        }
    }
}

/// Which sessions the peer may see.
fn list(monitor: &OwnedFd) -> Result<Vec<Description>, Failure> {
    link::send(monitor.as_fd(), Kind::List, &[], &[]).map_err(failed)?;
    let mut sessions = Vec::new();
    while let Some(message) = link::receive(monitor.as_fd()).map_err(failed)? {
        match message.kind {
            // What another worker of the same user said of itself; one that can't be read is left out.
            Kind::Description => sessions.extend(serde_json::from_slice::<Description>(&message.bytes)),
            _ => break,
        }
    }
    Ok(sessions)
}
