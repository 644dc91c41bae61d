//! es-guard's own processes around a session, which its tree must not reach.

use crate::engine::seccomp::Ward;
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::peer::Peer;
use nix::unistd::{Pid, getppid};

/// From the parent of the process to be guarded up to the peer that registers it (`wrap` and its helper), this
/// worker, and the monitor.
pub(super) fn of(child: Pid, peer: &Peer) -> Vec<Ward> {
    let pids = [Pid::this(), getppid()].into_iter().chain(between(child, peer.pid));
    // One that has ended meanwhile needs no defence.
    pids.filter_map(|pid| Ward::new(pid).ok()).collect()
}

/// From the parent of a process up to `peer`, if that is above it.
pub(super) fn between(child: Pid, peer: Pid) -> Vec<Pid> {
    let mut pids = Vec::new();
    let mut process = child.as_raw();
    while process != peer.as_raw() && pids.len() < MAX {
        match Caller::new(process).parent_id() {
            Ok(parent) if parent > 1 => process = parent,
            _ => break,
        }
        pids.push(Pid::from_raw(process));
    }
    pids
}

/// A chain longer than this is no wrap's.
const MAX: usize = 16;
