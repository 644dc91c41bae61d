//! A guard in this very process: the seccomp engine and the books.

use super::books::Books;
use super::{Guard, Records, failed};
use crate::engine::Witness;
use crate::engine::seccomp::Seccomp;
use crate::ledger::{Counts, PolicyRecord, Record, start_of};
use crate::policy::Policy;
use crate::policy::judge::Reason;
use crate::protocol::{Failure, FailureKind, Register};
use crate::session::SessionInfo;
use endpoint_sec::linux::filter::Options;
use endpoint_sec::linux::listener::Listener;
use endpoint_sec::linux::process::PidFd;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

const ENGINE: &str = "seccomp";

/// A guard in this process.
pub struct Local {
    info: SessionInfo,
    policy: Mutex<Policy>,
    books: Arc<Books>,
    held: [OwnedFd; 2],
    engine: OnceLock<Seccomp>,
}

impl Local {
    /// A guard for the session that asks to be registered.
    pub fn new(register: Register, records: Records) -> Result<Self, Failure> {
        let Register { session, policy, canary, .. } = register;
        let copy = |file: BorrowedFd<'_>| file.try_clone_to_owned().map_err(failed);
        let held = [copy(records.ledger.as_fd())?, copy(records.denials.as_fd())?];
        let books = Books::new(records, session.id.clone(), canary);
        Ok(Self {
            info: session,
            policy: Mutex::new(policy),
            books: Arc::new(books),
            held,
            engine: OnceLock::new(),
        })
    }
}
