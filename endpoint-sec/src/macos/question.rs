//! What must be answered, and the answers.
//!
//! A question is answered once, because answering takes it:
//!
//! ```compile_fail,E0382
//! use endpoint_sec::macos::{Question, Verdict};
//! fn twice(question: Question<'_, Verdict>) {
//!     let _ = question.answer(Verdict::Allow);
//!     let _ = question.answer(Verdict::Deny); // used after it was answered
//! }
//! ```
//!
//! with an answer of its kind: an open is answered with flags, anything else with a verdict,
//!
//! ```compile_fail,E0308
//! use endpoint_sec::macos::{Flags, Question, Verdict};
//! fn open(question: Question<'_, Flags>) {
//!     let _ = question.answer(Verdict::Allow); // expected `Flags`
//! }
//! ```
//! ```compile_fail,E0308
//! use endpoint_sec::macos::{Flags, Question, Verdict};
//! fn unlink(question: Question<'_, Verdict>) {
//!     let _ = question.answer(Flags::ALL); // expected `Verdict`
//! }
//! ```
//!
//! and not beyond its handler, unless it is kept:
//!
//! ```compile_fail,E0521
//! use endpoint_sec::macos::{Question, Verdict};
//! fn later(question: Question<'_, Verdict>, pile: &mut Vec<Question<'static, Verdict>>) {
//!     pile.push(question); // escapes
//! }
//! ```
//! ```compile_fail,E0277
//! use endpoint_sec::macos::{Question, Verdict};
//! fn elsewhere(question: Question<'_, Verdict>) {
//!     std::thread::spawn(move || question.answer(Verdict::Allow)); // cannot be sent between threads
//! }
//! ```
//! ```
//! use endpoint_sec::macos::{Flags, KeptQuestion, Question, Verdict};
//! fn later(question: Question<'_, Verdict>, pile: &mut Vec<KeptQuestion<Verdict>>) {
//!     pile.push(question.keep());
//! }
//! fn elsewhere(question: Question<'_, Verdict>) {
//!     let kept = question.keep();
//!     std::thread::spawn(move || kept.answer(Verdict::Allow));
//! }
//! fn open(question: Question<'_, Flags>) {
//!     let _ = question.answer(Flags::ALL);
//! }
//! ```
//!
//! What a kept question lets look at goes when it is answered:
//!
//! ```compile_fail,E0505
//! use endpoint_sec::macos::{KeptQuestion, Verdict};
//! fn afterwards(kept: KeptQuestion<Verdict>) {
//!     let message = kept.message();
//!     let _ = kept.answer(Verdict::Deny); // borrowed
//!     let _ = message.event();
//! }
//! ```
//! ```
//! use endpoint_sec::macos::{KeptQuestion, Verdict};
//! fn afterwards(kept: KeptQuestion<Verdict>) {
//!     let event = kept.message().event();
//!     let _ = kept.answer(Verdict::Deny);
//!     drop(event);
//! }
//! ```
//!
//! And nobody makes up a kind of answer of his own:
//!
//! ```compile_fail,E0277
//! #[derive(Clone, Copy)]
//! struct Maybe;
//! impl endpoint_sec::macos::Answer for Maybe {} // sealed
//! ```

use crate::macos::connection::Connection;
use crate::macos::message::{Message, Retained};
use crate::macos::watch::{Ticket, duration};
use endpoint_sec_sys::macos::result::{AUTH_ALLOW, AUTH_DENY};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// The answer to anything but an open. It is for this one time: the kernel would keep an answer for a file, not
/// for a process tree, so none is ever kept.
#[doc(alias = "es_auth_result_t")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a verdict that is not given is a denial"]
pub enum Verdict {
    /// Let it be done.
    Allow,
    /// Refuse it: the caller gets `EPERM`.
    Deny,
}

/// The answer to an open: what it may be for, of what it is for (see [`OpenFor`](crate::macos::OpenFor)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "flags that are not given are a denial"]
pub struct Flags(u32);

impl Flags {
    /// Whatever it is for.
    pub const ALL: Self = Self(u32::MAX);
    /// For nothing: refuse it.
    pub const NONE: Self = Self(0);
}

