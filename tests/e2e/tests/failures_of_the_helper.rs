//! What fails around the system's helper while it guards, and what becomes of its sessions: the table of
//! docs/failure.md. Guarded operations never succeed because something broke.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::crowd::Member;
use e2e::guard::{Stage, denials, eventually, ledgers, output, read};
use e2e::play::{Play, another, another_is_guarded, another_is_refused, mode, sandbox};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, USER};
use e2e::system::children;
use helper_daemon::ledger::Record;
use helper_daemon::protocol::{Channel, Event, Request};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

fn helper(play: &mut Play) -> u32 {
    play.stage.system_helper().expect("a helper").pid()
}

#[test]
fn seccomp_an_owner_that_is_stopped_holds_up_nothing() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let beside: i32 = play.agent.says("echo $PPID").parse().expect("a number");
    let both = [beside, play.agent.pid() as i32].map(Pid::from_raw);
    for pid in both {
        kill(pid, Signal::SIGSTOP).expect("a process");
    }
    assert!(play.is_guarded());
    for pid in both {
        kill(pid, Signal::SIGCONT).expect("a process");
    }
    assert!(play.agent.ends().0.success());
    assert_eq!(denials(&play.sandbox).len(), 1);
}

#[test]
fn seccomp_a_worker_that_is_killed_takes_nobody_with_it() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let monitor = helper(&mut play);
    let [worker] = children(monitor)[..] else { panic!("one session has one worker") };
    let other = sandbox(Who::User);
    let mut beside = Agent::start(play.stage.command(&other, &mode(&other), "sh".as_ref()));
    assert_eq!(beside.does("true"), 0);
    assert!(play.is_guarded());
    assert_eq!(play.agent.does("echo 1 > zone/own"), 0);
    kill(Pid::from_raw(worker), Signal::SIGKILL).expect("a worker");
    eventually("the worker is gone", || !children(monitor).contains(&worker));
    for line in ["rm -f zone/a", "mv zone/b .", "rm zone/own"] {
        assert_ne!(play.agent.does(line), 0, "{line}");
    }
    // What is left is inside a guarded tree still: it speaks for no person.
    let question = e2e::asking::grant("20260102-030405-abcd", &play.path("a"));
    let asked = play.agent.says(&play.desk.line(&question));
    assert!(asked.contains("inside_a_tree"), "{asked}");
    assert_ne!(beside.does("rm -f zone/a"), 0);
    assert_eq!(beside.does("echo 1 > zone/own && rm zone/own"), 0);
    another_is_guarded(&play.stage);
    assert!(beside.ends().0.success());
    assert_eq!(denials(&other).len(), 1);
    let (status, told) = play.agent.ends();
    assert!(status.success(), "the agent's own status");
    assert!(told.contains("the system's helper died: from then on every guarded operation failed"), "{told}");
    assert!(play.sandbox.root().join("zone/a").exists() && play.sandbox.root().join("zone/b").exists());
}

/// An agent of root's could signal it: the monitor that comes next is out of its reach as the first was.
#[test]
fn seccomp_the_next_monitor_is_out_of_reach_as_the_first_was() {
    let Some(mut play) = Play::new(Who::Root) else { return };
    for _ in 0..3 {
        let monitor = helper(&mut play);
        for signal in ["STOP", "CONT"] {
            let line = format!("kill -{signal} {monitor}");
            let bare = Command::new("sh").args(["-c", &line]).status().expect("a shell");
            assert!(bare.success(), "bare: {line}");
        }
        for signal in ["STOP", "TERM", "KILL"] {
            assert_ne!(play.agent.does(&format!("kill -{signal} {monitor}")), 0, "{signal}");
        }
        play.stage.system_helper().expect("a helper").kill();
        play.stage.start_system_helper();
        let session = play.session();
        let listed = || e2e::asking::names(&play.desk.asks(0, &json!({"request": "list"})));
        eventually("the session has come back", || listed().contains(&session));
    }
    assert!(play.agent.ends().0.success());
    assert_eq!(denials(&play.sandbox).len(), 9);
}

