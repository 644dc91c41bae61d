//! The helper: the process that holds an engine and judges.
//!
//! Policy, sessions, engines, ledger and protocol, one concept a room. An event comes from `endpoint-sec`, an
//! [engine] turns it into an operation, [`policy::judge`] makes the verdict, the engine answers the kernel;
//! afterwards, never in between, the [denial] goes to the [ledger].
//!
//! It renders nothing for people (that is `guard-wrap`) but the one sentence of a denial, and it has no
//! `unsafe`.
#![forbid(unsafe_code)]

pub mod daemon;
pub mod deeds;
pub mod denial;
pub mod embedded;
pub mod encoding;
pub mod engine;
pub mod explain;
pub mod git;
pub mod guard;
mod jsonl;
pub mod ledger;
pub mod policy;
pub mod protocol;
pub mod session;
pub mod stash;