/// A kind of answer: [`Verdict`] or [`Flags`].
pub trait Answer: sealed::Answer {}

impl Answer for Verdict {}
impl Answer for Flags {}

pub(crate) mod sealed {
    /// An answer, as the framework takes it.
    #[derive(Clone, Copy, Debug)]
    pub enum Reply {
        Result(u32),
        Flags(u32),
    }

    pub trait Answer: Copy {
        const DENY: Self;
        fn reply(self) -> Reply;
    }
}

use sealed::Reply;

impl sealed::Answer for Verdict {
    const DENY: Self = Self::Deny;

    fn reply(self) -> Reply {
        Reply::Result(match self {
            Self::Allow => AUTH_ALLOW,
            Self::Deny => AUTH_DENY,
        })
    }
}

impl sealed::Answer for Flags {
    const DENY: Self = Self::NONE;

    fn reply(self) -> Reply {
        Reply::Flags(self.0)
    }
}

/// Why an answer did not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The watch had refused it.
    #[error("failed to answer in time: it was refused, as four fifths of the time for it were over")]
    Late,
    /// The client is gone, and with it what it was asked (refused).
    #[error("failed to answer: the client is gone")]
    Gone,
    /// The framework did not take it.
    #[error("failed to answer: Endpoint Security returned {0}")]
    Rejected(u32),
}

/// What a process waits for an answer to. Dropped, also by a panic, it is answered: no.
#[must_use = "a question that is dropped is answered: no"]
pub struct Question<'m, A: Answer> {
    message: Message<'m>,
    duty: Duty<A>,
}

impl<'m, A: Answer> Question<'m, A> {
    pub(crate) fn new(message: Message<'m>, connection: &Arc<Connection>, ticket: Ticket) -> Self {
        let duty = Duty { connection: Arc::clone(connection), ticket, done: false, kind: PhantomData };
        Self { message, duty }
    }

    /// What it is about.
    pub fn message(&self) -> &Message<'m> {
        &self.message
    }

    /// How long until the watch answers.
    pub fn time_left(&self) -> Duration {
        self.duty.time_left()
    }

    /// Answers it.
    #[doc(alias("es_respond_auth_result", "es_respond_flags_result"))]
    pub fn answer(mut self, answer: A) -> Result<(), AnswerError> {
        self.duty.fulfil(answer)
    }

    /// Keeps it, to be answered after the handler has returned, on any thread. The time for it is the same.
    #[doc(alias = "es_retain_message")]
    pub fn keep(self) -> KeptQuestion<A> {
        KeptQuestion { message: self.message.retain(), duty: self.duty }
    }
}

/// A question that outlives its handler. Dropped, it is answered: no.
#[must_use = "a question that is dropped is answered: no"]
pub struct KeptQuestion<A: Answer> {
    message: Retained,
    duty: Duty<A>,
}

impl<A: Answer> KeptQuestion<A> {
    /// What it is about.
    pub fn message(&self) -> Message<'_> {
        self.message.message()
    }

    /// How long until the watch answers.
    pub fn time_left(&self) -> Duration {
        self.duty.time_left()
    }

    /// Answers it.
    pub fn answer(mut self, answer: A) -> Result<(), AnswerError> {
        self.duty.fulfil(answer)
    }
}

/// That an answer is owed.
struct Duty<A: Answer> {
    connection: Arc<Connection>,
    ticket: Ticket,
    done: bool,
    kind: PhantomData<fn(A)>,
}

impl<A: Answer> Duty<A> {
    fn time_left(&self) -> Duration {
        let connection = &self.connection;
        duration(self.ticket.due().saturating_sub(connection.framework.now()), connection.timebase)
    }

    fn fulfil(&mut self, answer: A) -> Result<(), AnswerError> {
        self.done = true;
        self.connection.answer(self.ticket, answer.reply())
    }
}

impl<A: Answer> Drop for Duty<A> {
    fn drop(&mut self) {
        if !self.done {
            // Whoever answered before: it was no.
            let _ = self.fulfil(A::DENY);
        }
    }
}
