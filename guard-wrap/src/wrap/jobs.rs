//! Job control: to the shell this process is the job, so where the agent stops, it stops.

use nix::sys::signal::{Signal, kill, killpg, raise};
use nix::unistd::{Pid, getpgid, getpgrp, tcgetpgrp, tcsetpgrp};
use std::fs::{File, OpenOptions};

/// Stops this process because the agent has stopped; returns when it is continued. An agent that runs again
/// by now is not waited for.
pub(super) fn stop_with(agent: Pid) {
    if is_stopped(agent) {
        // SIGSTOP, not the agent's own signal: it can't be ignored, and an orphaned group doesn't drop it.
        let _ = raise(Signal::SIGSTOP);
        go_on(agent);
    }
}

/// Continues a stopped agent: this process has been continued. An agent with a process group of its own gets
/// the terminal back first, if the shell gave it to this one.
pub(super) fn go_on(agent: Pid) {
    if !is_stopped(agent) {
        return;
    }
    match getpgid(Some(agent)) {
        Ok(group) if group != getpgrp() => {
            if let Some(terminal) = terminal()
                && tcgetpgrp(&terminal) == Ok(getpgrp())
            {
                let _ = tcsetpgrp(&terminal, group);
            }
            let _ = killpg(group, Signal::SIGCONT);
        }
        _ => {
            let _ = kill(agent, Signal::SIGCONT);
        }
    }
}

fn is_stopped(agent: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{agent}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

fn terminal() -> Option<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty").ok()
}
