//! What a process tree is about to do to its files, as owned events; and the answers to them.
//!
//! Events in, verdicts out. This crate turns what a kernel reports into safe values (who asks, for which
//! operation, on which directory and name) and turns an answer back into what the kernel expects. It knows
//! *where* a name is, on which file system and through which mounts, but not what a zone is, which policy
//! holds or what is written down: that is `helper-daemon`, its only caller.
//!
//! All `unsafe` of es-guard is here and in `endpoint-sec-sys`.

#[cfg(target_os = "linux")]
pub mod linux;
pub mod macos;
pub mod unix;
