//! What happens as time passes: messages are delivered, deadlines come.

use super::{Kernel, Shared};
use crate::macos::simulated::build::Envelope;
use crate::macos::simulated::outcome::Fault;
use crate::macos::watch::Watch;
use endpoint_sec_sys::macos::result as sys;
use std::sync::Arc;
use std::time::Duration;

impl Kernel {
    fn next_deadline(&self) -> Option<u64> {
        self.questions.iter().flat_map(|question| question.waiting.values().copied()).min()
    }

    /// Punishes those who are late. Returns messages that nobody will see.
    fn miss(&mut self) -> Vec<*mut Envelope> {
        let mut late = Vec::new();
        for question in &mut self.questions {
            let missed: Vec<u64> = question
                .waiting
                .iter()
                .filter(|(_, deadline)| **deadline <= self.now)
                .map(|(id, _)| *id)
                .collect();
            for id in missed {
                question.waiting.remove(&id);
                question.denied |= self.clients[&id].miss_mode == sys::DEADLINE_MISS_FAIL_CLOSED;
                late.push(id);
            }
        }
        let mut unseen = Vec::new();
        for id in late {
            let client = self.clients.get_mut(&id).expect("a client that is there");
            let killed = client.miss_mode == sys::DEADLINE_MISS_KILL;
            self.faults.push(Fault::Missed { killed });
            if killed {
                client.killed = true;
                unseen.extend(client.queue.drain(..));
                self.forget(id);
            }
        }
        unseen
    }
}

/// Calls handlers until every queue is empty. One that calls this from a handler is in its own way.
pub(in crate::macos::simulated) fn deliver(shared: &Arc<Shared>) {
    if std::mem::replace(&mut shared.lock().delivering, true) {
        return;
    }
    loop {
        let next = shared.lock().clients.values_mut().find_map(|client| {
            let envelope = client.queue.pop_front()?;
            Some((client.handle, client.block, envelope))
        });
        let Some((handle, block, envelope)) = next else { break };
        // SAFETY:
        // - the block is a copy that goes with the client, and the message has a reference of the queue's.
        unsafe {
            ((*block.0).invoke)(block.0, handle.0.cast(), envelope.cast());
            Envelope::release(envelope);
        }
    }
    shared.lock().delivering = false;
}

/// Moves the clock, stopping wherever somebody has something to do.
pub(in crate::macos::simulated) fn advance(shared: &Arc<Shared>, time: Duration) {
    let end = {
        let kernel = shared.lock();
        kernel.now + kernel.ticks(time)
    };
    loop {
        let watches = shared.watches.lock().expect("watches");
        let due = watches.iter().filter_map(Watch::next_due).min();
        let now = {
            let mut kernel = shared.lock();
            let next = [due, kernel.next_deadline()].into_iter().flatten().min().unwrap_or(end);
            kernel.now = next.clamp(kernel.now, end);
            kernel.now
        };
        for watch in watches.iter() {
            watch.answer_due();
        }
        drop(watches);
        let unseen = shared.lock().miss();
        for envelope in unseen {
            // SAFETY:
            // - it was in a queue, whose reference this is.
            unsafe { Envelope::release(envelope) };
        }
        if now == end {
            break;
        }
    }
}
