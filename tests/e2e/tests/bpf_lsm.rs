//! Sessions that the kernel judges by itself, end to end: what is refused, recorded and let go, and who may ask for what.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Outcome, Stage, denials, eventually, ledgers, read, run};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use helper_daemon::policy::judge::Reason;
use helper_daemon::policy::operation::Op;
use std::path::Path;
use std::process::Output;

fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    std::fs::create_dir(sandbox.root().join("zone")).expect("a zone");
    std::fs::write(sandbox.root().join("zone/a"), "old").expect("a file");
    sandbox.hand_over();
    sandbox
}

fn mode(sandbox: &Sandbox) -> Mode {
    Mode::Guarded { zones: vec![sandbox.root().join("zone")], policy: None }
}

fn sh(stage: &Stage, sandbox: &Sandbox, line: &str) -> Outcome {
    let mut command = stage.command(sandbox, &mode(sandbox), "sh".as_ref());
    command.args(["-c", line]);
    run(sandbox, command)
}

/// What is refused is in the ledger with all that is known of it, and what is the session's own goes.
#[test]
fn bpf_lsm_what_is_refused_is_recorded_and_what_is_its_own_goes() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    for who in everyone() {
        let sandbox = sandbox(who);
        let zone = sandbox.root().join("zone");
        let outcome = sh(
            &stage,
            &sandbox,
            "rm zone/a; echo new > zone/b && rm zone/b && mv zone/a zone/c && mv zone/c . ; rm -f zone/none; exit 7",
        );
        assert_eq!(outcome.status.code(), Some(7), "as {who:?}: {}", outcome.stderr);
        assert_eq!(std::fs::read(zone.join("c")).expect("it is there"), b"old");
        let told: Vec<_> = outcome.denials.iter().map(|denial| (denial.op, denial.reason)).collect();
        assert_eq!(told, [(Op::Unlink, Reason::Removed), (Op::Rename, Reason::MovedOut)], "as {who:?}");
        let [first, second] = &outcome.denials[..] else { panic!("{:?}", outcome.denials) };
        assert_eq!((&first.path, &first.zone, &first.dest), (&zone.join("a"), &zone, &None));
        assert!(first.exe.ends_with("rm"), "{first:?}");
        assert_eq!(
            (first.argv.as_slice(), &first.cwd),
            (&["rm".to_owned(), "zone/a".into()][..], &sandbox.root())
        );
        assert_eq!((&second.path, second.dest.as_ref()), (&zone.join("c"), Some(&sandbox.root().join("c"))));
        let start = read(&ledgers(&sandbox)[0]).start().expect("a start").1.clone();
        assert_eq!((start.engine.as_str(), start.zones), ("bpf-lsm", vec![zone.display().to_string()]));
        let end = read(&ledgers(&sandbox)[0]).end().expect("an end").1.counts;
        assert_eq!((end.denied, end.own_removed), (2, 1));
    }
}

fn agent(stage: &Stage, sandbox: &Sandbox, mode: &Mode) -> Agent {
    let mut agent = Agent::start(stage.command(sandbox, mode, "sh".as_ref()));
    assert_eq!(agent.does("true"), 0);
    agent
}

/// The sessions that a user is told of.
fn told(stage: &mut Stage, sandbox: &Sandbox) -> usize {
    let socket = stage.system_helper().expect("a helper").socket.clone();
    let mut status = stage.guard(sandbox, &["status", "--json", "--helper"]);
    let output = status.arg(socket).output().expect("a status");
    assert!(output.status.success(), "{output:?}");
    let sessions: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    sessions.as_array().expect("a list").len()
}

fn grants(stage: &mut Stage, sandbox: &Sandbox, path: &Path) -> Output {
    let socket = stage.system_helper().expect("a helper").socket.clone();
    let mut grant = stage.guard(sandbox, &["override", "grant", "--for", "10m", "--helper"]);
    grant.arg(socket).arg(path).output().expect("a grant")
}

