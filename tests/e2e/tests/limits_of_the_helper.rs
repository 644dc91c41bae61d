//! The system's helper at its limits of files and processes: what it can't do, it refuses, and it recovers.
#![cfg(target_os = "linux")]

use e2e::guard::{Stage, denials, output};
use e2e::play::{Play, another, another_is_guarded, another_is_refused, mode, sandbox};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::is_root;
use e2e::system::{children, hard_limit, limit};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn helper(play: &mut Play) -> u32 {
    play.stage.system_helper().expect("a helper").pid()
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count()
}

#[test]
fn seccomp_at_the_limit_of_files_a_monitor_turns_sessions_away_and_recovers() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let monitor = helper(&mut play);
    // None more; and then some, with which it gets further, but not to a worker.
    let now = descriptors(monitor);
    for more in 0..6 {
        limit(monitor, "nofile", now + more);
        let (sandbox, output) = another(&play.stage);
        let told = String::from_utf8_lossy(&output.stderr);
        // With enough of them the session begins.
        if output.status.code() != Some(3) || more == 0 {
            assert_eq!(output.status.code(), Some(125), "{more}: {output:?}");
            assert!(!sandbox.root().join("ran").exists(), "{more}");
            assert!(told.contains("takes no more connections: ") && told.contains("journalctl"), "{told}");
        }
        assert!(sandbox.root().join("zone/a").exists(), "{more}");
        assert!(play.is_guarded());
    }
    limit(monitor, "nofile", 4096);
    another_is_guarded(&play.stage);
}

/// It holds a handle of each directory of the session's own, so a session can bring it there.
#[test]
fn seccomp_at_the_limit_of_files_a_worker_lets_nothing_through() {
    if !is_root() {
        return require::skip("root", "a system helper is root's");
    }
    for most in [14, 20, 30, 60] {
        let Some(mut stage) = Stage::with_system_helper() else { return };
        let monitor = stage.system_helper().expect("a helper").pid();
        hard_limit(monitor, "nofile", most);
        let sandbox = sandbox(Who::User);
        let many = "for i in 1 2 3 4 5 6 7 8; do (
                for j in 1 2 3 4 5 6 7 8; do
                    mkdir zone/d-$i-$j && echo 1 > zone/d-$i-$j/f
                    rm -f zone/a && echo gone; mv zone/b . && echo gone
                done) & done; wait; echo done";
        let mut command = stage.command(&sandbox, &mode(&sandbox), "sh".as_ref());
        let output = output(command.args(["-c", many]));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.code() == Some(125) || said == "done\n", "{most}: {output:?}");
        assert!(sandbox.root().join("zone/a").exists() && sandbox.root().join("zone/b").exists(), "{most}");
    }
}

#[test]
fn seccomp_at_its_users_limit_of_processes_a_worker_refuses_to_begin() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let monitor = helper(&mut play);
    // What a worker inherits: its own account's processes, threads included, are more than one.
    limit(monitor, "nproc", 1);
    assert!(play.is_guarded());
    another_is_refused(&play.stage);
    limit(monitor, "nproc", 4096);
    another_is_guarded(&play.stage);
    // The agent's own limit is nothing to the helper.
    let sandbox = sandbox(Who::User);
    let mut command = play.stage.command(&sandbox, &mode(&sandbox), "bash".as_ref());
    let output = output(command.args(["-c", "ulimit -u 1; exec rm -f zone/a"]));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(sandbox.root().join("zone/a").exists());
    assert_eq!(denials(&sandbox).len(), 1);
}

/// A cgroup of a test's own, in which processes are counted.
struct Counted(PathBuf);

impl Counted {
    fn new() -> Option<Self> {
        let name = format!("es-guard-e2e-{}", std::process::id());
        let made = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].iter().find_map(|above| {
            let dir = Path::new(above).join(&name);
            fs::create_dir(&dir).ok()?;
            let counted = Self(dir);
            counted.0.join("pids.max").exists().then_some(counted)
        });
        if made.is_none() {
            require::skip("root", "a cgroup that counts processes");
        }
        made
    }

    fn write(&self, file: &str, what: &str) {
        fs::write(self.0.join(file), what).unwrap_or_else(|error| panic!("{what} to {file}: {error}"));
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Its last process may have ended only now.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn seccomp_at_the_machines_limit_of_processes_sessions_go_on_and_none_begins() {
    if !is_root() {
        return require::skip("root", "a cgroup of its own");
    }
    let Some(counted) = Counted::new() else { return };
    let Some(mut play) = Play::new(Who::User) else { return };
    let monitor = helper(&mut play);
    for pid in children(monitor).into_iter().chain([monitor as i32]) {
        counted.write("cgroup.procs", &pid.to_string());
    }
    let now = fs::read_to_string(counted.0.join("pids.current")).expect("a number");
    counted.write("pids.max", now.trim());
    assert!(play.is_guarded());
    another_is_refused(&play.stage);
    assert!(play.is_guarded());
    counted.write("pids.max", "max");
    another_is_guarded(&play.stage);
    assert!(play.agent.ends().0.success());
    play.stage.system_helper().expect("a helper").kill();
}
