//! Engines: what makes the kernel ask or obey.
//!
//! One folder an engine. An engine gathers the facts of an operation, has [`judge`](crate::policy::judge)
//! make the verdict and answers the kernel. What it denied it tells a [`Witness`], afterwards.

#[cfg(target_os = "linux")]
pub mod bpf_lsm;
pub mod endpoint_security;
pub mod probe;
#[cfg(target_os = "linux")]
pub mod seccomp;
mod unsupported;

pub use unsupported::Unsupported;

use crate::deeds::Deed;
use crate::denial::Denial;
use crate::policy::Override;

/// Who is told of what an engine did. Called after the kernel was answered.
pub trait Witness: Send + Sync {
    /// An operation was denied.
    fn denied(&self, denial: Denial);
    /// An operation was let through that would have been denied, and what it took is in these entries of the
    /// session's stash.
    fn stashed(&self, what: Denial, entries: Vec<u64>);
    /// Something was made, or something of the session's own removed or moved.
    fn own(&self, deed: Deed);
    /// An override for a single use has let something through, and is used up.
    fn used_up(&self, what: Override);
    /// Nothing has happened for a while.
    fn rests(&self);
    /// So many removals and moves of the session's own were let through of which nothing more is known.
    fn own_went(&self, count: u64);
    /// So many operations were denied of which nothing more is known, as there was no room to tell.
    fn lost(&self, count: u64);
}
