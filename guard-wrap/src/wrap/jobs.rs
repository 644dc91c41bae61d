//! Job control: to the shell this process is the job, so where the agent stops, it stops.

#[cfg_attr(target_os = "linux", path = "jobs/linux.rs")]
#[cfg_attr(target_os = "macos", path = "jobs/macos.rs")]
mod own;

use endpoint_sec::unix::held::is_stopped;
use endpoint_sec::unix::signals::default_signal;
use nix::sys::signal::{SigSet, Signal, killpg, raise};
use nix::unistd::{Pid, getpgid, getpgrp, tcgetpgrp, tcsetpgrp};
use std::fs::{File, OpenOptions};

/// Stops this process because the agent has stopped; returns when it is continued. An agent that runs again
/// by now is not waited for.
pub(super) fn stop_with(agent: Pid, signal: i32) {
    if !is_stopped(agent) {
        return;
    }
    // By the agent's own signal: a shell tells them apart, and its `$?` does.
    let own = Signal::try_from(signal).unwrap_or(Signal::SIGSTOP);
    if own == Signal::SIGSTOP || !stop_by(own, agent) {
        // An orphaned process group drops what a terminal sends; it can't drop this.
        let _ = raise(Signal::SIGSTOP);
    }
    go_on(agent);
}

/// Stops this process by a signal that is held back; tells whether that did anything: whether somebody has
/// continued it since.
fn stop_by(signal: Signal, agent: Pid) -> bool {
    let held = SigSet::from(signal);
    loop {
        // Sent while it is held back, it takes an earlier SIGCONT away: one that waits afterwards came later.
        let sent = default_signal(signal).and_then(|()| raise(signal));
        let stopped = sent.and_then(|()| held.thread_unblock());
        let _ = held.thread_block();
        let waiting = own::waiting();
        if stopped.is_err() || waiting.contains(Signal::SIGCONT) {
            return stopped.is_ok();
        }
        // One that came since has taken the SIGCONT away: the whole job is stopped anew, as by a second key press.
        if !(waiting.contains(signal) && is_stopped(agent)) {
            return waiting.contains(signal);
        }
    }
}

/// Continues a stopped agent that has a process group of its own: what continued this one's did not reach it.
/// It gets the terminal back first, if the shell gave it to this process. An agent of this group is the
/// helper's to continue, who knows whether it has stopped anew since.
fn go_on(agent: Pid) {
    match getpgid(Some(agent)) {
        Ok(group) if group != getpgrp() && is_stopped(agent) => {
            if let Some(terminal) = terminal()
                && tcgetpgrp(&terminal) == Ok(getpgrp())
            {
                let _ = tcsetpgrp(&terminal, group);
            }
            let _ = killpg(group, Signal::SIGCONT);
        }
        _ => {}
    }
}

fn terminal() -> Option<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty").ok()
}
