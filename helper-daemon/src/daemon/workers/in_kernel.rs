//! Sessions that are judged in the kernel: begun for a worker, told by it what to judge by, taken up again, ended.

use super::Workers;
use crate::daemon::hire::{Happened, Id};
use crate::daemon::in_kernel::{Session, lowered};
use crate::daemon::{link, log, wards};
use crate::desk::trees::Process;
use crate::engine::bpf_lsm::bytes::decode;
use crate::engine::bpf_lsm::words::{self, Kind, MAX_TABLE};
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::process::PidFd;
use endpoint_sec::linux::token::AuditToken;
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::Pid;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use tokio::net::UnixDatagram;

/// How many bytes may be on their way to a worker: the rest waits here.
const ON_THE_WAY: usize = 4 << 20;

/// What a worker says about the kernel, or that it says no more.
pub(in crate::daemon) type Said = Option<(Kind, Vec<u8>)>;

impl Workers {
    /// A worker has a session judged in the kernel: a new one, or one that an earlier monitor has begun.
    pub(super) fn in_kernel(&mut self, id: Id, message: link::Message) {
        let mut fds = message.fds.into_iter();
        let (Some(socket), child) = (fds.next(), fds.next()) else { return };
        let Some(socket) = awaited(socket) else { return };
        let asked = link::Asked::of(&message.bytes);
        let begun = match child {
            Some(child) => self.begin_in_kernel(id, &socket, &PidFd::from_fd(child), asked),
            None => {
                let number =
                    |at: usize| message.bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
                self.claim_in_kernel(id, &socket, number(0).unwrap_or(0), number(4).unwrap_or(0))
            }
        };
        match begun {
            Ok(number) => self.hear_of_kernel(number, socket),
            Err(why) => {
                if asked == link::Asked::Needed {
                    log::warning("a session is not guarded in the kernel", &[("reason", &why)]);
                }
                let _ = words::say(socket.as_fd(), Kind::Refused, in_short(&why).as_bytes());
            }
        }
    }

    fn begin_in_kernel(
        &mut self,
        id: Id,
        link: &Rc<UnixDatagram>,
        child: &PidFd,
        asked: link::Asked,
    ) -> Result<u32, String> {
        let worker = self.of.get(&id).ok_or("the worker is gone")?;
        if worker.session.is_some() || self.in_kernel.sessions.of(id).is_some() {
            return Err("it has a session already".to_owned());
        }
        let (token, mut around) = belongs(child, &worker.peer)?;
        around.extend(worker.process.and_then(|pid| AuditToken::of(pid as i32)));
        let uid = worker.peer.uid();
        let number = self.next_in_kernel();
        let floor = match asked {
            link::Asked::Needed => self.in_kernel.floor()?,
            link::Asked::IfItCan => self.in_kernel.floor_if_it_can()?,
        };
        floor.begin(number, uid).map_err(|error| error.to_string())?;
        for ward in &around {
            floor.protect(*ward).map_err(|error| error.to_string())?;
        }
        self.in_kernel.sessions.begin(number, (id, uid), link.clone(), token, around);
        self.answer(number, Ok(()), &number.to_ne_bytes());
        Ok(number)
    }

    fn claim_in_kernel(
        &mut self,
        id: Id,
        link: &Rc<UnixDatagram>,
        number: u32,
        version: u32,
    ) -> Result<u32, String> {
        let worker = self.of.get(&id).ok_or("the worker is gone")?;
        let uid = worker.peer.uid();
        // It takes it up, if that could not be done before.
        self.in_kernel.floor()?;
        if !self.in_kernel.sessions.claim(number, (id, uid), link.clone()) {
            return Err(format!("there is no session {number} of user {uid} in the kernel"));
        }
        let is_empty = self.in_kernel.is_empty(number);
        if let Some(session) = self.in_kernel.sessions.get(number) {
            session.version = version;
            if is_empty {
                session.tell(Kind::Empty, Vec::new());
            }
        }
        self.in_kernel.pass_on();
        Ok(number)
    }

