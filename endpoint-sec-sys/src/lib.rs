//! Raw kernel interfaces, nothing else.
//!
//! This crate holds what the kernels' headers hold: structure layouts, request numbers, system call
//! numbers and the thinnest calls around them. It decides nothing, allocates nothing and knows neither
//! events nor verdicts; `endpoint-sec` is its only caller and gives all of it a safe face.
//!
//! Each item names the header or manual page that it was read from.

#[cfg(target_os = "linux")]
pub mod linux;
pub mod macos;
pub mod startup;
