//! How long is waited: until something holds, and at most until it must be called a hang.

use crate::require::{self, Pace};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Nothing here takes longer; what does hangs.
pub fn too_long() -> Duration {
    Duration::from_secs(match require::pace() {
        Pace::Normal => 120,
        Pace::Slow => 600,
        Pace::Long => 1800,
    })
}

/// Waits until something holds.
///
/// # Panics
/// When it takes so long that something hangs.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < too_long(), "{what}: it does not come to that");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Kills a process group when it takes too long.
#[derive(Debug)]
pub struct Watchdog {
    _done: mpsc::Sender<()>,
}

impl Watchdog {
    /// Watches the group of this process until the value is dropped.
    pub fn of(pid: u32) -> Self {
        let (sender, receiver) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            if receiver.recv_timeout(too_long()) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("the group {pid} takes too long and is killed");
                _ = killpg(Pid::from_raw(pid as i32), Signal::SIGKILL);
            }
        });
        Self { _done: sender }
    }
}
