//! What is known of a calling process, until it can have changed.
//!
//! Asking `/proc` for a caller's root, user namespace and file creation mask costs more than the call that is
//! judged. For a process's first thread the answers are kept, with a descriptor that tells when the process
//! has ended (a later one of the same id is asked anew). The calls that change an answer are trapped: after
//! `umask(2)` all masks are read again; after a call that changes roots or namespaces nothing is kept any
//! more in this session.

use endpoint_sec::linux::caller::{Caller, Unread};
use endpoint_sec::linux::handle::{Handle, Stat};
use endpoint_sec::linux::process::PidFd;
use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};
use nix::unistd::Pid;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Processes that are kept. Each holds a descriptor.
const MAX_PROCESSES: usize = 256;
/// Directories that are kept, and for how long.
const MAX_OUTSIDE: usize = 1024;
const OUTSIDE_FOR: Duration = Duration::from_secs(1);

pub(super) struct Known {
    processes: Mutex<HashMap<i32, Process>>,
    /// Directories, as text from this process's root, that lay outside all zones a moment ago.
    outside: Mutex<HashMap<Vec<u8>, Instant>>,
    /// Raised by every `umask(2)` of the tree.
    turn: AtomicU64,
    /// Whether no process of the tree has changed its root or namespaces yet.
    settled: AtomicBool,
    root: Handle,
    root_stat: Stat,
    user_namespace: u64,
    mount_namespace: u64,
    pid_namespace: u64,
}

#[derive(Debug)]
struct Process {
    pidfd: PidFd,
    at_home: bool,
    mask: Option<(u64, u32)>,
}

impl Known {
    pub(super) fn new() -> Result<Self, Errno> {
        let root = Handle::open("/".as_ref())?;
        let me = Caller::new(std::process::id() as i32);
        Ok(Self {
            processes: Mutex::new(HashMap::new()),
            outside: Mutex::new(HashMap::new()),
            turn: AtomicU64::new(0),
            settled: AtomicBool::new(true),
            root_stat: root.stat()?,
            root,
            user_namespace: me.namespace("user").map_err(|_| Errno::EIO)?,
            mount_namespace: me.namespace("mnt").map_err(|_| Errno::EIO)?,
            pid_namespace: me.namespace("pid").map_err(|_| Errno::EIO)?,
        })
    }

    /// This process's root.
    pub(super) fn root(&self) -> &Handle {
        &self.root
    }

    /// This process's mount namespace.
    pub(super) fn mount_namespace(&self) -> u64 {
        self.mount_namespace
    }

    /// Whether numbers of processes mean the same to the caller as to this process.
    pub(super) fn counts_processes_alike(&self, caller: &Caller) -> bool {
        caller.namespace("pid").is_ok_and(|namespace| namespace == self.pid_namespace)
    }

    /// Some process of the tree is about to change its root or namespaces.
    pub(super) fn unsettle(&self) {
        self.settled.store(false, Ordering::SeqCst);
    }

    /// A process of the tree is about to change its mask.
    pub(super) fn mask_changes(&self, caller: &Caller) {
        self.turn.fetch_add(1, Ordering::SeqCst);
        // A thread that is not the first may do so while the first creates something: its mask is not kept.
        if caller.process_id() != Ok(caller.tid()) {
            self.unsettle();
        }
    }

    /// Whether the caller sees files as this process does: same root, same mounts, same user namespace.
    pub(super) fn is_at_home(&self, caller: &Caller) -> bool {
        self.with(caller, |process| process.at_home).unwrap_or_else(|| self.ask(caller))
    }