/// Who carries no filter is told from everybody else by the kernel: it grants itself nothing, whoever it becomes.
#[test]
fn bpf_lsm_a_person_grants_and_the_tree_does_not() {
    let Some(mut stage) = Stage::with_bpf_lsm() else { return };
    let sandbox = sandbox(Who::User);
    let mut agent = agent(&stage, &sandbox, &mode(&sandbox));
    // Nothing is trapped, and whoever may become another user still may.
    assert_eq!(agent.says("grep -c '^\\(NoNewPrivs\\|Seccomp\\):.0$' /proc/self/status"), "2");
    let socket = stage.system_helper().expect("a helper").socket.clone();
    let guard = stage.program("es-guard");
    let asks = |what: &str| format!("{} {what} --helper {} $PWD/zone/a", guard.display(), socket.display());
    assert_ne!(agent.does(&asks("override grant --for 10m")), 0);
    assert_ne!(
        agent.does(&format!("(setsid {} &) ; sleep 1; rm zone/a", asks("override grant --for 10m"))),
        0
    );
    assert_eq!(told(&mut stage, &sandbox), 1);
    let granted = grants(&mut stage, &sandbox, &sandbox.root().join("zone/a"));
    assert!(granted.status.success(), "{granted:?}");
    assert_eq!(agent.does("rm zone/a"), 0);
    let (status, stderr) = agent.ends();
    assert!(status.success(), "{stderr}");
    assert_eq!(denials(&sandbox).len(), 1);
    eventually("the session is over", || told(&mut stage, &sandbox) == 0);
}

/// A policy that changes, what it names that comes, goes and is made again.
#[test]
fn bpf_lsm_the_policy_and_what_it_names_are_followed() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    let sandbox = sandbox(Who::User);
    let root = sandbox.root();
    let policy = sandbox.beside("policy.json");
    let write = |zones: &[&str], overrides: &[&str]| {
        let paths = |names: &[&str]| names.iter().map(|name| root.join(name)).collect::<Vec<_>>();
        let text =
            serde_json::json!({"protected_zones": paths(zones), "temporary_overrides": paths(overrides)});
        std::fs::write(&policy, text.to_string()).expect("a policy");
    };
    write(&["zone", "later", "conf"], &[]);
    std::fs::write(root.join("conf"), "old").expect("a file");
    sandbox.hand_over();
    let mode = Mode::Guarded { zones: Vec::new(), policy: Some(policy.clone()) };
    let mut agent = agent(&stage, &sandbox, &mode);
    assert_ne!(agent.does("rm zone/a"), 0);
    // A zone that is a file is its name: it stays one when it is saved over.
    assert_eq!(agent.does("echo new > conf.new && mv conf.new conf"), 0);
    assert_ne!(agent.does("rm conf"), 0);
    // A person makes what was not there, and makes anew what was.
    std::fs::create_dir(root.join("later")).expect("a directory");
    std::fs::write(root.join("later/a"), "old").expect("a file");
    assert_ne!(agent.does("rm later/a"), 0);
    std::fs::rename(root.join("zone"), root.join("moved")).expect("a move");
    std::fs::create_dir(root.join("zone")).expect("a directory");
    std::fs::write(root.join("zone/b"), "old").expect("a file");
    sandbox.hand_over();
    assert_ne!(agent.does("rm zone/b"), 0);
    assert_ne!(agent.does("rm moved/a"), 0);
    write(&["zone"], &["zone/b"]);
    eventually("the new policy is in force", || agent.does("rm later/a") == 0);
    assert_eq!(agent.does("rm zone/b"), 0);
    // What this engine can't do is refused, and the last policy stays.
    std::fs::write(
        &policy,
        serde_json::json!({"protected_zones": [{"path": root.join("later"), "on_delete": "stash"}]})
            .to_string(),
    )
    .expect("a policy");
    let refused = || {
        let text = std::fs::read_to_string(&ledgers(&sandbox)[0]).expect("a ledger");
        text.contains("\"refused\"") && text.contains("can't have what it takes kept first")
    };
    eventually("it is refused", refused);
    std::fs::write(root.join("zone/c"), "old").expect("a file");
    assert_ne!(agent.does("rm zone/c"), 0);
    let (status, stderr) = agent.ends();
    assert!(status.success(), "{stderr}");
    assert!(denials(&sandbox).iter().all(|denial| denial.reason == Reason::Removed));
}

