//! The Endpoint Security engine: one client of macOS for all sessions, which judges what their trees do.
//!
//! macOS asks before a process changes a name; the engine looks up whose tree the process is in, has the session's
//! policy judge, and answers at once. The kernel then does what it asked about, or refuses it: nothing is performed
//! here, and nothing can be kept or held first ([`supports`], [`LIMITS`]).
//!
//! It compiles and is tested on every system: the framework is handed in, and a simulated one does as well.
//!
//! | room | what it does |
//! |---|---|
//! | [`engine`], [`holder`] | what may be done with it; the thread that has the client |
//! | [`selection`] | what the client asks to be told of |
//! | [`handler`], [`looker`] | from a message to its answer: at once, or after a look at the disk |
//! | [`court`], [`doer`], [`programs`] | whose tree the process is in; who it is |
//! | [`session`], [`place`] | one session's verdict; from what the kernel tells to what is judged |
//! | [`removal`], [`rename`], [`making`], [`writing`] | one kind of operation each |
//! | [`own`] | which names the session itself made |
//! | [`names`], [`volume`], [`walk`] | one spelling for each place; what the disk says |
//! | [`recorder`] | telling witnesses, once the kernel was answered |
//! | [`incident`], [`unsupported`], [`error`] | what is said to the person |

mod court;
mod doer;
mod engine;
mod error;
mod handler;
mod holder;
mod incident;
mod looker;
mod making;
mod names;
mod own;
mod place;
mod programs;
mod recorder;
mod removal;
mod rename;
mod selection;
mod session;
#[cfg(test)]
mod tests;
mod unsupported;
mod volume;
mod walk;
mod writing;

pub use engine::{Engine, Enrolment};
pub use error::{EnrolError, StartError, Uncertain};
pub use incident::{Alarm, Incident, SetRight};
pub use unsupported::{LIMITS, supports};

use recorder::Note;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What becomes of a question, and what is told once it is answered.
enum Ruling {
    Allow(Vec<Note>),
    Deny(Vec<Note>),
    /// What is below this directory decides.
    Look(PathBuf),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A handler that panicked has refused what it was asked; what the lock guards holds at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
