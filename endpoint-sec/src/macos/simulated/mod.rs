//! A simulated framework: Endpoint Security's C interface, with a kernel behind it that does what a script says.
//!
//! It builds messages in their real layout, each part in memory of its own and of the size that the message's version
//! has, so that a sanitizer sees whoever reads too far or too late; it calls the handler's block as the framework
//! does, and judges the answers as the kernel does. The clock stands still until it is [advanced](Simulation::advance).
//!
//! ```
//! # use endpoint_sec::macos::{simulated::*, *};
//! let simulation = Simulation::new(System::MACOS_26);
//! let client = Prepared::connect(&simulation.framework(), Scope::System, |_, incoming| {
//!     if let Incoming::Question(question) = incoming {
//!         let _ = question.answer(Verdict::Deny);
//!     }
//! })
//! .unwrap()
//! .subscribe(&[Subscription::AuthUnlink])
//! .unwrap();
//!
//! let shell = simulation.process("/bin/zsh");
//! let rm = shell.fork();
//! rm.exec("/bin/rm", &["rm", "/zone/a"]);
//! assert_eq!(rm.does(&Action::unlink(Facts::file("/zone/a"))), Outcome::Denied);
//! assert_eq!(simulation.faults(), []);
//! # drop(client);
//! ```
//!
//! An [`Actor`] is a process; what it [`does`](Actor::does) is submitted to the clients that asked for it, delivered,
//! and has an [`Outcome`]. [`Facts`] are what the kernel says of a file: made up, or a real one's
//! ([`Facts::of`]), so that a script can be played on a real disk: what is allowed, the script then performs.
//!
//! What it is not: proof of what macOS does. Where the headers leave something open, the harsher reading is taken.

mod action;
mod actor;
mod arena;
mod blocks;
mod build;
mod client;
mod facts;
mod functions;
mod kernel;
mod muting;
mod outcome;

pub use action::Action;
pub use actor::Actor;
pub use facts::{Facts, To};
pub use outcome::{Attempt, Fault, Outcome};

use crate::macos::framework::{Framework, Library};
use crate::macos::watch::Watch;
use endpoint_sec_sys::macos::api::Api;
use endpoint_sec_sys::macos::token::AuditToken;
use kernel::{Kernel, Shared};
use nix::errno::Errno;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Which macOS it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct System {
    /// Of its messages.
    pub version: u32,
    /// Whether it has what came with macOS 27.
    pub has_27: bool,
    /// A tick of its clock is so many nanoseconds: numerator, denominator.
    pub timebase: (u32, u32),
    /// How long it waits for an answer.
    pub deadline: Duration,
}

impl System {
    /// macOS 13.3, on Apple's processors.
    pub const MACOS_13: Self =
        Self { version: 7, has_27: false, timebase: (125, 3), deadline: Duration::from_secs(15) };
    /// macOS 26.
    pub const MACOS_26: Self = Self { version: 10, ..Self::MACOS_13 };
    /// macOS 27. Its messages have more than anybody here reads.
    pub const MACOS_27: Self = Self { version: 11, has_27: true, ..Self::MACOS_13 };
}

/// A simulated machine.
#[derive(Clone)]
pub struct Simulation(Arc<Shared>);

// SAFETY:
// - the functions do what the headers say: messages are alive until they are released as often as they were
//   retained, clients until they are deleted.
unsafe impl Library for Simulation {
    fn api(&self) -> &Api {
        functions::enter(&self.0);
        &self.0.api
    }

    fn stand_watch(&self, watch: Watch) -> io::Result<()> {
        self.0.watches.lock().expect("watches").push(watch);
        Ok(())
    }

    fn peer(&self, _: BorrowedFd<'_>) -> Result<AuditToken, Errno> {
        self.0.visitor.lock().expect("visitor").ok_or(Errno::ENOTCONN)
    }
}

impl Simulation {
    /// A machine with launchd and es-guard.
    pub fn new(system: System) -> Self {
        Self(Arc::new(Shared::new(system)))
    }

    /// Its framework, to connect to.
    pub fn framework(&self) -> Framework {
        Framework::new(Arc::new(self.clone()))
    }

    /// A process that is there already: a child of launchd.
    pub fn process(&self, executable: impl AsRef<Path>) -> Actor {
        let pid = self.kernel(|kernel| kernel.start(kernel::LAUNCHD, executable.as_ref()));
        Actor::new(self.clone(), pid)
    }

    /// The process that connects: whose descendants a client of descendants is told of.
    pub fn caller(&self) -> Actor {
        Actor::new(self.clone(), kernel::CALLER)
    }

    /// From now on whoever connects to a socket is this process.
    pub fn visits(&self, who: &Actor) {
        *self.0.visitor.lock().expect("visitor") = Some(*who.token().raw());
    }

    /// The same, of this user: as the real one who runs a test.
    pub fn visits_as(&self, who: &Actor, user: u32) {
        let mut token = *who.token().raw();
        (token.val[AuditToken::EUID], token.val[AuditToken::RUID]) = (user, user);
        *self.0.visitor.lock().expect("visitor") = Some(token);
    }

    /// Calls the handlers for what is in their queues.
    pub fn deliver(&self) {
        kernel::deliver(&self.0);
    }

    /// Lets time pass: watches answer when it is time for them, deadlines are missed.
    pub fn advance(&self, time: Duration) {
        kernel::advance(&self.0, time);
    }

    /// Drops the next messages, of all clients, as a kernel does whose queue is full.
    pub fn drop_next(&self, messages: u64) {
        self.kernel(|kernel| kernel.dropping = messages);
    }

    /// Has clients be refused, with an `es_new_client_result_t`.
    pub fn refuse_clients(&self, result: u32) {
        self.kernel(|kernel| kernel.refusing = Some(result));
    }

    /// What was done wrong.
    pub fn faults(&self) -> Vec<Fault> {
        self.kernel(|kernel| kernel.faults.clone())
    }

    /// How many messages are alive. None should be, when nothing is in a queue or kept.
    pub fn messages(&self) -> usize {
        self.0.messages.load(Ordering::Relaxed)
    }

    /// How many clients are connected.
    pub fn clients(&self) -> usize {
        self.kernel(|kernel| kernel.clients.len())
    }

    fn kernel<R>(&self, look: impl FnOnce(&mut Kernel) -> R) -> R {
        look(&mut self.0.lock())
    }
}
