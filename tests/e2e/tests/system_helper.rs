//! The system's helper and those who should not be its friends: other users, the guarded tree itself, clients
//! that speak nonsense or nothing, and its own death. What it judges is the corpus's to say.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Stage, denials, eventually, ledgers, output, read, run};
use e2e::row::Who;
use e2e::sandbox::Sandbox;
use e2e::system::children;
use helper_daemon::protocol::{Channel, Event, PROTOCOL_VERSION, Register, Request};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(Who::User);
    std::fs::create_dir(sandbox.root().join("zone")).expect("a zone");
    std::fs::write(sandbox.root().join("zone/a"), "old").expect("a file");
    sandbox.hand_over();
    sandbox
}

fn safe(sandbox: &Sandbox) -> bool {
    std::fs::read(sandbox.root().join("zone/a")).is_ok_and(|content| content == b"old")
}

fn mode(sandbox: &Sandbox) -> Mode {
    Mode::Guarded { zones: vec![sandbox.root().join("zone")], policy: None }
}

/// An agent that runs.
fn agent(stage: &Stage, sandbox: &Sandbox) -> Agent {
    let mut agent = Agent::start(stage.command(sandbox, &mode(sandbox), "sh".as_ref()));
    assert_eq!(agent.does("true"), 0);
    agent
}

/// A process of uid 1000, killed with the value.
struct Other(Child);

