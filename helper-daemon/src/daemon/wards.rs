//! es-guard's own processes around a session, which its tree must not reach.

use crate::engine::seccomp::Ward;
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::peer::Peer;
use nix::unistd::{Pid, getppid};

/// From the parent of the process to be guarded up to the peer that registers it (`wrap` and its helper), this
/// worker, and the monitor.
pub(super) fn of(child: Pid, peer: &Peer) -> Vec<Ward> {
    let mut pids = vec![Pid::this(), getppid()];
    let mut process = child.as_raw();
    while process != peer.pid.as_raw() && pids.len() < MAX {
        match Caller::new(process).parent_id() {
            Ok(parent) if parent > 1 => process = parent,
            _ => break,
        }
        pids.push(Pid::from_raw(process));
    }
    // One that has ended meanwhile needs no defence.
    pids.into_iter().filter_map(|pid| Ward::new(pid).ok()).collect()
}

/// A chain longer than this is no wrap's.
const MAX: usize = 16;
