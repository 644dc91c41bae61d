//! The conformance corpus: what every engine must agree on, as data, and what runs it.
//!
//! A [row](row::Row) is a sandbox, the steps of one process, and what must come of them. It is run three
//! times: against `judge` alone over a [model] of the sandbox; [bare](runner), where an attack must succeed;
//! and guarded, where it must be refused and recorded. The process that plays the agent is C
//! (`attacks/driver.c`) and makes raw system calls. Real programs have rows of their own kind, in [tool].
//! The agents themselves are among them ([programs]), with a [service] in place of their model.
//! Sessions as people meet them are played by an [agent] that does one line after another, and in a [terminal].
//!
//! What is held against `judge` alone is so on every system; what plays the agent is Linux's so far, and so are the
//! tests that play it.
#![forbid(unsafe_code)]

pub mod agent;
pub mod approver;
pub mod asking;
pub mod bare;
pub mod crowd;
pub mod guard;
#[cfg(target_os = "linux")]
pub mod kept;
pub mod machine;
pub mod model;
pub mod number;
pub mod parallel;
pub mod person;
pub mod places;
pub mod play;
pub mod programs;
pub mod random;
pub mod require;
pub mod row;
pub mod runner;
#[cfg(target_os = "linux")]
pub mod same;
pub mod sandbox;
pub mod service;
pub mod system;
#[cfg(target_os = "linux")]
pub mod terminal;
#[cfg(target_os = "linux")]
pub mod tool;
pub mod words;
