//! On Linux a process of a guarded tree carries a filter.

use endpoint_sec::linux::{ancestry::filters, process::PidFd};

/// Whether this process may be in a guarded tree. A person's carries no filter.
pub(super) fn may_be_inside() -> bool {
    let me = nix::unistd::getpid();
    PidFd::open(me).ok().and_then(|held| filters(me, &held).ok()) != Some(0)
}
