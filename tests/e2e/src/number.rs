//! Process ids that are used again, on purpose: the kernel is told which one it gave last
//! (`/proc/sys/kernel/ns_last_pid`).

use crate::guard::eventually;
use crate::require;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::fs;
use std::process::{Child, Command};

const LAST: &str = "/proc/sys/kernel/ns_last_pid";

/// Whether numbers can be chosen here; notes a skip where they can't.
pub fn can_be_chosen() -> bool {
    let can = fs::read_to_string(LAST).and_then(|last| fs::write(LAST, last.trim()));
    if let Err(error) = &can {
        require::skip("root", &format!("to choose a process id: {error}"));
    }
    can.is_ok()
}

/// Waits until no process has this number.
pub fn is_free(number: u32) {
    eventually("the number is free", || kill(Pid::from_raw(number as i32), None).is_err());
}

/// Makes this the next number that is given: whoever forks first gets it.
pub fn is_next(number: u32) {
    fs::write(LAST, (number - 1).to_string()).expect("a choice of numbers");
}

/// Starts a process of this number. Another one may come before it, so it is tried until it succeeds.
pub fn start(number: u32, mut command: Command) -> Child {
    let mut found = None;
    eventually("a process of that number", || {
        is_next(number);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        if child.id() == number {
            found = Some(child);
        } else {
            // One that has ended already is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
        found.is_some()
    });
    found.expect("what was waited for")
}
