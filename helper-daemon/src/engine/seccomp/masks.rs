//! The callers' file creation masks.
//!
//! What is created for a caller gets the mode that the caller's own call would have given it. The kernel
//! applies a thread's mask (and knows when a default ACL takes its place), so a serving thread, which has a
//! mask of its own, takes on the caller's. Reading a caller's mask is slow; it is read once and holds until
//! any process of the tree calls `umask(2)`.

use endpoint_sec::linux::caller::{Caller, Identity, Unread};
use nix::sys::stat::{Mode, umask};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Threads whose mask is remembered. Each holds a descriptor.
const MAX_KNOWN: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Masks {
    known: Mutex<HashMap<i32, Known>>,
    /// Raised by every `umask(2)` of the tree.
    turn: AtomicU64,
}

#[derive(Debug)]
struct Known {
    thread: Identity,
    turn: u64,
    mask: u32,
}

impl Masks {
    /// Some process of the tree is about to change its mask.
    pub(super) fn change(&self) {
        self.turn.fetch_add(1, Ordering::SeqCst);
    }

    /// Makes the caller's mask this thread's.
    pub(super) fn take_on(&self, caller: &Caller) -> Result<(), Unread> {
        thread_local!(static CURRENT: Cell<Option<u32>> = const { Cell::new(None) });
        let mask = self.mask_of(caller)?;
        CURRENT.with(|current| {
            if current.replace(Some(mask)) != Some(mask) {
                umask(Mode::from_bits_truncate(mask));
            }
        });
        Ok(())
    }

    fn mask_of(&self, caller: &Caller) -> Result<u32, Unread> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.turn.load(Ordering::SeqCst);
        if let Some(entry) = known.get(&caller.tid())
            && entry.turn == turn
            && entry.thread.is_alive()
        {
            return Ok(entry.mask);
        }
        let thread = caller.identity()?;
        let mask = caller.umask()?;
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(caller.tid(), Known { thread, turn, mask });
        Ok(mask)
    }
}
