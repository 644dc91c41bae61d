//! Reaching for es-guard's own processes: refused, so that the tree can neither end nor read what guards it.
//!
//! A signal to a group that one of them is in is sent here to all the others, as the caller might send it. All
//! other calls go on in the kernel: what they name is in registers, which nobody can change meanwhile.

use super::{Case, Outcome, Session};
use crate::policy::judge::Reason;
use crate::policy::operation::Op;
use endpoint_sec::linux::caller::{Caller, Unread};
use endpoint_sec::linux::listener::Answer;
use endpoint_sec::linux::process::PidFd;
use endpoint_sec::linux::reach::{Purpose, Whom};
use nix::errno::Errno;
use nix::unistd::{Pid, getpgid, getsid};
use std::path::PathBuf;
use std::sync::{PoisonError, RwLockReadGuard};

/// A process of es-guard that the tree must not reach.
#[derive(Debug)]
pub struct Ward {
    pid: i32,
    pidfd: PidFd,
}

impl Ward {
    /// The process of this id, which must live and be known not to end meanwhile.
    pub fn new(pid: Pid) -> Result<Self, Errno> {
        Ok(Self::held(pid, PidFd::open(pid)?))
    }

    /// The process that is held by `pidfd`, and has this id.
    pub fn held(pid: Pid, pidfd: PidFd) -> Self {
        Self { pid: pid.as_raw(), pidfd }
    }

    fn lives(&self) -> bool {
        !self.pidfd.has_ended()
    }
}

impl Session {
    /// One more process that the tree must not reach, from the next call on.
    pub(super) fn add_ward(&self, ward: Ward) {
        let mut wards = self.wards.write().unwrap_or_else(PoisonError::into_inner);
        wards.retain(Ward::lives);
        wards.push(ward);
    }

    fn wards(&self) -> RwLockReadGuard<'_, Vec<Ward>> {
        self.wards.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reach(&self, case: Case, whom: Whom, purpose: Purpose) -> Result<Outcome, Unread> {
        // Signal 0 asks whether there is somebody, and sends nothing.
        if purpose == Purpose::Signal(0) {
            return Ok(Answer::Continue.into());
        }
        let alike = self.known.counts_processes_alike(&case.caller);
        let reached = match whom {
            Whom::Descriptor(fd) | Whom::GroupOf(fd) => case.caller.process_behind(fd)?,
            Whom::Process(number) if alike => Caller::new(number).process_id().ok(),
            Whom::Group(0) => Some(case.caller.process_id()?),
            Whom::Group(number) if alike => Some(number),
            // Every number of another pid namespace is a process in it: none of es-guard's is.
            Whom::Everyone if alike => None,
            Whom::Process(_) | Whom::Group(_) | Whom::Everyone => return Ok(Answer::Continue.into()),
        };
        if !self.listener.still_valid(case.id) {
            return Err(Unread::Gone);
        }
        let group = match whom {
            Whom::Process(_) | Whom::Descriptor(_) => return Ok(self.reach_one(case, reached, purpose)),
            Whom::Everyone => Group::Everyone,
            Whom::Group(0) | Whom::GroupOf(_) => match reached.and_then(group_of) {
                Some(group) => Group::One(group),
                None => return Ok(Answer::Continue.into()),
            },
            Whom::Group(number) => Group::One(Pid::from_raw(number)),
        };
        let Purpose::Signal(signal) = purpose else { return Ok(Answer::Continue.into()) };
        if !self.wards().iter().any(|ward| ward.lives() && group.has(ward.pid)) {
            return Ok(Answer::Continue.into());
        }
        Ok(self.signal_others(case, group, signal)?.into())
    }

    fn reach_one(&self, case: Case, process: Option<i32>, purpose: Purpose) -> Outcome {
        let wards = self.wards();
        let ward = wards.iter().find(|ward| Some(ward.pid) == process && ward.lives());
        let Some(ward) = ward else { return Answer::Continue.into() };
        let op = if let Purpose::Signal(_) = purpose { Op::Signal } else { Op::Meddle };
        let zone = self.view().policy.zones.iter().find(|zone| zone.internal).map(|zone| zone.path.clone());
        let path = PathBuf::from(format!("/proc/{}", ward.pid));
        self.deny(case, op, path, None, zone.unwrap_or_default(), Reason::Sealed)
    }

    /// Sends a signal to every process of a group but es-guard's, until no further one is found: whoever was
    /// being born meanwhile is, too.
    fn signal_others(&self, case: Case, group: Group, signal: i32) -> Result<Result<i64, Errno>, Unread> {
        let sender = Sender::new(case.caller)?;
        let mut met = std::collections::HashSet::new();
        let (mut sent, mut refused) = (false, false);
        loop {
            let before = met.len();
            for pid in processes() {
                let is_ward = self.wards().iter().any(|ward| ward.pid == pid);
                let spared = group == Group::Everyone && (pid == 1 || pid == sender.process);
                if is_ward || spared || !group.has(pid) || !met.insert(pid) {
                    continue;
                }
                let Ok(pidfd) = PidFd::open(Pid::from_raw(pid)) else { continue };
                // Asked once more: the descriptor may be of a later process of that number.
                if !group.has(pid) {
                    continue;
                }
                if sender.may_signal(pid, signal) && pidfd.signal(signal).is_ok() {
                    sent = true;
                } else {
                    refused = true;
                }
            }
            if met.len() == before {
                break;
            }
        }
        Ok(match (sent, refused) {
            (true, _) => Ok(0),
            (false, true) => Err(Errno::EPERM),
            (false, false) => Err(Errno::ESRCH),
        })
    }
}

/// Processes that a signal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    One(Pid),
    Everyone,
}

impl Group {
    fn has(self, pid: i32) -> bool {
        match self {
            Group::One(group) => group_of(pid) == Some(group),
            Group::Everyone => true,
        }
    }
}

fn group_of(pid: i32) -> Option<Pid> {
    getpgid(Some(Pid::from_raw(pid))).ok()
}

fn processes() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Whoever sends a signal, and what `kill(2)` goes by.
struct Sender {
    process: i32,
    session: Option<Pid>,
    real: u32,
    effective: u32,
    any: bool,
}

const CAP_KILL: u64 = 1 << 5;

impl Sender {
    fn new(caller: Caller) -> Result<Self, Unread> {
        let users = caller.users()?;
        let [real, effective, ..] = users[..] else { return Err(Unread::Gone) };
        let credentials = caller.credentials()?;
        let process = caller.process_id()?;
        let own = Caller::new(std::process::id() as i32).namespace("user");
        let here = own.is_ok_and(|namespace| namespace == credentials.namespace);
        let any = here && credentials.capabilities & CAP_KILL != 0;
        Ok(Self { process, session: getsid(Some(Pid::from_raw(process))).ok(), real, effective, any })
    }

    fn may_signal(&self, pid: i32, signal: i32) -> bool {
        let Ok(users) = Caller::new(pid).users() else { return false };
        let [real, _, saved, ..] = users[..] else { return false };
        let same_user = [real, saved].iter().any(|user| *user == self.real || *user == self.effective);
        let same_session = self.session.is_some() && getsid(Some(Pid::from_raw(pid))).ok() == self.session;
        self.any || same_user || (signal == nix::sys::signal::Signal::SIGCONT as i32 && same_session)
    }
}