    /// Runs `use_it` on what is kept of the caller, which is looked up first. `None` where nothing is kept.
    fn with<T>(&self, caller: &Caller, use_it: impl FnOnce(&mut Process) -> T) -> Option<T> {
        if !self.settled.load(Ordering::SeqCst) {
            return None;
        }
        let mut processes = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        if processes.get(&caller.tid()).is_some_and(|process| process.pidfd.has_ended()) {
            processes.remove(&caller.tid());
        }
        if !processes.contains_key(&caller.tid()) {
            // Opened first: whatever is asked afterwards is asked of this process. Fails for a thread that is
            // not its process's first.
            let pidfd = PidFd::open(Pid::from_raw(caller.tid())).ok()?;
            let at_home = self.ask(caller);
            if processes.len() >= MAX_PROCESSES {
                processes.clear();
            }
            processes.insert(caller.tid(), Process { pidfd, at_home, mask: None });
        }
        processes.get_mut(&caller.tid()).map(use_it)
    }

    fn ask(&self, caller: &Caller) -> bool {
        let place = |stat: &Stat| (stat.dev, stat.ino, stat.mount);
        let root = caller.root().and_then(|root| root.stat().map_err(Unread::Bare));
        root.is_ok_and(|root| place(&root) == place(&self.root_stat))
            && caller.namespace("user").is_ok_and(|inode| inode == self.user_namespace)
    }

    /// Makes the caller's mask this thread's, so that the kernel applies it (or a default ACL in its place).
    pub(super) fn take_on_mask(&self, caller: &Caller) -> Result<(), Unread> {
        thread_local!(static CURRENT: Cell<Option<u32>> = const { Cell::new(None) });
        let turn = self.turn.load(Ordering::SeqCst);
        let kept = self.with(caller, |process| process.mask.filter(|(of, _)| *of == turn)).flatten();
        let mask = match kept {
            Some((_, mask)) => mask,
            None => {
                let mask = caller.umask()?;
                self.with(caller, |process| process.mask = Some((turn, mask)));
                mask
            }
        };
        CURRENT.with(|current| {
            if current.replace(Some(mask)) != Some(mask) {
                umask(Mode::from_bits_truncate(mask));
            }
        });
        Ok(())
    }

    /// Whether a directory, absolute text of a caller at home, was outside all zones a moment ago. Good enough
    /// for creations, which are allowed anywhere: a wrong answer makes a file that is not the session's own.
    pub(super) fn was_outside(&self, directory: &[u8]) -> bool {
        let outside = self.outside.lock().unwrap_or_else(PoisonError::into_inner);
        outside.get(directory).is_some_and(|seen| seen.elapsed() < OUTSIDE_FOR)
    }

    /// Keeps a directory for [`was_outside`](Self::was_outside).
    pub(super) fn keep_outside(&self, directory: &[u8]) {
        let mut outside = self.outside.lock().unwrap_or_else(PoisonError::into_inner);
        if outside.len() >= MAX_OUTSIDE {
            outside.clear();
        }
        outside.insert(directory.to_vec(), Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_at_home_and_a_thread_is_not_kept() {
        let known = Known::new().unwrap();
        let me = Caller::new(std::process::id() as i32);
        assert!(known.is_at_home(&me));
        assert_eq!(known.processes.lock().unwrap().len(), 1);
        let thread = Caller::new(nix::unistd::gettid().as_raw());
        assert!(known.is_at_home(&thread));
        assert_eq!(known.processes.lock().unwrap().len(), 1, "a test runs in a thread of its own");
    }

    #[test]
    fn a_process_that_has_ended_is_asked_anew() {
        let known = Known::new().unwrap();
        let mut child = std::process::Command::new("sleep").arg("9").spawn().unwrap();
        let caller = Caller::new(child.id() as i32);
        assert!(known.is_at_home(&caller));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!known.is_at_home(&caller));
    }

    #[test]
    fn nothing_is_kept_once_unsettled() {
        let known = Known::new().unwrap();
        known.unsettle();
        assert!(known.is_at_home(&Caller::new(std::process::id() as i32)));
        assert!(known.processes.lock().unwrap().is_empty());
    }

    #[test]
    fn directories_outside_are_kept_for_a_moment() {
        let known = Known::new().unwrap();
        known.keep_outside(b"/a/");
        assert!(known.was_outside(b"/a/"));
        assert!(!known.was_outside(b"/a/b/"));
    }
}