/// What is loaded and written into the kernel holds without anybody: the guard is on while no helper is there, what was
/// refused meanwhile is told to the next one, and the session goes on under it.
#[test]
fn bpf_lsm_the_guard_stays_on_without_its_helper_and_the_next_one_takes_it_up() {
    let Some(mut stage) = Stage::with_bpf_lsm() else { return };
    let sandbox = sandbox(Who::User);
    let mut agent = agent(&stage, &sandbox, &mode(&sandbox));
    assert_eq!(agent.does("echo 1 > zone/own"), 0);
    for round in 0..2 {
        stage.system_helper().expect("a helper").kill();
        assert_ne!(agent.does("rm zone/a"), 0);
        assert_eq!(agent.does("echo > zone/new && rm zone/new"), 0);
        stage.start_system_helper();
        eventually("the session has come back", || told(&mut stage, &sandbox) == 1);
        let path = sandbox.root().join(format!("zone/granted-{round}"));
        std::fs::write(&path, "old").expect("a file");
        assert_ne!(agent.does(&format!("rm -f zone/granted-{round}")), 0);
        let granted = grants(&mut stage, &sandbox, &path);
        assert!(granted.status.success(), "{granted:?}");
        assert_eq!(agent.does(&format!("rm -f zone/granted-{round}")), 0);
    }
    assert_eq!(agent.does("rm zone/own"), 0);
    let (status, stderr) = agent.ends();
    assert!(status.success(), "{stderr}");
    eventually("the session is over", || told(&mut stage, &sandbox) == 0);
    assert_eq!(denials(&sandbox).len(), 4);
    let text = std::fs::read_to_string(&ledgers(&sandbox)[0]).expect("a ledger");
    assert_eq!(text.matches("\"session_end\"").count(), 1, "{text}");
}

/// Without its worker nothing more is recorded, which is said; what was guarded stays guarded, to the last process.
#[test]
fn bpf_lsm_a_session_without_its_worker_stays_guarded_and_says_so() {
    let Some(mut stage) = Stage::with_bpf_lsm() else { return };
    let sandbox = sandbox(Who::User);
    let mut agent = agent(&stage, &sandbox, &mode(&sandbox));
    assert_ne!(agent.does("rm zone/a"), 0);
    stage.system_helper().expect("a helper").kill_all();
    assert_ne!(agent.does("rm zone/a"), 0);
    assert_eq!(agent.does("(setsid sh -c 'sleep 3; rm zone/a; touch tried' &) ; true"), 0);
    stage.start_system_helper();
    assert_ne!(agent.does("mv zone/a ."), 0);
    let (status, stderr) = agent.ends();
    assert!(status.success(), "{stderr}");
    assert!(stderr.contains("the system's helper died: the kernel guarded on, unrecorded"), "{stderr}");
    eventually("what is left has tried", || sandbox.root().join("tried").exists());
    assert_eq!(std::fs::read(sandbox.root().join("zone/a")).expect("it is there"), b"old");
}

/// The tree ends with its last process, not with the agent.
#[test]
fn bpf_lsm_what_the_agent_leaves_behind_stays_guarded_and_recorded() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    let sandbox = sandbox(Who::User);
    let outcome =
        sh(&stage, &sandbox, "(setsid sh -c 'sleep 4; rm zone/a; rm zone/a' >/dev/null 2>&1 &); exit 3");
    assert_eq!(outcome.status.code(), Some(3), "{}", outcome.stderr);
    // Its end is waited for there.
    assert_eq!(outcome.denials.len(), 2);
}

