//! A client, as the simulated kernel has it.

use super::build::Envelope;
use super::kernel::{BlockPointer, CALLER, Process, Shared};
use super::muting::{Muting, Subject};
use endpoint_sec_sys::macos::result::DEADLINE_MISS_KILL;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

/// What a client's pointer leads to.
pub(super) struct Handle {
    pub(super) id: u64,
    pub(super) shared: Arc<Shared>,
}

/// The pointer.
#[derive(Clone, Copy)]
pub(super) struct HandlePointer(pub(super) *mut Handle);

// SAFETY:
// - what it leads to is only read, until the client is deleted.
unsafe impl Send for HandlePointer {}

/// A client.
pub(super) struct Client {
    pub(super) handle: HandlePointer,
    pub(super) block: BlockPointer,
    pub(super) thread: ThreadId,
    pub(super) of_descendants: bool,
    pub(super) subscriptions: BTreeSet<u32>,
    pub(super) muting: Muting,
    pub(super) miss_mode: u32,
    pub(super) killed: bool,
    pub(super) queue: VecDeque<*mut Envelope>,
    pub(super) shortened: BTreeMap<u32, Duration>,
    numbers: BTreeMap<u32, u64>,
    global: u64,
}

// SAFETY:
// - what is in the queue is owned by it, and may be released on any thread.
unsafe impl Send for Client {}

impl Client {
    pub(super) fn new(handle: HandlePointer, block: BlockPointer, of_descendants: bool) -> Self {
        Self {
            handle,
            block,
            thread: thread::current().id(),
            of_descendants,
            subscriptions: BTreeSet::new(),
            muting: Muting::by_default(),
            miss_mode: DEADLINE_MISS_KILL,
            killed: false,
            queue: VecDeque::new(),
            shortened: BTreeMap::new(),
            numbers: BTreeMap::new(),
            global: 0,
        }
    }

    /// Whether it is told of what a process does.
    pub(super) fn is_told(&self, process: &Process, is_question: bool, subject: &Subject<'_>) -> bool {
        let in_scope = !self.of_descendants
            || process.lineage.contains(&CALLER)
            || (process.pid == CALLER && !is_question);
        !self.killed
            && in_scope
            && self.subscriptions.contains(&subject.event_type)
            && !self.muting.leaves_out(subject)
    }

    /// The next message's number among those of its type, and among all.
    pub(super) fn next_numbers(&mut self, event_type: u32) -> (u64, u64) {
        let of_type = self.numbers.entry(event_type).or_default();
        let numbers = (*of_type, self.global);
        *of_type += 1;
        self.global += 1;
        numbers
    }

    /// How long it has to answer.
    pub(super) fn deadline(&self, event_type: u32, default: Duration) -> Duration {
        self.shortened.get(&event_type).copied().unwrap_or(default)
    }
}
