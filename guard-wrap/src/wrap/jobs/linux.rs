//! On Linux `/proc` tells what waits for a process, apart from what waits for a thread.

use nix::sys::signal::{SigSet, Signal};

/// The signals that are held back and wait for this process.
pub(super) fn waiting() -> SigSet {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let waiting = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    let waiting = waiting.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
    Signal::iterator().filter(|signal| waiting & (1 << (*signal as u64 - 1)) != 0).collect()
}
