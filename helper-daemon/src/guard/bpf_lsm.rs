//! The BPF LSM engine as a guard starts it.

use super::engine::{Beginning, Child, Engine, Starter};
use super::failed;
use crate::engine::bpf_lsm::holder::Holder;
use crate::engine::bpf_lsm::{BpfLsm, NAME, Settings};
use crate::explain::Wording;
use crate::policy::Policy;
use crate::policy::table::FileId;
use crate::protocol::{Failure, FailureKind};
use nix::unistd::Pid;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A session that is judged in the kernel.
pub struct InKernel {
    /// The one who writes its tables, and was told of the child.
    pub holder: Arc<Holder>,
    /// Files that es-guard records the session in.
    pub kept: Vec<FileId>,
}

impl Starter for InKernel {
    fn name(&self) -> &'static str {
        NAME
    }

    fn start(self: Box<Self>, child: Child, session: Beginning) -> Result<Box<dyn Engine>, Failure> {
        let Child::Waiting { .. } = child else { return Err(failed("the child has armed itself")) };
        let InKernel { holder, kept } = *self;
        let Beginning { policy, witness, .. } = session;
        let engine = BpfLsm::start(holder, Settings { policy, kept }, witness)
            .map_err(|error| Failure { kind: FailureKind::Engine, detail: error.to_string() })?;
        Ok(Box::new(engine))
    }
}

impl Engine for BpfLsm {
    fn set_policy(&self, policy: Policy) -> Result<(), String> {
        self.set_policy(policy).map_err(|error| error.to_string())
    }

    /// Whoever is refused something has its answer before anybody here knows: it asks `es-guard why`.
    fn explain(&self, _: Wording) {}

    fn catch_up(&self, _: Duration) {
        self.settle();
    }

    fn settle(&self) {
        self.settle();
    }

    /// Only the kernel knows.
    fn owns(&self, _: &Path) -> bool {
        false
    }

    /// Whoever holds the tables sees to that.
    fn defend(&self, _: Pid, _: OwnedFd) {}
}
