//! A guard in this very process: the seccomp engine and the books.

use super::books::Books;
use super::{Guard, Records, failed};
use crate::engine::seccomp::{Seccomp, Settings, Stance, Ward};
use crate::ledger::{Counts, PolicyRecord, Record, start_of};
use crate::policy::Policy;
use crate::policy::judge::Reason;
use crate::protocol::{Failure, FailureKind, Register};
use crate::session::SessionInfo;
use endpoint_sec::linux::filter::Options;
use endpoint_sec::linux::handle::stat_fd;
use endpoint_sec::linux::listener::Listener;
use endpoint_sec::linux::process::PidFd;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

const ENGINE: &str = "seccomp";

/// Where a guard stands towards the tree.
pub struct Post {
    /// What it has to expect of the tree.
    pub stance: Stance,
    /// es-guard's processes that the tree could reach.
    pub wards: Vec<Ward>,
}

/// A guard in this process.
pub struct Local {
    info: SessionInfo,
    policy: Mutex<Policy>,
    books: Arc<Books>,
    engine: OnceLock<Seccomp>,
    settings: Mutex<Option<Settings>>,
}

impl Local {
    /// A guard for the session that asks to be registered.
    pub fn new(register: Register, records: Records, post: Post) -> Self {
        let Register { session: info, policy, canary, .. } = register;
        let file = |file: &File| stat_fd(file.as_fd()).ok().map(|stat| (stat.dev, stat.ino));
        let kept = [&records.ledger, &records.denials].into_iter().filter_map(file).collect();
        let settings = Settings { policy: policy.clone(), stance: post.stance, wards: post.wards, kept };
        let books = Arc::new(Books::new(records, info.id.clone(), canary));
        Self {
            info,
            policy: Mutex::new(policy),
            books,
            engine: OnceLock::new(),
            settings: Mutex::new(Some(settings)),
        }
    }

    /// What the agent's filter must trap for a guard in this process.
    pub fn filter_options() -> Result<Options, Failure> {
        Seccomp::filter_options().map_err(failed)
    }

    fn policy(&self) -> MutexGuard<'_, Policy> {
        self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard for Local {
    fn arm(&self, listener: OwnedFd, _: &PidFd) -> Result<String, Failure> {
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).take();
        let settings = settings.ok_or_else(|| failed("the session is armed already"))?;
        let engine = Seccomp::start(Listener::new(listener), settings, self.books.clone())
            .map_err(|error| Failure { kind: FailureKind::Engine, detail: error.to_string() })?;
        self.engine.set(engine).map_err(|_| failed("the session is armed already"))?;
        Ok(ENGINE.to_owned())
    }

    fn end_proof(&self) -> Result<Option<Reason>, Failure> {
        // The canary may have heard its answer before the books heard of it: another thread may have answered
        // the control meanwhile.
        self.settle();
        Ok(self.books.end_proof())
    }

    fn begin(&self, agent: i32) -> Result<(), Failure> {
        let policy = self.policy();
        let zones = policy.visible_zones().map(|zone| zone.path.to_string_lossy().into_owned());
        self.books.write(start_of(&self.info, ENGINE, agent, zones));
        self.books.overrides_changed(&Policy::default(), &policy);
        Ok(())
    }

    fn replace_policy(&self, new: Policy, detail: String) {
        let mut policy = self.policy();
        if let Some(engine) = self.engine.get() {
            engine.set_policy(new.clone());
        }
        self.books.policy_replaced(&policy, &new, detail);
        *policy = new;
    }

    fn policy_refused(&self, detail: String) {
        self.books.write(Record::Policy(PolicyRecord { change: "refused".into(), detail }));
    }

    fn settle(&self) -> Counts {
        if let Some(engine) = self.engine.get() {
            engine.settle();
        }
        self.books.counts()
    }

    fn close(&self, status: Option<i32>) {
        self.settle();
        self.books.close(status);
    }
}