#[test]
fn seccomp_without_its_socket_sessions_go_on_and_none_begins_unguarded() {
    let Some(mut play) = Play::new(Who::User) else { return };
    fs::remove_file(&play.desk.socket).expect("the socket");
    assert!(play.is_guarded());
    another_is_refused(&play.stage);
    assert!(play.agent.ends().0.success());
    assert_eq!(denials(&play.sandbox).len(), 1);
}

#[test]
fn seccomp_clients_that_stall_or_drip_mid_frame_are_ended_and_hold_nobody_else_up() {
    let Some(mut play) = Play::new(Who::User) else { return };
    // More than one user may have, and as long as each lasts.
    let mut stall = Command::new(play.stage.program("stall"));
    stall.arg(&play.desk.socket).arg("150").uid(USER).gid(USER).stdout(Stdio::piped());
    let mut stall = stall.spawn().expect("a process");
    let mut says = BufReader::new(stall.stdout.take().expect("a pipe")).lines();
    assert_eq!(says.next().expect("a word").expect("a word"), "connected");
    assert!(play.is_guarded());
    let mut others = Member::at_work(&play.stage, 1, 20);
    others.says("ready");
    others.go();
    others.says("done");
    others.ends();
    // This user's own has room or not; it never runs without a guard.
    let (own, output) = another(&play.stage);
    assert!([Some(3), Some(125)].contains(&output.status.code()), "{output:?}");
    assert_eq!(own.root().join("ran").exists(), output.status.code() == Some(3));
    assert!(own.root().join("zone/a").exists());
    assert_eq!(says.next().expect("a word").expect("a word"), "closed");
    assert!(stall.wait().expect("its end").success());
    another_is_guarded(&play.stage);
    assert!(play.is_guarded());
}

/// More silent connections than a user may have.
fn silent(socket: &Path) -> Vec<UnixStream> {
    (0..150).map(|_| UnixStream::connect(socket).expect("a connection")).collect()
}

#[test]
fn seccomp_of_too_many_connections_each_further_one_is_told_so() {
    let Some(mut play) = Play::new(Who::Root) else { return };
    let told = |command: &mut Command| {
        let output = output(command);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let says_why = told.contains("takes no more connections: user 0 has 128, as many as one may")
            && told.contains("--helper none");
        assert!(output.status.success() || says_why, "{output:?}");
        (output.status.code(), told)
    };
    // The silent ones are ended after a while, and then there is room: so it is tried until it is too late for none.
    eventually("a session is turned away", || {
        let _silent = silent(&play.desk.socket);
        let sandbox = sandbox(Who::Root);
        let mut command = play.stage.command(&sandbox, &mode(&sandbox), "touch".as_ref());
        let (status, told) = told(command.arg("ran"));
        assert_eq!(sandbox.root().join("ran").exists(), status == Some(0));
        assert!([Some(0), Some(125)].contains(&status), "{status:?}: {told}");
        status == Some(125) && told.contains("Nothing was run")
    });
    eventually("a question is turned away", || {
        let _silent = silent(&play.desk.socket);
        let mut status = play.stage.guard(&play.sandbox, &["status", "--helper"]);
        told(status.arg(&play.desk.socket)).0 == Some(1)
    });
    assert!(play.is_guarded());
    another_is_guarded(&play.stage);
}