impl Other {
    fn start(program: &Path, argument: &Path) -> Self {
        let child = Command::new(program).arg(argument).uid(1000).gid(1000).stderr(Stdio::null()).spawn();
        Self(child.expect("a process"))
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id() as i32)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The sessions that a user is told of: their command lines.
fn told(stage: &mut Stage, sandbox: &Sandbox, uid: u32) -> Vec<String> {
    let socket = stage.system_helper().expect("a helper").socket.clone();
    let mut status = stage.guard(sandbox, &["status", "--json", "--helper"]);
    let output = status.arg(socket).uid(uid).gid(uid).output().expect("a status");
    assert!(output.status.success(), "as {uid}: {output:?}");
    let sessions: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let words = |session: &serde_json::Value| session["session"]["argv"].to_string();
    sessions.as_array().expect("a list").iter().map(words).collect()
}

#[test]
fn seccomp_a_session_is_seen_by_its_user_and_by_root_and_by_nobody_else() {
    let Some(mut stage) = Stage::with_system_helper() else { return };
    let sandbox = sandbox();
    let mut agent = agent(&stage, &sandbox);
    assert_eq!(agent.does("rm zone/a"), 1);
    for (uid, seen) in [(1000, 1), (0, 1), (1001, 0)] {
        assert_eq!(told(&mut stage, &sandbox, uid).len(), seen, "as {uid}");
    }
    assert!(agent.ends().0.success());
    eventually("the session ends", || told(&mut stage, &sandbox, 0).is_empty());
    assert_eq!(denials(&sandbox).len(), 1);
}

#[test]
fn seccomp_the_tree_can_neither_signal_nor_read_its_helper() {
    let Some(mut stage) = Stage::with_system_helper() else { return };
    let sandbox = sandbox();
    let mut agent = agent(&stage, &sandbox);
    let monitor = stage.system_helper().expect("a helper").pid();
    let workers = children(monitor);
    assert_eq!(workers.len(), 1);
    // Bare, a process of the same user may do all of this to a process like the worker.
    let mut like_it = Other::start("sleep".as_ref(), "600".as_ref());
    for (pid, refused) in [(like_it.pid().as_raw(), false), (monitor as i32, true), (workers[0], true)] {
        for attack in ["kill -STOP @", "head -c 1 /proc/@/environ", "ls /proc/@/fd", "kill -9 @"] {
            let status = agent.does(&attack.replace('@', &pid.to_string()));
            assert_eq!(status != 0, refused, "{attack} of {pid}: {status}");
        }
    }
    assert!(!like_it.0.wait().expect("its end").success());
    assert_eq!(children(monitor), workers);
    assert_ne!(agent.does("rm zone/a"), 0);
    assert!(safe(&sandbox));
    agent.ends();
}

#[test]
fn seccomp_when_the_helper_is_killed_guarded_operations_fail() {
    let Some(mut stage) = Stage::with_system_helper() else { return };
    let sandbox = sandbox();
    let mut agent = agent(&stage, &sandbox);
    assert_eq!(agent.does("echo 1 > zone/own"), 0);
    assert_ne!(agent.does("rm zone/a"), 0);
    stage.system_helper().expect("a helper").kill_all();
    assert_ne!(agent.does("rm zone/a"), 0);
    assert_ne!(agent.does("mv zone/a ."), 0);
    assert_ne!(agent.does("rm zone/own"), 0);
    assert!(safe(&sandbox));
    let (status, told) = agent.ends();
    assert!(status.success(), "the agent's own status");
    assert!(told.contains("the system's helper died: from then on every guarded operation failed"), "{told}");
    // What the ledger has is what is known.
    let ledger = ledgers(&sandbox).pop().expect("a ledger");
    assert_eq!(read(&ledger).denials().count(), 1);
}

/// A helper that is killed, or restarted for an upgrade, takes nothing along: what judges a session outlives it, and
/// comes back to the next.
#[test]
fn seccomp_sessions_go_on_without_the_process_that_listens_and_come_back_to_the_next() {
    let Some(mut stage) = Stage::with_system_helper() else { return };
    let sandbox = sandbox();
    let mut agent = agent(&stage, &sandbox);
    assert_eq!(agent.does("echo 1 > zone/own"), 0);
    let socket = stage.system_helper().expect("a helper").socket.clone();
    for round in 0..2 {
        stage.system_helper().expect("a helper").kill();
        assert_ne!(agent.does("rm zone/a"), 0);
        assert_eq!(agent.does("echo > zone/new && rm zone/new"), 0);
        assert!(UnixStream::connect(&socket).is_err());
        stage.start_system_helper();
        eventually("the session has come back", || told(&mut stage, &sandbox, 1000).len() == 1);
        assert_ne!(agent.does("rm zone/a"), 0);
        let mut grant = stage.guard(&sandbox, &["override", "grant", "--for", "10m", "--helper"]);
        let path = sandbox.root().join(format!("zone/granted-{round}"));
        std::fs::write(&path, "old").expect("a file");
        let granted = grant.arg(&socket).arg(&path).uid(1000).gid(1000).output().expect("a grant");
        assert!(granted.status.success(), "{granted:?}");
        assert_eq!(agent.does(&format!("rm -f zone/granted-{round}")), 0);
    }
    // What was its own before the helper's death is so still.
    assert_eq!(agent.does("rm zone/own"), 0);
    assert!(agent.ends().0.success());
    eventually("the session is over", || told(&mut stage, &sandbox, 0).is_empty());
    assert_eq!(denials(&sandbox).len(), 4);
    let ledger = ledgers(&sandbox).pop().expect("a ledger");
    let text = std::fs::read_to_string(ledger).expect("a ledger");
    assert_eq!(text.matches("\"session_end\"").count(), 1, "{text}");
}

/// Nobody but a worker is taken for one.
#[test]
fn seccomp_a_user_who_poses_as_a_worker_is_a_client_like_any_other() {
    let Some(mut stage) = Stage::with_system_helper() else { return };
    let socket = stage.system_helper().expect("a helper").socket.clone();
    let line = format!(
        "import array, os, socket\n\
         s = socket.socket(socket.AF_UNIX); s.connect('{}')\n\
         a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n\
         fds = array.array('i', [b.fileno(), os.pidfd_open(os.getppid())])\n\
         s.sendmsg([b'es-guard worker\\0' + bytes(4)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])\n\
         b.close(); a.settimeout(60)\n\
         a.send(b'\\0forged')\n\
         a.recv(1)",
        socket.display()
    );
    for uid in [1000, 0] {
        let posed = Command::new("python3").args(["-c", &line]).uid(uid).gid(uid).output();
        let posed = posed.expect("python");
        // The link it offered was dropped with the connection: nobody reads it.
        let said = String::from_utf8_lossy(&posed.stderr);
        assert!(said.contains("BrokenPipe") || said.contains("ConnectionReset") || said.is_empty(), "{said}");
        assert!(told(&mut stage, &sandbox(), 0).is_empty(), "as {uid}: a session was forged");
    }
}

/// The agent's own user can kill that: the one who judges is another.
#[test]
fn seccomp_when_the_process_beside_the_agent_is_killed_the_helper_goes_on_guarding() {
    let Some(stage) = Stage::with_system_helper() else { return };
    let sandbox = sandbox();
    let policy = sandbox.beside("policy.json");
    let zones = |zones: &[&str]| {
        let zones: Vec<_> = zones.iter().map(|zone| sandbox.root().join(zone)).collect();
        std::fs::write(&policy, serde_json::json!({ "protected_zones": zones }).to_string())
            .expect("a policy");
    };
    zones(&["zone"]);
    std::fs::create_dir(sandbox.root().join("other")).expect("a directory");
    sandbox.hand_over();
    let mut command = stage.guard(&sandbox, &["wrap", "--policy"]);
    command.arg(&policy).args(["--", "sh"]);
    let mut agent = Agent::start(command);
    assert_ne!(agent.does("rm zone/a"), 0);
    let beside: i32 = agent.says("echo $PPID").parse().expect("a number");
    kill(Pid::from_raw(beside), Signal::SIGKILL).expect("a process");
    let parent = "awk '/^PPid/ { print $2 }' /proc/$$/status";
    eventually("the agent is wrap's child", || agent.says(parent) == agent.pid().to_string());
    assert_ne!(agent.does("rm zone/a"), 0);
    assert_eq!(agent.does("echo 1 > zone/own && rm zone/own"), 0, "what is the session's own still goes");
    // A change of the policy still arrives.
    zones(&["zone", "other"]);
    let file = sandbox.root().join("other/f");
    eventually("the new zone", || {
        std::fs::write(&file, "the person's").expect("a file");
        agent.does("rm -f other/f") != 0
    });
    agent.is_told("exit 3");
    let (status, told) = agent.ends();
    assert_eq!(status.code(), Some(3));
    assert!(safe(&sandbox));
    assert!(told.contains("blocked 3 operations") && !told.contains("failed"), "{told}");
    assert!(told.contains("the helper beside the agent died; the system's helper guarded on"), "{told}");
    assert_eq!(denials(&sandbox).len(), 3);
    let ledger = ledgers(&sandbox).pop().expect("a ledger");
    let contents = read(&ledger);
    let (_, end) = contents.end().expect("an end");
    assert_eq!((end.status, end.counts.denied, end.counts.own_removed > 0), (Some(3), 3, true));
}

#[test]
fn seccomp_what_wrap_leaves_behind_stays_guarded_by_the_helper() {
    let Some(stage) = Stage::with_system_helper() else { return };
    let sandbox = sandbox();
    let script = "setsid sh -c 'trap \"\" HUP; read x < go; rm zone/a; echo $? > told' < /dev/null > /dev/null 2>&1 & echo $PPID";
    let go = sandbox.root().join("go");
    nix::unistd::mkfifo(&go, nix::sys::stat::Mode::from_bits_truncate(0o666)).expect("a fifo");
    sandbox.hand_over();
    let mut command = stage.command(&sandbox, &mode(&sandbox), "sh".as_ref());
    command.args(["-c", script]);
    let parent = String::from_utf8(command.output().expect("a session").stdout).expect("a number");
    let parent = Pid::from_raw(parent.trim().parse().expect("a number"));
    kill(parent, nix::sys::signal::Signal::SIGKILL)
        .expect("wrap's own helper waits for the rest of the tree");
    std::fs::write(&go, "\n").expect("somebody who reads");
    let told = sandbox.root().join("told");
    eventually("the rest of the tree has tried", || std::fs::read_to_string(&told).is_ok_and(|s| s == "1\n"));
    assert!(safe(&sandbox));
    assert_eq!(denials(&sandbox).len(), 1);
}

#[test]
fn seccomp_nonsense_silence_and_floods_disturb_nobody() {
    let Some(mut stage) = Stage::with_system_helper() else { return };
    let sandbox = sandbox();
    let socket = stage.system_helper().expect("a helper").socket.clone();
    let mut agent = agent(&stage, &sandbox);
    // Silent clients, of which there are more than one user may have.
    let silent: Vec<_> = (0..150).filter_map(|_| UnixStream::connect(&socket).ok()).collect();
    for nonsense in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x02{}", b"\0\0\0\x10\"", b"GET / HTTP/1.0\r\n\r\n"] {
        let mut client = UnixStream::connect(&socket).expect("a connection");
        // One that is refused is closed at once.
        let _ = client.write_all(nonsense);
        let _ = client.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        assert!(!String::from_utf8_lossy(&answer).contains("armed"));
    }
    // Those were root's; the user's own sessions go on, and new ones begin.
    assert_ne!(agent.does("rm zone/a"), 0);
    let another = stage.command(&sandbox, &mode(&sandbox), "true".as_ref()).output().expect("a session");
    assert!(another.status.success(), "{another:?}");
    drop(silent);
    agent.ends();
    assert!(safe(&sandbox));
}

