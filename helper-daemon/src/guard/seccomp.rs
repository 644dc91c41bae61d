//! The seccomp engine as a guard starts it.

use super::engine::{Beginning, Child, Engine, Starter};
use super::failed;
use crate::engine::seccomp::{OnConfined, Seccomp, Settings, Stance, Ward};
use crate::explain::Wording;
use crate::git::clerk::Clerk;
use crate::policy::Policy;
use crate::protocol::{Failure, FailureKind};
use crate::stash::Store;
use endpoint_sec::linux::filter::Options;
use endpoint_sec::linux::listener::Listener;
use endpoint_sec::linux::process::PidFd;
use nix::unistd::Pid;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// Where a guard stands towards the tree.
pub struct Post {
    /// What it has to expect of the tree.
    pub stance: Stance,
    /// es-guard's processes that the tree could reach.
    pub wards: Vec<Ward>,
    /// Who reads repositories for it.
    pub clerk: Clerk,
}

impl Post {
    /// What the agent's filter must trap for a guard in this process.
    pub fn filter_options() -> Result<Options, Failure> {
        Seccomp::filter_options().map_err(failed)
    }

    /// What it must trap for the system's helper: that reads any process, and may do more than the agent's user. The
    /// tree must not get at it.
    pub fn filter_options_of_the_system() -> Options {
        Options { keep_readable: false, watch_credentials: true, defend: true }
    }
}

impl Starter for Post {
    fn start(self: Box<Self>, child: Child, session: Beginning) -> Result<Box<dyn Engine>, Failure> {
        self.begin(child, session, None)
    }
}

impl Post {
    /// The same; somebody is told before nothing is performed any more.
    pub(super) fn begin(
        self,
        child: Child,
        session: Beginning,
        on_confined: Option<OnConfined>,
    ) -> Result<Box<dyn Engine>, Failure> {
        let Child::Filtered { listener, .. } = child else { return Err(failed("the child has no filter")) };
        let Post { stance, mut wards, clerk } = self;
        let Beginning { policy, kept, stash: (index, data), witness, .. } = session;
        wards.extend(Ward::new(clerk.pid()));
        // What can't be looked at can't be put into: then what would be kept is denied.
        let stash = Store::new(index, data).ok();
        let settings = Settings { policy, stance, wards, kept, stash, clerk, on_confined };
        let engine = Seccomp::start(Listener::new(listener), settings, witness)
            .map_err(|error| Failure { kind: FailureKind::Engine, detail: error.to_string() })?;
        Ok(Box::new(engine))
    }
}

impl Engine for Seccomp {
    fn name(&self) -> &'static str {
        "seccomp"
    }

    fn set_policy(&self, policy: Policy) -> Result<(), String> {
        self.set_policy(policy);
        Ok(())
    }

    fn explain(&self, wording: Wording) {
        self.explain(wording);
    }

    fn catch_up(&self, patience: Duration) {
        self.catch_up(patience);
    }

    fn settle(&self) {
        self.settle();
    }

    fn owns(&self, path: &Path) -> bool {
        self.owns(path)
    }

    fn defend(&self, process: Pid, held: OwnedFd) {
        self.add_ward(Ward::held(process, PidFd::from_fd(held)));
    }
}
