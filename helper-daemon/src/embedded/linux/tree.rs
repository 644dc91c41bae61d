//! Counting the processes of a tree, for people: how many the agent left behind.

use crate::embedded::watch::Rest;
use nix::unistd::Pid;
use std::collections::HashSet;
use std::fs;
use std::time::Duration;

/// All that is below this process, which adopts what the agent leaves behind.
pub(super) struct Below {
    /// A process of this helper's own, no part of the tree.
    pub(super) clerk: Option<Pid>,
}

impl Rest for Below {
    fn count(&self) -> usize {
        count_below(std::process::id(), self.clerk)
    }

    /// They are this process's children, and were waited for.
    fn ends_within(&self, _: Duration) -> bool {
        true
    }
}

/// Live processes below `root`, not counting it, nor `but` and what is below that. 0 where the kernel keeps no
/// lists of children.
fn count_below(root: u32, but: Option<Pid>) -> usize {
    let mut seen = HashSet::new();
    let but = but.map(|pid| pid.as_raw() as u32);
    let mut pending = vec![root];
    while let Some(pid) = pending.pop() {
        for child in children(pid) {
            if Some(child) != but && is_live(child) && seen.insert(child) {
                pending.push(child);
            }
        }
    }
    seen.len()
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn is_live(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !matches!(rest.trim_start().chars().next(), Some('Z' | 'X') | None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_and_grandchildren_are_counted() {
        // Other tests have children of this process, too: what is counted is below a child of one's own.
        let line = "sh -c 'sleep 9 & sleep 9 & wait' & wait";
        let mut command = std::process::Command::new("sh");
        // What is left of it must not hold a pipe of the test's open.
        command.args(["-c", line]).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut shell = command.spawn().unwrap();
        let started = std::time::Instant::now();
        while count_below(shell.id(), None) < 3 {
            assert!(started.elapsed().as_secs() < 60);
        }
        assert_eq!(count_below(shell.id(), None), 3);
        let one = children(shell.id())[0] as i32;
        assert_eq!(count_below(shell.id(), Some(Pid::from_raw(one))), 3 - 1 - count_below(one as u32, None));
        assert!(children(std::process::id()).contains(&shell.id()));
        shell.kill().unwrap();
        shell.wait().unwrap();
    }
}
