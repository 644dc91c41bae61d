//! The Endpoint Security engine as a guard starts it: one engine may judge many sessions, each by its name.

use super::engine::{Beginning, Child, Engine, Starter};
use super::failed;
use crate::engine::endpoint_security::{Engine as Shared, Enrolment};
use crate::explain::Wording;
use crate::policy::Policy;
use crate::protocol::{Failure, FailureKind};
use crate::session::SessionId;
use endpoint_sec::macos::FileId;
use nix::unistd::Pid;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The engine's name, as in records.
pub const NAME: &str = "endpoint-security";

/// An engine that runs, for one more session.
pub struct Enrol {
    /// Whose client judges.
    pub engine: Arc<Shared>,
    /// Called once the last process of the session has ended.
    pub ended: Box<dyn FnOnce() + Send>,
}

/// One session of it, until it is dropped.
struct Enrolled {
    engine: Arc<Shared>,
    session: SessionId,
}

impl Starter for Enrol {
    fn start(self: Box<Self>, child: Child, session: Beginning) -> Result<Box<dyn Engine>, Failure> {
        let Child::Suspended(root) = child else { return Err(failed("the child is no suspended one")) };
        let Enrol { engine, ended } = *self;
        let Beginning { session, policy, kept, witness, .. } = session;
        // As the kernel's own messages have them.
        let kept = kept.into_iter().map(|(device, inode)| FileId { device: device as i32, inode }).collect();
        let enrolment = Enrolment { session: session.clone(), root, policy, kept, witness, ended };
        engine
            .enrol(enrolment)
            .map_err(|error| Failure { kind: FailureKind::Engine, detail: error.to_string() })?;
        Ok(Box::new(Enrolled { engine, session }))
    }
}

impl Engine for Enrolled {
    fn name(&self) -> &'static str {
        NAME
    }

    fn set_policy(&self, policy: Policy) -> Result<(), String> {
        self.engine.replace_policy(&self.session, policy).map_err(|error| error.to_string())
    }

    /// Nothing writes into another process's output here: whoever is refused something asks `es-guard why`.
    fn explain(&self, _: Wording) {}

    fn catch_up(&self, _: Duration) {
        self.engine.settle();
    }

    fn settle(&self) {
        self.engine.settle();
    }

    /// Only an operation tells.
    fn owns(&self, _: &Path) -> bool {
        false
    }

    /// Those that there are come with the session.
    fn defend(&self, _: Pid, _: OwnedFd) {}
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        self.engine.retire(&self.session);
    }
}
