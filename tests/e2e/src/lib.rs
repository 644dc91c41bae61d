//! The conformance corpus: what every engine must agree on, as data, and what runs it.
//!
//! A [row](row::Row) is a sandbox, the steps of one process, and what must come of them. It is run three
//! times: against `judge` alone over a [model] of the sandbox; [bare](runner), where an attack must succeed;
//! and guarded, where it must be refused and recorded. The process that plays the agent is C
//! (`attacks/driver.c`) and makes raw system calls. `tests/tools.rs` runs real
//! programs the same two ways. Sessions as people meet them are played by an [agent] that does one line after
//! another, and in a [terminal].
#![forbid(unsafe_code)]

pub mod agent;
pub mod guard;
pub mod model;
pub mod person;
pub mod require;
pub mod row;
pub mod runner;
pub mod sandbox;
pub mod terminal;
pub mod words;
