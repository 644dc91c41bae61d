//! The BPF LSM engine as a guard starts it.

use super::engine::{Beginning, Child, Engine, Starter};
use super::{Post, failed};
use crate::engine::bpf_lsm::holder::Holder;
use crate::engine::bpf_lsm::{BpfLsm, NAME, Settings, WITH_SECCOMP, floor_of};
use crate::engine::seccomp::OnConfined;
use crate::explain::Wording;
use crate::policy::Policy;
use crate::policy::table::FileId;
use crate::protocol::{Failure, FailureKind};
use nix::unistd::Pid;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A session that is judged in the kernel.
pub struct InKernel {
    /// The one who writes its tables, and was told of the child.
    pub holder: Arc<Holder>,
    /// Files that es-guard records the session in.
    pub kept: Vec<FileId>,
}

impl Starter for InKernel {
    fn start(self: Box<Self>, child: Child, session: Beginning) -> Result<Box<dyn Engine>, Failure> {
        let Child::Waiting { .. } = child else { return Err(failed("the child has armed itself")) };
        let InKernel { holder, kept } = *self;
        let Beginning { policy, witness, .. } = session;
        let engine = BpfLsm::start(holder, Settings { policy, kept, alone: true }, witness)
            .map_err(|error| Failure { kind: FailureKind::Engine, detail: error.to_string() })?;
        Ok(Box::new(engine))
    }
}

/// A session that is judged by a helper, and in the kernel below that: what gets past the one meets the other.
pub struct Layers {
    /// The kernel.
    pub floor: InKernel,
    /// Who is asked.
    pub post: Post,
    /// Whether there is no session without the kernel. Else it gives way once the one above performs nothing any more.
    pub needed: bool,
}

/// Both of them.
struct Both {
    floor: Arc<Below>,
    above: Box<dyn Engine>,
}

/// The kernel, below who is asked.
struct Below {
    engine: BpfLsm,
    /// The session's.
    policy: Mutex<Policy>,
    /// Whether it guards es-guard's own alone: once the one above performs nothing any more, what that lets through is
    /// done by who asked for it, and the kernel can't tell it from what got past.
    gave_way: AtomicBool,
}

impl Below {
    fn set_policy(&self, policy: Policy) -> Result<(), String> {
        let mut known = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        self.judge_by(&policy)?;
        *known = policy;
        Ok(())
    }

    fn give_way(&self) {
        let known = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        self.gave_way.store(true, Ordering::SeqCst);
        // Where that fails it refuses more than it should.
        let _ = self.judge_by(&known);
    }

    fn judge_by(&self, policy: &Policy) -> Result<(), String> {
        let mut floor = floor_of(policy);
        if self.gave_way.load(Ordering::SeqCst) {
            floor.zones.retain(|zone| zone.internal);
        }
        Engine::set_policy(&self.engine, floor)
    }
}

impl Starter for Layers {
    fn start(self: Box<Self>, child: Child, session: Beginning) -> Result<Box<dyn Engine>, Failure> {
        let Layers { floor: InKernel { holder, kept }, post, needed } = *self;
        let policy = floor_of(&session.policy);
        let floor = BpfLsm::start(holder, Settings { policy, kept, alone: false }, session.witness.clone());
        let floor = match floor {
            Err(error) if needed => {
                return Err(Failure { kind: FailureKind::Engine, detail: error.to_string() });
            }
            floor => floor.ok(),
        };
        let floor = floor.map(|engine| {
            let policy = Mutex::new(session.policy.clone());
            Arc::new(Below { engine, policy, gave_way: AtomicBool::new(false) })
        });
        let gives_way = floor.clone().filter(|_| !needed);
        let gives_way = gives_way.map(|floor| Box::new(move || floor.give_way()) as OnConfined);
        let above = post.begin(child, session, gives_way)?;
        Ok(match floor {
            Some(floor) => Box::new(Both { floor, above }),
            None => above,
        })
    }
}

impl Engine for Both {
    fn name(&self) -> &'static str {
        WITH_SECCOMP
    }

    fn set_policy(&self, policy: Policy) -> Result<(), String> {
        self.floor.set_policy(policy.clone())?;
        self.above.set_policy(policy)
    }

    fn explain(&self, wording: Wording) {
        self.above.explain(wording);
    }

    fn catch_up(&self, patience: Duration) {
        self.above.catch_up(patience);
        self.floor.engine.settle();
    }

    fn settle(&self) {
        self.above.settle();
        self.floor.engine.settle();
    }

    fn owns(&self, path: &Path) -> bool {
        self.above.owns(path)
    }

    fn defend(&self, process: Pid, held: OwnedFd) {
        self.above.defend(process, held);
    }
}

impl Engine for BpfLsm {
    fn name(&self) -> &'static str {
        NAME
    }

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
