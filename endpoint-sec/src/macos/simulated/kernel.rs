//! The simulated kernel: a clock, processes, clients, and what they were asked.

use super::System;
mod time;

pub(super) use time::{advance, deliver};

use super::blocks;
use super::build::{Envelope, What};
use super::client::Client;
use super::facts::Facts;
use super::functions;
use super::muting::Subject;
use super::outcome::{Fault, Outcome};
use crate::macos::watch::Watch;
use endpoint_sec_sys::macos::api::Api;
use endpoint_sec_sys::macos::event_type::AUTH_OPEN;
use endpoint_sec_sys::macos::result as sys;
use endpoint_sec_sys::macos::token::AuditToken;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The first process.
pub(super) const LAUNCHD: i32 = 1;
/// The process that connects.
pub(super) const CALLER: i32 = 100;

/// A machine.
pub(super) struct Shared {
    pub(super) system: System,
    pub(super) api: Api,
    pub(super) watches: Mutex<Vec<Watch>>,
    /// Who connects to a socket.
    pub(super) visitor: Mutex<Option<AuditToken>>,
    /// Messages that are alive.
    pub(super) messages: AtomicUsize,
    kernel: Mutex<Kernel>,
}

/// Its state. Locked for moments only: never while a handler runs.
pub(super) struct Kernel {
    pub(super) system: System,
    pub(super) now: u64,
    pub(super) processes: BTreeMap<i32, Process>,
    pub(super) clients: BTreeMap<u64, Client>,
    pub(super) faults: Vec<Fault>,
    pub(super) dropping: u64,
    pub(super) refusing: Option<u32>,
    pub(super) next_client: u64,
    questions: Vec<Question>,
    delivering: bool,
    next_pid: i32,
    next_version: u32,
}

/// A process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) version: u32,
    pub(super) parent: i32,
    pub(super) original_parent: i32,
    /// Whom it descends from, whoever its parent is now.
    pub(super) lineage: Vec<i32>,
    pub(super) executable: Facts,
}

/// What a process waits for.
struct Question {
    event_type: u32,
    flags: u32,
    /// Until when, by client.
    waiting: BTreeMap<u64, u64>,
    denied: bool,
    answered: Vec<u64>,
}

