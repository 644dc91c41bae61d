//! A connected client, shared by all that may speak to it: the handler, kept questions, the watch.

use crate::macos::framework::Framework;
use crate::macos::message::Message;
use crate::macos::question::{AnswerError, Flags, Verdict, sealed::Answer, sealed::Reply};
use crate::macos::subscription::Subscription;
use crate::macos::watch::{Ticket, Waiting};
use endpoint_sec_sys::macos::api::{Client, Timebase};
use endpoint_sec_sys::macos::result::RESPOND_SUCCESS;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// The client, and what is asked of it.
pub(crate) struct Connection {
    pub(crate) framework: Framework,
    pub(crate) timebase: Timebase,
    pub(crate) waiting: Waiting,
    /// `None` before it is connected and once it is deleted. Held for reading while the client is used, so it is
    /// not deleted under anybody's hands; nobody but the end of the client waits for it.
    client: RwLock<Option<Handle>>,
    late: AtomicU64,
    panics: AtomicU64,
}

/// The framework's pointer.
#[derive(Clone, Copy)]
struct Handle(NonNull<Client>);

// SAFETY:
// - all functions of a client but its deletion may be called from any thread at any time (`ESClient.h`); it is
//   deleted by the thread that made it, once nobody can reach the pointer.
unsafe impl Send for Handle {}
// SAFETY:
// - as above.
unsafe impl Sync for Handle {}

impl Connection {
    pub(crate) fn new(framework: &Framework) -> Self {
        Self {
            framework: framework.clone(),
            timebase: framework.timebase(),
            waiting: Waiting::default(),
            client: RwLock::new(None),
            late: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        }
    }

    pub(crate) fn connected(&self, client: NonNull<Client>) {
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = Some(Handle(client));
    }

    /// Takes the client away from everybody, to delete it.
    pub(crate) fn disconnect(&self) -> Option<NonNull<Client>> {
        self.client.write().unwrap_or_else(PoisonError::into_inner).take().map(|handle| handle.0)
    }

    /// Calls a function of the framework with the client, which is not deleted meanwhile. `None` without one.
    pub(crate) fn with<R>(&self, call: impl FnOnce(*mut Client) -> R) -> Option<R> {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
        (*client).map(|handle| call(handle.0.as_ptr()))
    }

    /// Answers a question, unless it was answered.
    pub(crate) fn answer(&self, ticket: Ticket, reply: Reply) -> Result<(), AnswerError> {
        match self.waiting.take(ticket) {
            Some(pending) => self.respond(&pending.message(), reply),
            None => Err(AnswerError::Late),
        }
    }

    /// Answers a question for which there is no time left.
    pub(crate) fn refuse(&self, message: &Message<'_>) {
        self.late.fetch_add(1, Ordering::Relaxed);
        let denial = match message.subscription() {
            Some(Subscription::AuthOpen) => Flags::DENY.reply(),
            _ => Verdict::DENY.reply(),
        };
        // If it is not taken, whoever asked is gone, or the client is: either way nothing is let through by us.
        let _ = self.respond(message, denial);
    }

    fn respond(&self, message: &Message<'_>, reply: Reply) -> Result<(), AnswerError> {
        let message = message.raw.as_ptr();
        let api = self.framework.api();
        // SAFETY:
        // - the client is not deleted meanwhile, and the message is alive while it is borrowed.
        // - the answer is not kept by the kernel: it would hold for the file, whichever process comes next.
        let result = self.with(|client| unsafe {
            match reply {
                Reply::Result(result) => (api.respond_auth_result)(client, message, result, false),
                Reply::Flags(flags) => (api.respond_flags_result)(client, message, flags, false),
            }
        });
        match result {
            Some(RESPOND_SUCCESS) => Ok(()),
            Some(other) => Err(AnswerError::Rejected(other)),
            None => Err(AnswerError::Gone),
        }
    }

    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }
}