#[test]
fn seccomp_a_flood_of_requests_starves_no_session() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let (over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let flood = || {
        while !over.load(Ordering::SeqCst) {
            let Ok(connection) = UnixStream::connect(&play.desk.socket) else { continue };
            let mut channel = Channel::new(connection);
            // One of too many is told so.
            if matches!(channel.ask(&Request::List, &[]), Ok(Event::Sessions { .. })) {
                asked.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(flood);
        }
        eventually("the flood has begun", || asked.load(Ordering::SeqCst) > 8);
        for user in [0, 1] {
            let mut member = Member::at_work(&play.stage, user, 200);
            member.says("ready");
            member.go();
            member.says("done");
            assert_eq!(denials(&member.ends()).len(), 100);
        }
        let before = asked.load(Ordering::SeqCst);
        eventually("the flood goes on", || asked.load(Ordering::SeqCst) > before);
        over.store(true, Ordering::SeqCst);
    });
    assert!(play.is_guarded());
}

/// With a policy file that names the zone and, perhaps, the directory `other`.
fn with_a_policy(stage: &Stage, who: Who) -> (Sandbox, Agent, impl Fn(bool)) {
    let sandbox = sandbox(who);
    let policy = sandbox.beside("policy.json");
    let root = sandbox.root();
    fs::create_dir(root.join("other")).expect("a directory");
    let writes = {
        let policy = policy.clone();
        move |both: bool| {
            let mut zones = vec![root.join("zone")];
            zones.extend(both.then(|| root.join("other")));
            let new = policy.with_extension("new");
            fs::write(&new, json!({ "protected_zones": zones }).to_string()).expect("a policy");
            fs::rename(new, &policy).expect("a policy");
        }
    };
    writes(false);
    sandbox.hand_over();
    let mut wrap = stage.guard(&sandbox, &["wrap", "--quiet", "--policy"]);
    wrap.arg(&policy).args(["--", "sh"]);
    let mut agent = Agent::start(wrap);
    assert_eq!(agent.does("true"), 0);
    (sandbox, agent, writes)
}

fn policies(sandbox: &Sandbox) -> usize {
    let ledger = ledgers(sandbox).pop().expect("a ledger");
    read(&ledger).lines.iter().filter(|line| matches!(line.record, Record::Policy(_))).count()
}

#[test]
fn seccomp_policies_that_come_while_operations_are_in_flight_let_none_through() {
    let Some(stage) = Stage::with_system_helper() else { return };
    let (sandbox, mut agent, writes) = with_a_policy(&stage, Who::User);
    agent.is_told("while [ ! -e stop ]; do rm -f zone/a; mv zone/b .; done 2> /dev/null & attacker=$!");
    agent.is_told("(while [ ! -e stop ]; do \"$STAGE/churn\" zone 200 || exit 1; done) & worker=$!");
    for round in 1..=8 {
        writes(round % 2 == 1);
        eventually("the policy is taken", || policies(&sandbox) >= round);
    }
    fs::write(sandbox.root().join("stop"), "").expect("a file");
    agent.does("wait $attacker");
    assert_eq!(agent.does("wait $worker"), 0, "the session's own went all the time");
    assert!(agent.ends().0.success());
    assert!(sandbox.root().join("zone/a").exists() && sandbox.root().join("zone/b").exists());
    assert!(!denials(&sandbox).is_empty());
}

#[test]
fn seccomp_a_tree_that_is_empty_while_a_policy_is_on_its_way_ends_as_any_other() {
    let stages = [Stage::with_engine(), Stage::with_system_helper()];
    for stage in stages.iter().flatten() {
        for round in 0..12 {
            let (sandbox, mut agent, writes) = with_a_policy(stage, Who::User);
            if round % 2 == 0 {
                agent.is_told("exit 3");
                writes(true);
            } else {
                writes(true);
                // At another point of its way each time; all of them are right.
                std::thread::sleep(Duration::from_millis(round * 15));
                agent.is_told("exit 3");
            }
            let (status, told) = agent.ends();
            assert_eq!(status.code(), Some(3), "{told}");
            assert!(denials(&sandbox).is_empty());
            let ledger = ledgers(&sandbox).pop().expect("a ledger");
            let last = read(&ledger).lines.pop().expect("a line");
            assert!(matches!(last.record, Record::SessionEnd(_)), "{last:?}");
        }
    }
}