impl Shared {
    pub(super) fn new(system: System) -> Self {
        let mut kernel = Kernel {
            system,
            now: 1_000_000,
            processes: BTreeMap::new(),
            clients: BTreeMap::new(),
            faults: Vec::new(),
            dropping: 0,
            refusing: None,
            next_client: 1,
            questions: Vec::new(),
            delivering: false,
            // Right below the test's own pid, which stands for the caller's: it is never another's.
            next_pid: std::process::id() as i32 - 1,
            next_version: 1000,
        };
        for (pid, executable) in [(LAUNCHD, "/sbin/launchd"), (CALLER, "/usr/local/bin/es-guard")] {
            let version = kernel.new_version();
            let lineage = if pid == LAUNCHD { vec![] } else { vec![LAUNCHD] };
            let executable = Facts::file(executable);
            kernel.processes.insert(
                pid,
                Process { pid, version, parent: LAUNCHD, original_parent: LAUNCHD, lineage, executable },
            );
        }
        Self {
            system,
            api: functions::table(system.has_27),
            watches: Mutex::default(),
            visitor: Mutex::default(),
            messages: AtomicUsize::new(0),
            kernel: Mutex::new(kernel),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Kernel> {
        self.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kernel {
    pub(super) fn new_version(&mut self) -> u32 {
        self.next_version += 1;
        self.next_version
    }

    /// The next child has this number.
    pub(super) fn next_is(&mut self, pid: i32) {
        assert!(
            pid != std::process::id() as i32 && !self.processes.contains_key(&pid),
            "{pid} is somebody's"
        );
        self.next_pid = pid - 1;
    }

    /// A child, which executes what its parent does.
    pub(super) fn fork(&mut self, parent: i32) -> i32 {
        let mut child = self.processes[&parent].clone();
        child.lineage.push(parent);
        self.next_pid += 1;
        while self.next_pid == std::process::id() as i32 || self.processes.contains_key(&self.next_pid) {
            self.next_pid += 1;
        }
        (child.pid, child.version) = (self.next_pid, self.new_version());
        (child.parent, child.original_parent) = (parent, parent);
        let pid = child.pid;
        self.processes.insert(pid, child);
        pid
    }

    /// A child that executes something else, of which nobody was told.
    pub(super) fn start(&mut self, parent: i32, executable: &Path) -> i32 {
        let pid = self.fork(parent);
        self.processes.get_mut(&pid).expect("just made").executable = Facts::file(executable);
        pid
    }

    /// The end of a process: its children become launchd's.
    pub(super) fn exit(&mut self, pid: i32) {
        let gone = self.processes.remove(&pid).expect("a process that is there");
        for process in self.processes.values_mut().filter(|process| process.parent == pid) {
            process.parent = LAUNCHD;
        }
        for client in self.clients.values_mut() {
            client.muting.processes.retain(|muted| *muted != (gone.pid, gone.version));
        }
    }

    pub(super) fn ticks(&self, time: Duration) -> u64 {
        let (numer, denom) = self.system.timebase;
        let ticks = time.as_nanos() * u128::from(denom) / u128::from(numer);
        u64::try_from(ticks).expect("a time that the clock can count")
    }

    /// Asks all who asked to be asked; returns the question's number.
    pub(super) fn ask(
        &mut self,
        shared: &Arc<Shared>,
        pid: i32,
        event_type: u32,
        flags: u32,
        targets: &[PathBuf],
        what: &What<'_>,
    ) -> usize {
        let number = self.questions.len();
        self.questions.push(Question {
            event_type,
            flags,
            waiting: BTreeMap::new(),
            denied: false,
            answered: vec![],
        });
        self.submit(shared, pid, event_type, Some(number), targets, what);
        number
    }

    /// Puts a message into the queue of each client that is told of it. Muting is looked at now, not when the message
    /// is delivered.
    pub(super) fn submit(
        &mut self,
        shared: &Arc<Shared>,
        pid: i32,
        event_type: u32,
        question: Option<usize>,
        targets: &[PathBuf],
        what: &What<'_>,
    ) {
        let process = self.processes[&pid].clone();
        let subject = Subject {
            event_type,
            process: (process.pid, process.version),
            executable: &process.executable.path,
            targets,
        };
        let told: Vec<u64> = self
            .clients
            .iter()
            .filter(|(_, client)| client.is_told(&process, question.is_some(), &subject))
            .map(|(id, _)| *id)
            .collect();
        for id in told {
            let deadline =
                self.now + self.ticks(self.clients[&id].deadline(event_type, self.system.deadline));
            let client = self.clients.get_mut(&id).expect("a client that is there");
            let numbers = client.next_numbers(event_type);
            if self.dropping > 0 {
                self.dropping -= 1;
                if let Some(question) =
                    question.filter(|_| client.miss_mode == sys::DEADLINE_MISS_FAIL_CLOSED)
                {
                    self.questions[question].denied = true;
                }
                continue;
            }
            let envelope =
                Envelope::build(shared, self, id, event_type, question, numbers, deadline, &process, what);
            self.clients.get_mut(&id).expect("a client that is there").queue.push_back(envelope);
            if let Some(question) = question {
                self.questions[question].waiting.insert(id, deadline);
            }
        }
    }

    pub(super) fn outcome(&self, number: usize) -> Outcome {
        match &self.questions[number] {
            Question { denied: true, .. } => Outcome::Denied,
            Question { waiting, .. } if waiting.is_empty() => Outcome::Allowed,
            _ => Outcome::Waiting,
        }
    }

    /// A client answers; returns `RESPOND_*`.
    pub(super) fn answer(
        &mut self,
        client: u64,
        question: usize,
        with_flags: bool,
        value: u32,
        cache: bool,
    ) -> u32 {
        let question = &mut self.questions[question];
        if with_flags != (question.event_type == AUTH_OPEN) {
            self.faults.push(Fault::WrongAnswer);
            return sys::RESPOND_EVENT_TYPE;
        }
        if cache {
            self.faults.push(Fault::Cached);
        }
        if question.waiting.remove(&client).is_none() {
            let twice = question.answered.contains(&client);
            self.faults.push(if twice { Fault::AnsweredTwice } else { Fault::AnsweredTooLate });
            return if twice { sys::RESPOND_DUPLICATE } else { sys::RESPOND_NOT_FOUND };
        }
        question.answered.push(client);
        question.denied |= if with_flags { question.flags & !value != 0 } else { value != sys::AUTH_ALLOW };
        sys::RESPOND_SUCCESS
    }

    /// A client is gone: what waits for it goes on.
    pub(super) fn forget(&mut self, client: u64) {
        for question in &mut self.questions {
            question.waiting.remove(&client);
        }
    }
}

/// A block that may be called from any thread, as the framework does.
#[derive(Clone, Copy)]
pub(super) struct BlockPointer(pub(super) *mut endpoint_sec_sys::macos::block::Block);

// SAFETY:
// - a handler's block is made to be called on the framework's own threads.
unsafe impl Send for BlockPointer {}

impl BlockPointer {
    /// # Safety
    /// As for [`blocks::release`].
    pub(super) unsafe fn release(self) {
        // SAFETY:
        // - the caller vouches for it.
        unsafe { blocks::release(self.0) };
    }
}
