//! What a handler is given.
//!
//! What it is given goes when it returns, unless it is kept:
//!
//! ```compile_fail,E0521
//! use endpoint_sec::macos::Notice;
//! fn later(notice: Notice<'_>, pile: &mut Vec<Notice<'static>>) {
//!     pile.push(notice); // escapes
//! }
//! ```
//! ```
//! use endpoint_sec::macos::{Kept, Notice};
//! fn later(notice: Notice<'_>, pile: &mut Vec<Kept>) {
//!     pile.push(notice.keep());
//! }
//! ```

use crate::macos::message::{Message, Retained};
use crate::macos::question::{Flags, Question, Verdict};
use crate::macos::sequence::Lost;

/// A message, by what it wants; or that some are missing.
#[must_use = "a question that is dropped is answered: no"]
pub enum Incoming<'m> {
    /// May it be done?
    Question(Question<'m, Verdict>),
    /// May it be opened?
    Open(Question<'m, Flags>),
    /// It has happened.
    Notice(Notice<'m>),
    /// Messages were lost before the one that comes next.
    Lost(Lost),
}

/// What has happened.
pub struct Notice<'m>(pub(crate) Message<'m>);

impl<'m> Notice<'m> {
    /// What it is about.
    pub fn message(&self) -> &Message<'m> {
        &self.0
    }

    /// Keeps it beyond the handler.
    #[doc(alias = "es_retain_message")]
    pub fn keep(self) -> Kept {
        Kept(self.0.retain())
    }
}

/// A message that outlives its handler.
pub struct Kept(Retained);

impl Kept {
    /// What it is about.
    pub fn message(&self) -> Message<'_> {
        self.0.message()
    }
}
