//! Linux: seccomp user notification, callers, handles and mounts.
//!
//! An event's way through this module: [`listener`] receives a trapped call, [`event`] reads what it asks
//! for out of the caller's memory, [`resolve`] turns each path into a directory handle and a name as the
//! caller would see them, [`mounts`] tells where that handle lies, and [`act`] performs the call on it.

pub mod act;
pub mod act_as;
pub mod ancestry;
pub mod arch;
pub mod bpf;
pub mod caller;
pub mod changes;
pub mod event;
pub mod filter;
pub mod handle;
pub mod identity;
pub mod in_person;
pub mod listener;
pub mod mounts;
pub mod output;
pub mod peer;
pub mod process;
pub mod reach;
pub mod resolve;
pub mod station;
mod terminal;
pub mod token;
mod walk;

pub use crate::unix::{handoff, wait};