/// It is never done without in silence; and what is refused by this engine alone is said before the session.
#[test]
fn bpf_lsm_it_is_this_engine_or_none() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    let sandbox = sandbox(Who::User);
    let ran = sandbox.root().join("ran");
    let wrap = |args: &[&str]| {
        let mut wrap = stage.guard(&sandbox, &[&["wrap", "--zone", "zone"], args].concat());
        wrap.args(["--", "touch"]).arg(&ran);
        run(&sandbox, wrap)
    };
    let outcome = wrap(&["--helper", "none", "--engine", "bpf-lsm"]);
    assert_eq!(outcome.status.code(), Some(125), "{}", outcome.stderr);
    let remedies = ["sudo es-guard helper install", "--engine seccomp"];
    assert!(remedies.iter().all(|remedy| outcome.stderr.contains(remedy)), "{}", outcome.stderr);
    assert!(!ran.exists());
    let outcome = wrap(&[]);
    assert_eq!(outcome.status.code(), Some(0), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("(bpf-lsm, system helper)"), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("git removes and replaces only what the session itself made"),
        "{}",
        outcome.stderr
    );
}

/// What needs an answer from a helper gets one, above what the kernel guards.
#[test]
fn bpf_lsm_with_seccomp_above_it_keeps_what_goes_and_knows_git() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    for who in everyone() {
        let sandbox = sandbox(who);
        let zone = sandbox.root().join("zone");
        let git = "git -c user.name=x -c user.email=x@x -c init.defaultBranch=main";
        let mut make = stage.command(&sandbox, &Mode::Bare, "sh".as_ref());
        make.args(["-c", &format!("cd zone && {git} init -q && {git} add a && {git} commit -qm a && {git} switch -qc b && echo two > a && {git} commit -qam b")]);
        assert!(run(&sandbox, make).status.success());
        let outcome = sh(
            &stage,
            &sandbox,
            &format!(
                "cd zone && {git} switch -q main && echo x > own && rm own && ! rm a && rm -r .git; true"
            ),
        );
        assert_eq!(outcome.status.code(), Some(0), "as {who:?}: {}", outcome.stderr);
        assert_eq!(
            std::fs::read(zone.join("a")).expect("it is there"),
            b"old",
            "as {who:?}: {}",
            outcome.stderr
        );
        assert!(zone.join(".git/HEAD").exists());
        let refused: Vec<_> = outcome.denials.iter().map(|denial| denial.reason).collect();
        assert!(
            refused.len() > 1 && refused.iter().all(|reason| *reason == Reason::Removed),
            "as {who:?}: {refused:?}"
        );
        let start = read(&ledgers(&sandbox)[0]).start().expect("a start").1.clone();
        assert_eq!(start.engine, "bpf-lsm+seccomp");
        // A stash, wherever the zone is.
        let kept = Sandbox::new(who);
        std::fs::create_dir(kept.root().join("zone")).expect("a zone");
        std::fs::write(kept.root().join("zone/a"), "old").expect("a file");
        kept.hand_over();
        let mut wrap = stage.guard(&kept, &["wrap", "--zone", "zone", "--on-delete", "stash"]);
        wrap.args(["--", "rm", "zone/a"]);
        let outcome = run(&kept, wrap);
        assert!(outcome.status.success(), "as {who:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("(bpf-lsm+seccomp, system helper)"), "{}", outcome.stderr);
        let mut restore = stage.guard(&kept, &["sessions", "restore"]);
        assert!(restore.output().expect("es-guard").status.success());
        assert_eq!(std::fs::read(kept.root().join("zone/a")).expect("it is back"), b"old");
    }
}
