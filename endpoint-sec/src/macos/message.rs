//! A message of the framework: looked at where it is, and kept.

use crate::macos::event::{self, Event};
use crate::macos::framework::Framework;
use crate::macos::process::Process;
use crate::macos::subscription::Subscription;
use crate::macos::token::AuditToken;
use endpoint_sec_sys::macos::message as sys;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A message, for as long as it is there: until the handler returns, or while it is kept.
#[doc(alias = "es_message_t")]
#[derive(Clone, Copy)]
pub struct Message<'m> {
    pub(crate) raw: NonNull<sys::Message>,
    pub(crate) framework: &'m Framework,
    alive: PhantomData<&'m sys::Message>,
}

/// A message that does not say what it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Null, where the framework promises something.
    #[error("failed to read a message: {0} is missing")]
    Missing(&'static str),
    /// An event that nobody asked for.
    #[error("failed to read a message: unknown event type {0}")]
    UnknownEvent(u32),
    /// Neither a file nor a free name.
    #[error("failed to read a message: unknown kind of destination {0}")]
    UnknownDestination(u32),
}

impl<'m> Message<'m> {
    /// # Safety
    /// `raw` is a message of `framework` that is alive for `'m`.
    pub(crate) unsafe fn new(raw: NonNull<sys::Message>, framework: &'m Framework) -> Self {
        Self { raw, framework, alive: PhantomData }
    }

    /// Which fields a message has depends on this: 7 is macOS 13.3, 10 is macOS 26.
    pub fn version(&self) -> u32 {
        // SAFETY:
        // - the message is alive while `self` is, nobody writes to it, and every version has this field.
        unsafe { (*self.raw.as_ptr()).version }
    }

    /// What it is about, if that was ever asked for.
    pub fn subscription(&self) -> Option<Subscription> {
        Subscription::of_number(self.event_type())
    }

    /// When it happened, in seconds and nanoseconds since 1970.
    pub fn time(&self) -> (i64, i64) {
        // SAFETY:
        // - as for `version`.
        let time = unsafe { (*self.raw.as_ptr()).time };
        (time.tv_sec, time.tv_nsec)
    }

    /// Who did it. Reads the token alone: cheaper than [`Message::process`].
    pub fn actor(&self) -> Result<AuditToken, Malformed> {
        // SAFETY:
        // - as for `version`; the process is of this message.
        unsafe { Process::read_token((*self.raw.as_ptr()).process, "the process of a message") }
    }

    /// Who did it, and all that is known of it.
    pub fn process(&self) -> Result<Process, Malformed> {
        // SAFETY:
        // - as for `version`; the process is of this message.
        unsafe { Process::read((*self.raw.as_ptr()).process, self.version(), "the process of a message") }
    }

    /// What it is about, read out: it stays when the message is gone.
    pub fn event(&self) -> Result<Event, Malformed> {
        event::decode(self)
    }

    pub(crate) fn event_type(&self) -> u32 {
        // SAFETY:
        // - as for `version`.
        unsafe { (*self.raw.as_ptr()).event_type }
    }

    pub(crate) fn is_question(&self) -> bool {
        // SAFETY:
        // - as for `version`.
        unsafe { (*self.raw.as_ptr()).action_type == sys::ACTION_AUTH }
    }

    /// In ticks.
    pub(crate) fn deadline(&self) -> u64 {
        // SAFETY:
        // - as for `version`.
        unsafe { (*self.raw.as_ptr()).deadline }
    }

    /// Its number among those of its type, and among all.
    pub(crate) fn numbers(&self) -> (Option<u64>, Option<u64>) {
        let (raw, version) = (self.raw.as_ptr(), self.version());
        // SAFETY:
        // - as for `version`; both are read only in messages that have them.
        unsafe { ((version >= 2).then(|| (*raw).seq_num), (version >= 4).then(|| (*raw).global_seq_num)) }
    }

    /// Keeps it beyond the handler.
    pub(crate) fn retain(&self) -> Retained {
        // SAFETY:
        // - the message is alive and of this framework.
        unsafe { (self.framework.api().retain_message)(self.raw.as_ptr()) };
        Retained { raw: self.raw, framework: self.framework.clone() }
    }
}

/// A message that stays until this is dropped, on any thread.
#[doc(alias("es_retain_message", "es_release_message"))]
pub(crate) struct Retained {
    raw: NonNull<sys::Message>,
    framework: Framework,
}

// SAFETY:
// - a retained message is memory that nobody writes to, and the framework lets it be used and released from any
//   thread: that is what retaining is for.
unsafe impl Send for Retained {}
// SAFETY:
// - as above: through a shared reference it is only read.
unsafe impl Sync for Retained {}

impl Retained {
    pub(crate) fn message(&self) -> Message<'_> {
        // SAFETY:
        // - it was retained, and is not released before `self` is dropped.
        unsafe { Message::new(self.raw, &self.framework) }
    }
}

impl Drop for Retained {
    fn drop(&mut self) {
        // SAFETY:
        // - it was retained once for this value, and nothing that borrowed it is left.
        unsafe { (self.framework.api().release_message)(self.raw.as_ptr()) };
    }
}
