//! The process that reads repositories for a session, with either helper: what it may do, and who can reach it.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Stage, eventually};
use e2e::play::{mode, sandbox};
use e2e::row::Who;
use e2e::sandbox::{USER, everyone};
use e2e::system::children;
use std::fs;

/// The line of a process's status of this key.
fn status(pid: i32, key: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(":\t"));
    line.unwrap_or_default().to_owned()
}

/// The clerks below a process.
fn clerks(of: u32) -> Vec<i32> {
    let is_clerk = |pid: &i32| status(*pid, "Name") == "es-guard-clerk";
    children(of).into_iter().filter(is_clerk).collect()
}

#[test]
fn seccomp_each_session_has_one_that_only_reads_and_ends_with_it() {
    for mut stage in Stage::of_every_helper() {
        for who in everyone() {
            let sandbox = sandbox(who);
            let mut agent = Agent::start(stage.command(&sandbox, &mode(&sandbox), "sh".as_ref()));
            assert_eq!(agent.does("true"), 0);
            let is_system = stage.system_helper().is_some();
            let judge = match stage.system_helper() {
                Some(helper) if helper.is_own() => children(helper.pid())[0] as u32,
                Some(_) => return,
                None => agent.says("echo $PPID").parse().expect("a number"),
            };
            // It takes its name once it has let go of everything else.
            eventually("there is a clerk", || clerks(judge).len() == 1);
            let clerk = clerks(judge)[0];
            eventually("it has given up its capabilities", || {
                let kept = u64::from_str_radix(&status(clerk, "CapPrm"), 16).expect("a set");
                // Root's session reads what root reads.
                kept & !(u64::from(who == Who::Root) << 2) == 0
            });
            if who == Who::User {
                let effective = status(clerk, "Uid").split('\t').nth(1).map(str::to_owned);
                let own = if e2e::sandbox::is_root() { USER } else { nix::unistd::geteuid().as_raw() };
                assert_eq!(effective, Some(own.to_string()));
            }
            // Root reads everything; and with a helper of its own a tree may kill what guards it: it fails closed.
            let unread: &[&str] =
                if who == Who::Root { &[] } else { &["head -c 1 /proc/@/environ", "ls /proc/@/fd"] };
            let alive: &[&str] = if is_system { &["kill -9 @", "kill -STOP @"] } else { &[] };
            for attack in unread.iter().chain(alive) {
                assert_ne!(agent.does(&attack.replace('@', &clerk.to_string())), 0, "{attack} by {who:?}");
            }
            assert_eq!(clerks(judge), [clerk]);
            if !is_system {
                assert_eq!(agent.does(&format!("kill -9 {clerk}")), 0);
            }
            assert_eq!(agent.does("rm zone/a"), 1, "guarded with it or without");
            assert!(agent.ends().0.success());
            eventually("it ends with its session", || status(clerk, "Name").is_empty());
        }
    }
}
