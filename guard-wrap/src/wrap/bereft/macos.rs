//! On macOS what nobody judges is let through. So nobody is left to do it.

use endpoint_sec::macos::{AuditToken, Framework};
use endpoint_sec::unix::held::Held;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;

/// Whether it would be let through.
pub(super) const LETS_THROUGH: bool = true;

/// Ends the agent and what is below it: whoever judged them died.
pub(super) fn nobody_judges(agent: &Held) -> &'static str {
    if let (Some(pid), Ok(framework)) = (agent.pid(), Framework::load()) {
        // Stopped, it makes no more.
        let _ = agent.signal(Signal::SIGSTOP as i32);
        for below in below(pid.as_raw(), &framework.processes()) {
            if framework.token_of(below.pid()) == Some(below) {
                let _ = kill(Pid::from_raw(below.pid()), Signal::SIGKILL);
            }
        }
    }
    // One that is gone needs no signal.
    let _ = agent.signal(Signal::SIGKILL as i32);
    "the helper died, and with it the guard: the agent and all below it were killed. What the agent had left to launchd runs on, unguarded"
}

/// Everybody below a process, in a list of all with their parents.
fn below(root: i32, all: &[(AuditToken, Option<AuditToken>)]) -> Vec<AuditToken> {
    let mut children: HashMap<i32, Vec<AuditToken>> = HashMap::new();
    for (who, parent) in all {
        children.entry(parent.map_or(0, |parent| parent.pid())).or_default().push(*who);
    }
    let (mut found, mut pending) = (Vec::new(), vec![root]);
    while let Some(pid) = pending.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            pending.push(child.pid());
            found.push(child);
        }
    }
    found
}