/// Registers `child` with descriptors that would do; answers why it is refused.
fn refused(socket: &Path, child: Pid) -> String {
    let mut channel = Channel::new(UnixStream::connect(socket).expect("a connection"));
    let register = serde_json::from_value::<Register>(serde_json::json!({
        "protocol": PROTOCOL_VERSION,
        "session": {"id": "20260102-030405-abcd", "argv": ["x"], "cwd": "/", "version": "0"},
        "policy": {"zones": [], "overrides": [], "exempt_names": []},
        "canary": "/nowhere/kept",
        "control": "/nowhere/free",
    }));
    let request = Request::Register(Box::new(register.expect("a registration")));
    let file = tempfile::tempfile().expect("a file");
    let pidfd = endpoint_sec::linux::process::PidFd::open(child).expect("a pidfd");
    let [ledger, denials, index, data, listener] = [file.as_fd(); 5];
    let fds = [ledger, denials, index, data, listener, pidfd.as_fd()];
    channel.send(&request, &fds).expect("a listener");
    match channel.receive::<Event>() {
        Ok((Event::Failed(failure), _)) => failure.detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_process_that_is_not_the_registrars_own_is_not_taken() {
    let Some(mut stage) = Stage::with_system_helper() else { return };
    let socket = stage.system_helper().expect("a helper").socket.clone();
    let why = refused(&socket, Pid::from_raw(1));
    assert!(why.contains("was not started by the process that registers it"), "{why}");
    let others = Other::start("sleep".as_ref(), "600".as_ref());
    let why = refused(&socket, others.pid());
    assert!(why.contains("is another user's"), "{why}");
}

#[test]
fn seccomp_a_helper_that_is_not_roots_is_not_trusted() {
    let Some(mut stage) = Stage::with_system_helper() else { return };
    let roots = stage.system_helper().expect("a helper").socket.clone();
    let sandbox = sandbox();
    let socket = sandbox.root().join("fake.sock");
    let _fake = Other::start(&stage.program("fake_helper"), &socket);
    eventually("it listens", || UnixStream::connect(&socket).is_ok());
    let doctor = |socket: &Path| {
        let socket = socket.to_string_lossy();
        output(&mut stage.guard(&sandbox, &["doctor", "--helper", &socket])).stdout
    };
    let told = String::from_utf8_lossy(&doctor(&socket)).into_owned();
    assert!(told.contains("system helper: problem: ") && told.contains("is user 1000, not root"), "{told}");
    let told = String::from_utf8_lossy(&doctor(&roots)).into_owned();
    assert!(told.contains("system helper: ok: one of root's listens at "), "{told}");
    for (helper, why) in
        [(socket, "is user 1000, not root"), (sandbox.root().join("none.sock"), "No such file")]
    {
        let helper = helper.to_string_lossy();
        let wrap = ["wrap", "--helper", &helper, "--zone", "zone", "--", "rm", "zone/a"];
        let wrap = stage.guard(&sandbox, &wrap);
        let outcome = run(&sandbox, wrap);
        assert_eq!(outcome.status.code(), Some(125), "{outcome:?}");
        assert!(outcome.stderr.contains(why), "{outcome:?}");
        assert!(safe(&sandbox));
    }
}
