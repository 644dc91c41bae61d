//! How a session's child is guarded: by a filter that it has put itself under, by the kernel, which is told of it, or by
//! both.

use super::link::{self, Asked, Kind};
use super::worker::taken;
use crate::engine::bpf_lsm::holder::Holder;
use crate::engine::bpf_lsm::places::Machine;
use crate::engine::seccomp::{Stance, Ward};
use crate::git::clerk::Clerk;
use crate::guard::{Child, InKernel, Layers, Local, Post, Records, failed};
use crate::protocol::{Failure, Register, Wanted};
use endpoint_sec::linux::listener::Listener;
use endpoint_sec::linux::process::PidFd;
use nix::poll::PollTimeout;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// What tells that the tree is empty.
pub(super) enum Watched {
    /// A second hold on its filter's listener.
    Filter(Listener),
    /// The kernel's own word.
    InKernel(Arc<Holder>),
    /// The listener; the kernel judges below it.
    Both(Listener, Arc<Holder>),
}

impl Watched {
    pub(super) fn wait_until_empty(&self) {
        match self {
            Watched::Filter(listener) | Watched::Both(listener, _) => {
                while !listener.is_deserted(PollTimeout::NONE) {}
            }
            Watched::InKernel(holder) => holder.wait_for_the_end(),
        }
    }

    /// What the next monitor has to be handed a link of.
    pub(super) fn holder(&self) -> Option<Arc<Holder>> {
        match self {
            Watched::Filter(_) => None,
            Watched::InKernel(holder) | Watched::Both(_, holder) => Some(holder.clone()),
        }
    }
}

/// What came with a registration: the records, the listener of a child that has armed itself, and a pidfd of the child.
pub(super) fn received(
    engine: Option<Wanted>,
    fds: Vec<OwnedFd>,
) -> Result<(Records, Option<OwnedFd>, PidFd), Failure> {
    let mut fds = fds;
    let missing = |count: &str| failed(format!("expected {count} descriptors"));
    let listener = match (Wanted::is_filtered(engine), fds.len()) {
        (true, 6) => Some(fds.remove(Records::COUNT)),
        (true, _) => return Err(missing("six")),
        (false, _) => None,
    };
    let Ok([ledger, denials, index, data, child]) = <[_; Records::COUNT + 1]>::try_from(fds) else {
        return Err(missing("five"));
    };
    Ok((Records::received([ledger, denials, index, data]), listener, PidFd::from_fd(child)))
}

/// What a session is armed with.
pub(super) struct Arms<'a> {
    pub(super) records: Records,
    pub(super) listener: Option<OwnedFd>,
    pub(super) child: &'a PidFd,
    pub(super) wards: Vec<Ward>,
    pub(super) monitor: &'a OwnedFd,
}

/// A guard for the session, not armed yet, the child as it is to be armed, and what tells that the tree is empty.
pub(super) fn guard(register: Register, arms: Arms<'_>) -> Result<(Local, Child, Watched), Failure> {
    let Arms { records, listener, child, wards, monitor } = arms;
    let held = taken(child.as_fd())?;
    let Some(listener) = listener else {
        let floor = in_kernel(&records, child, monitor, Asked::Needed)?;
        let tree = Watched::InKernel(floor.holder.clone());
        return Ok((Local::new(register, records, floor), Child::Waiting { held }, tree));
    };
    let watched = Listener::new(taken(listener.as_fd())?);
    let layered = register.engine.map(|wanted| match wanted {
        Wanted::Auto => Asked::IfItCan,
        Wanted::BpfLsm | Wanted::BpfLsmAndSeccomp => Asked::Needed,
    });
    // Before this process has a second thread.
    let clerk = Clerk::start().map_err(failed)?;
    let post = Post { stance: Stance::Withstands, wards, clerk };
    let waits = Child::Filtered { listener, held };
    let Some(asked) = layered else {
        return Ok((Local::new(register, records, post), waits, Watched::Filter(watched)));
    };
    let floor = in_kernel(&records, child, monitor, asked)?;
    let tree = Watched::Both(watched, floor.holder.clone());
    let needed = asked == Asked::Needed;
    Ok((Local::new(register, records, Layers { floor, post, needed }), waits, tree))
}

/// A session that is judged in the kernel, by tables that the monitor writes: it is told of the child.
fn in_kernel(records: &Records, child: &PidFd, monitor: &OwnedFd, asked: Asked) -> Result<InKernel, Failure> {
    let machine = Machine::now();
    let files = [&records.ledger, &records.denials, &records.index];
    let kept = files.into_iter().filter_map(|file| machine.identify(file.as_fd())).collect();
    let holder = Arc::new(Holder::new());
    let link = holder.offer().map_err(failed)?;
    link::send(monitor.as_fd(), Kind::InKernel, &[asked as u8], &[link.as_fd(), child.as_fd()])
        .map_err(failed)?;
    Ok(InKernel { holder, kept })
}
