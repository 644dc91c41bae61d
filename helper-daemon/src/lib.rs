//! The helper: the process that holds an engine and judges.
//!
//! Policy, sessions, engines, ledger and protocol, one concept a room. An event comes from `endpoint-sec`, an
//! [engine] turns it into an operation, [`policy::judge`] makes the verdict, the engine answers the kernel;
//! afterwards, never in between, the [denial] goes to the [ledger].
//!
//! It renders nothing for people (that is `guard-wrap`) but the one sentence of a denial, and it has no
//! `unsafe`.
//!
//! Rooms that only Linux can have so far are left out elsewhere, each as a whole; the others are the same on every
//! system.
#![forbid(unsafe_code)]

pub mod client;
#[cfg(target_os = "linux")]
pub mod daemon;
pub mod deeds;
pub mod denial;
pub mod desk;
pub mod embedded;
pub mod encoding;
pub mod engine;
pub mod explain;
#[cfg(target_os = "linux")]
pub mod git;
pub mod guard;
mod jsonl;
pub mod ledger;
pub mod place;
pub mod policy;
pub mod protocol;
pub mod session;
pub mod single;
pub mod stash;
pub mod tree;
pub mod trust;
