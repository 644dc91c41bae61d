//! How a session's child is guarded: by a filter that it has put itself under, or by the kernel, which is told of it.

use super::link::{self, Kind};
use super::worker::taken;
use crate::engine::bpf_lsm::holder::Holder;
use crate::engine::bpf_lsm::places::Machine;
use crate::engine::seccomp::{Stance, Ward};
use crate::git::clerk::Clerk;
use crate::guard::{Child, InKernel, Local, Post, Records, failed};
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
}

impl Watched {
    pub(super) fn wait_until_empty(&self) {
        match self {
            Watched::Filter(listener) => while !listener.is_deserted(PollTimeout::NONE) {},
            Watched::InKernel(holder) => holder.wait_for_the_end(),
        }
    }

    /// What the next monitor has to be handed a link of.
    pub(super) fn holder(&self) -> Option<Arc<Holder>> {
        match self {
            Watched::Filter(_) => None,
            Watched::InKernel(holder) => Some(holder.clone()),
        }
    }
}

/// What came with a registration: the records, the listener of a child that has armed itself, and a pidfd of the child.
pub(super) fn received(
    engine: Option<Wanted>,
    fds: Vec<OwnedFd>,
) -> Result<(Records, Option<OwnedFd>, PidFd), Failure> {
    let mut fds = fds.into_iter();
    let mut next = || fds.next().ok_or_else(|| failed("a descriptor is missing"));
    let records = Records::received([next()?, next()?, next()?, next()?]);
    let listener = match engine {
        None => Some(next()?),
        Some(Wanted::BpfLsm) => None,
    };
    let child = PidFd::from_fd(next()?);
    if fds.next().is_some() { Err(failed("a descriptor too many")) } else { Ok((records, listener, child)) }
}

/// A session whose calls wait for this process.
pub(super) fn filtered(
    register: Register,
    records: Records,
    (listener, child): (OwnedFd, &PidFd),
    wards: Vec<Ward>,
) -> Result<(Local, Child, Watched), Failure> {
    let tree = Watched::Filter(Listener::new(taken(listener.as_fd())?));
    // Before this process has a second thread.
    let clerk = Clerk::start().map_err(failed)?;
    let post = Post { stance: Stance::Withstands, wards, clerk };
    let held = taken(child.as_fd())?;
    Ok((Local::new(register, records, post), Child::Filtered { listener, held }, tree))
}

/// A session that is judged in the kernel, by tables that the monitor writes.
pub(super) fn in_kernel(
    register: Register,
    records: Records,
    child: &PidFd,
    monitor: &OwnedFd,
) -> Result<(Local, Child, Watched), Failure> {
    let machine = Machine::now();
    let files = [&records.ledger, &records.denials, &records.index];
    let kept = files.into_iter().filter_map(|file| machine.identify(file.as_fd())).collect();
    let holder = Arc::new(Holder::new());
    let link = holder.offer().map_err(failed)?;
    link::send(monitor.as_fd(), Kind::InKernel, &[], &[link.as_fd(), child.as_fd()]).map_err(failed)?;
    let held = taken(child.as_fd())?;
    let guard = Local::new(register, records, InKernel { holder: holder.clone(), kept });
    Ok((guard, Child::Waiting { held }, Watched::InKernel(holder)))
}
