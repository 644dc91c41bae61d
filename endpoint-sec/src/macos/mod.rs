//! macOS: Endpoint Security.
//!
//! A message's way through this module: the framework calls the [`handler`] block, which looks whether messages
//! were lost ([`sequence`]), puts what must be answered under [`watch`], and hands the caller's closure an
//! [`Incoming`]: a [`Question`] that can be answered once, or a [`Notice`]. [`Message::event`] reads it out into
//! an owned [`Event`]. A question that is dropped, panicked over, or not answered in time is answered: no.
//!
//! All of it compiles and is tested on Linux too, against a simulated framework (`simulated`): nothing here calls
//! macOS but through the table of functions that [`Framework`] holds.
//!
//! What this module does not know: zones, sessions, process trees, and which answer is right.

#[cfg(target_os = "macos")]
pub mod arrivals;
mod census;
mod client;
mod connect_error;
mod connection;
mod control;
mod event;
mod file;
mod framework;
mod handler;
mod incoming;
mod message;
mod muting;
mod peer;
mod process;
mod question;
mod sequence;
#[cfg(any(test, feature = "simulated"))]
pub mod simulated;
mod spawn;
mod subscription;
#[cfg(test)]
mod tests;
mod token;
mod watch;

pub use client::{Client, Guarantees, Prepared, Scope};
pub use connect_error::ConnectError;
pub use control::{Control, Refused};
pub use event::{Destination, Event, OpenFor};
pub use file::{File, FileId};
pub use framework::{Framework, Library, LoadError};
pub use incoming::{Incoming, Kept, Notice};
pub use message::{Malformed, Message};
pub use muting::PathKind;
pub use process::Process;
pub use question::{Answer, AnswerError, Flags, KeptQuestion, Question, Verdict};
pub use sequence::Lost;
pub use spawn::{Launch, Suspended};
pub use subscription::Subscription;
pub use token::AuditToken;
pub use watch::Watch;