    /// A number that no session has had since the machine began: what the kernel still knows of an earlier one is not
    /// this one's.
    fn next_in_kernel(&self) -> u32 {
        let clock = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME);
        // Sixteen a second, for eight years.
        let now = clock.map_or(0, |now| (now.tv_sec() as u32) << 4 | (now.tv_nsec() / 62_500_000) as u32);
        now.max(self.in_kernel.sessions.last().saturating_add(1)).max(self.last_in_kernel.get() + 1)
    }

    fn hear_of_kernel(&self, number: u32, link: Rc<UnixDatagram>) {
        self.last_in_kernel.set(self.last_in_kernel.get().max(number));
        let events = self.events.clone();
        tokio::task::spawn_local(async move {
            while link.readable().await.is_ok() {
                let heard = link.try_io(tokio::io::Interest::READABLE, || {
                    words::hear(link.as_fd()).map_err(std::io::Error::from)
                });
                match heard {
                    Ok(Some(word)) => drop(events.send((0, Happened::SaidOfKernel(number, Some(word))))),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Ok(None) | Err(_) => break,
                }
            }
            // The channel lives as long as the monitor.
            let _ = events.send((0, Happened::SaidOfKernel(number, None)));
        });
    }

    /// Does what a session's worker asks for.
    pub(super) fn said_of_kernel(&mut self, number: u32, said: Said) {
        let Some(session) = self.in_kernel.sessions.get(number) else { return };
        let Some((kind, bytes)) = said else { return };
        match kind {
            Kind::Part => {
                if session.parts.len() + bytes.len() <= MAX_TABLE {
                    session.parts.extend(bytes);
                }
            }
            Kind::Judge => {
                let parts = std::mem::take(&mut session.parts);
                let version = bytes.as_slice().try_into().map_or(0, u32::from_ne_bytes);
                let done = self.judge_by(number, version, &parts);
                self.answer(number, done, &[]);
            }
            Kind::Arm => {
                let child = session.child.take();
                let done = child.ok_or_else(|| "it is guarded already".to_owned()).and_then(|child| {
                    self.in_kernel.floor()?.enrol(number, child).map_err(|error| error.to_string())
                });
                self.answer(number, done, &[]);
            }
            Kind::Settle => {
                self.in_kernel.pass_all_on(number);
                let is_empty = self.in_kernel.is_empty(number);
                let armed = |session: &&mut Session| session.child.is_none();
                if let (true, Some(session)) = (is_empty, self.in_kernel.sessions.get(number).filter(armed)) {
                    session.tell(Kind::Empty, Vec::new());
                }
                self.answer(number, Ok(()), &[]);
            }
            Kind::Done | Kind::Refused | Kind::Record | Kind::Lost | Kind::Own | Kind::Empty => {}
        }
        self.wait_for_room(number);
    }

    fn judge_by(&mut self, number: u32, version: u32, bytes: &[u8]) -> Result<(), String> {
        let table = decode(bytes).ok_or("the table is none")?;
        let table = lowered(table, &self.in_kernel.pinned());
        let before = self.in_kernel.sessions.get(number).map_or(0, |session| session.version);
        if version <= before {
            return Err(format!("the table's version is {version}, and {before} is in force"));
        }
        let floor = self.in_kernel.floor()?;
        let written = floor.write(number, version, &table).and_then(|()| floor.swap(number, version));
        written.map_err(|error| error.to_string())?;
        if before > 0
            && let Err(error) = floor.forget(number, before)
        {
            log::error("an earlier table stays in the kernel", &[("number", &number), ("error", &error)]);
        }
        if let Some(session) = self.in_kernel.sessions.get(number) {
            session.version = version;
        }
        Ok(())
    }

    fn answer(&mut self, number: u32, done: Result<(), String>, bytes: &[u8]) {
        if let Some(session) = self.in_kernel.sessions.get(number) {
            match done {
                Ok(()) => session.tell(Kind::Done, bytes.to_vec()),
                Err(why) => session.tell(Kind::Refused, in_short(&why).into_bytes()),
            }
        }
    }

    /// Passes on what the kernel has told since.
    pub(super) fn recorded(&mut self) {
        self.in_kernel.pass_on();
        for number in self.in_kernel.sessions.numbers() {
            self.wait_for_room(number);
        }
        self.in_kernel.go_on();
    }

    /// Where something waits for room: it is told again once there is some.
    fn wait_for_room(&mut self, number: u32) {
        let Some(session) = self.in_kernel.sessions.get(number) else { return };
        session.flush();
        if let Some(link) = session.blocked() {
            let events = self.events.clone();
            tokio::task::spawn_local(async move {
                let _ = link.writable().await;
                let _ = events.send((0, Happened::RoomForKernel(number)));
            });
        }
    }

    /// There is room again.
    pub(super) fn room_for_kernel(&mut self, number: u32) {
        self.wait_for_room(number);
    }

    /// A worker has said that its session is over.
    pub(super) fn over_in_kernel(&mut self, id: Id) {
        let Some(number) = self.in_kernel.sessions.of(id) else { return };
        if self.in_kernel.is_empty(number) {
            self.in_kernel.end(number);
        } else {
            self.in_kernel.sessions.abandon(number);
        }
    }

    /// Those that nobody came back to stay guarded, and are recorded no more.
    pub(in crate::daemon) fn give_up_in_kernel(&mut self) {
        for (number, user) in self.in_kernel.sessions.give_up() {
            if self.in_kernel.is_empty(number) {
                self.in_kernel.end(number);
            } else {
                let message = "a session in the kernel is without its worker: it stays guarded, and is recorded no more";
                log::warning(message, &[("number", &number), ("user", &user)]);
            }
        }
    }
}

/// What the kernel's verifier says may be very long, and ends with what matters.
fn in_short(why: &str) -> String {
    const EACH: usize = 1000;
    let (Some(first), Some(last)) = (why.as_bytes().get(..EACH), why.as_bytes().last_chunk::<EACH>()) else {
        return why.to_owned();
    };
    if why.len() <= 2 * EACH {
        return why.to_owned();
    }
    format!("{} … {}", String::from_utf8_lossy(first), String::from_utf8_lossy(last))
}

fn awaited(link: OwnedFd) -> Option<Rc<UnixDatagram>> {
    // Where it may not have more, less is on its way at a time.
    let _ = setsockopt(&link, sockopt::SndBufForce, &ON_THE_WAY);
    crate::daemon::hire::awaited(link).ok().map(Rc::new)
}

/// The process that is to be guarded: a descendant of the peer, and its user's in every respect. With it come es-guard's
/// processes between the two, and the peer.
fn belongs(child: &PidFd, peer: &Process) -> Result<(AuditToken, Vec<AuditToken>), String> {
    let pid = child.pid().ok_or("the process to be guarded has ended")?;
    let token = AuditToken::of(pid.as_raw()).ok_or("the process to be guarded has ended")?;
    let users = Caller::new(pid.as_raw()).users().map_err(|error| error.to_string())?;
    let above = wards::between(pid, peer.pid());
    if users.iter().any(|uid| *uid != peer.uid()) || above.last() != Some(&peer.pid()) {
        return Err("the process to be guarded is none of the one that registers it".to_owned());
    }
    // Last: what was read by number was of this child only if it lives now.
    if child.has_ended() {
        return Err("the process to be guarded has ended".to_owned());
    }
    Ok((token, above.into_iter().filter_map(|pid: Pid| AuditToken::of(pid.as_raw())).collect()))
}
