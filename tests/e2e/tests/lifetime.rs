//! Who outlives whom: signals to `wrap` reach the agent, children outlive it guarded, and whoever is killed, the
//! files are safe.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Stage, denials, eventually, ledgers, read, run};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone, is_root};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// With a zone `zone` in which `a` and `b` are.
fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    std::fs::create_dir(sandbox.root().join("zone")).expect("a zone");
    for name in ["a", "b"] {
        std::fs::write(sandbox.root().join("zone").join(name), "old").expect("a file");
    }
    sandbox.hand_over();
    sandbox
}

fn safe(sandbox: &Sandbox) -> bool {
    ["a", "b"].iter().all(|name| {
        std::fs::read(sandbox.root().join("zone").join(name)).is_ok_and(|content| content == b"old")
    })
}

/// In a session with the zone, not `--quiet`.
fn guarded(stage: &Stage, sandbox: &Sandbox, program: &[&str]) -> Command {
    let mut command = stage.guard(sandbox, &["wrap", "--zone", "zone", "--"]);
    command.args(program);
    command
}

fn in_every_session(play: impl Fn(&Stage, &Sandbox)) {
    if let Some(stage) = Stage::with_engine() {
        everyone().into_iter().for_each(|who| play(&stage, &sandbox(who)));
    }
}

/// A number that a file comes to hold.
fn number(path: &Path) -> u32 {
    let read = || std::fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'));
    eventually(&path.display().to_string(), || read().is_some());
    read().and_then(|text| text.trim().parse().ok()).expect("a number")
}

#[test]
fn seccomp_every_signal_reaches_the_agent() {
    in_every_session(|stage, sandbox| {
        let program = stage.program("signals");
        let mut command = guarded(stage, sandbox, &[&program.to_string_lossy()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a session");
        let mut arrived = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut next = || arrived.next().expect("an end").expect("a line");
        assert_eq!(next(), "ready");
        // KILL and STOP are nobody's to pass on; 32 and 33 are the C library's own.
        for signal in (1..=64).filter(|signal| ![9, 19, 32, 33].contains(signal)) {
            let status = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
            assert!(status.is_ok_and(|status| status.success()), "signal {signal}");
            assert_eq!(next(), signal.to_string());
        }
        child.stdin.take().expect("a pipe").write_all(b"0\n").expect("a reader");
        assert!(child.wait().expect("its end").success());
    });
}

#[test]
fn seccomp_a_child_outlives_the_agent_and_stays_guarded() {
    in_every_session(|stage, sandbox| {
        let line = "mkfifo go; (read x < go; rm -f zone/a; echo $? > end) < /dev/null > /dev/null 2>&1 &";
        let child = guarded(stage, sandbox, &["sh", "-c", line]).stderr(Stdio::piped()).output();
        // It has returned: with the child still waiting.
        let told = String::from_utf8_lossy(&child.expect("its end").stderr).into_owned();
        assert!(told.contains("1 process of the agent still runs; it stays guarded"), "{told}");
        let ledger = ledgers(sandbox).pop().expect("a ledger");
        assert!(read(&ledger).end().is_none());
        let mut show = stage.guard(sandbox, &["sessions", "show"]);
        assert!(String::from_utf8_lossy(&show.output().expect("a run").stdout).contains("(running)"));
        std::fs::write(sandbox.root().join("go"), "go\n").expect("a reader");
        assert_eq!(number(&sandbox.root().join("end")), 1);
        assert!(safe(sandbox));
        // Waits for the session's end: the tree is empty.
        assert_eq!(denials(sandbox).len(), 1);
        let mut show = stage.guard(sandbox, &["sessions", "show"]);
        assert!(!String::from_utf8_lossy(&show.output().expect("a run").stdout).contains("(running)"));
    });
}

/// `setsid`, double forks: whoever leaves the agent's family is adopted by the helper, not by others.
#[test]
fn seccomp_what_leaves_the_family_is_reaped_whatever_it_dies_of() {
    in_every_session(|stage, sandbox| {
        let mut agent = Agent::start(guarded(stage, sandbox, &["sh"]));
        let helper = agent.says("echo $PPID");
        for signal in [9, 11, 15, 34, 64] {
            let line = format!(
                "rm -f orphan; (setsid sh -c 'echo $$ > orphan; kill -{signal} $$' < /dev/null > /dev/null 2>&1 &)"
            );
            assert_eq!(agent.does(&line), 0);
            let orphan = number(&sandbox.root().join("orphan"));
            eventually("the orphan is reaped", || !Path::new(&format!("/proc/{orphan}")).exists());
            assert_eq!(agent.does("rm -f zone/a"), 1, "after an orphan died of signal {signal}");
        }
        assert_eq!(agent.says("echo $PPID"), helper);
        let (status, told) = agent.ends();
        assert!(status.success() && told.contains("blocked 5 operations"), "{told}");
        assert!(safe(sandbox));
    });
}

#[test]
fn seccomp_the_family_is_wrap_helper_agent() {
    in_every_session(|stage, sandbox| {
        let mut agent = Agent::start(guarded(stage, sandbox, &["sh"]));
        let parent = "awk '/^PPid/ { print $2 }' /proc/$PPID/status";
        assert_eq!(agent.says(parent), agent.pid().to_string());
        // The agent's process group and session are those of wrap: what a shell does to its job, it does to it.
        let family = "awk '{ print $3, $4 }' /proc/$$/stat".replace("$3, $4", "$5, $6");
        let theirs = agent.says(&family);
        assert_eq!(theirs, agent.says(&family.replace("$$", &agent.pid().to_string())));
        assert!(agent.ends().0.success());
    });
}

#[test]
fn seccomp_wrap_is_killed_from_inside() {
    in_every_session(|stage, sandbox| {
        let parent = "awk '/^PPid/ { print $2 }' /proc/$PPID/status";
        let line = format!(
            "W=$({parent}); kill -9 $W; while [ $({parent}) = $W ]; do :; done
             rm -f zone/a; mv zone/b .; rm -rf zone; touch zone/own && rm zone/own; echo $? > end"
        );
        let outcome = guarded(stage, sandbox, &["sh", "-c", &line]).stderr(Stdio::null()).status();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&outcome.expect("its end")), Some(9));
        // What is the session's own still goes.
        assert_eq!(number(&sandbox.root().join("end")), 0);
        assert!(safe(sandbox));
        assert!(denials(sandbox).len() >= 3);
    });
}

/// Of the same user, so it can be killed: from then on nothing that is guarded succeeds.
#[test]
fn seccomp_the_helper_is_killed_from_inside() {
    in_every_session(|stage, sandbox| {
        let mut agent = Agent::start(guarded(stage, sandbox, &["sh"]));
        assert_eq!(agent.does("touch zone/own outside; rm -f zone/b"), 1);
        assert_eq!(
            agent.does("kill -9 $PPID; while grep -q \"^PPid:.$PPID$\" /proc/$$/status; do :; done"),
            0
        );
        // Nothing is redirected here: an opening that may create is a guarded operation, too.
        let mut status = |line: &str| agent.says(&format!("{line} 2>&-; echo $?"));
        for line in
            ["rm -f zone/a", "mv zone/b .", "rm -rf zone", "rm zone/own", "mv zone/own zone/c", "rm outside"]
        {
            assert_ne!(status(line), "0", "{line}");
        }
        assert_eq!(status("[ \"$(cat zone/a)\" = old ] && chmod 600 zone/own"), "0", "the rest goes on");
        agent.is_told("exit 3");
        let (status, told) = agent.ends();
        assert_eq!(status.code(), Some(3));
        assert!(told.contains("the helper died: from then on every guarded operation failed"), "{told}");
        // What the ledger has is what is known.
        assert!(told.contains("blocked 1 operation\n"), "{told}");
        assert!(safe(sandbox));
    });
}

#[test]
fn seccomp_in_a_sandbox_of_another_kind_that_listens_already_it_is_refused() {
    in_every_session(|stage, sandbox| {
        let mut command = stage.command(sandbox, &Mode::Bare, &stage.program("listener"));
        command.arg(stage.program("es-guard")).args(["wrap", "--zone", "zone", "--", "touch", "started"]);
        let outcome = run(sandbox, command);
        assert_eq!(outcome.status.code(), Some(125), "{outcome:?}");
        assert!(outcome.stderr.contains("already runs under a seccomp listener"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("Start the agent from outside it"), "{}", outcome.stderr);
        assert!(!sandbox.root().join("started").exists());
        assert!(ledgers(sandbox).is_empty(), "no ledger of a session that never began");
    });
}

/// Some agents' own processes do so at start. Its memory can't be read afterwards by others of its user.
#[test]
fn seccomp_a_caller_that_makes_itself_unreadable() {
    in_every_session(|stage, sandbox| {
        let path: PathBuf = sandbox.beside("steps");
        std::fs::write(&path, "undumpable\nunlink zone/a\nrename zone/b b\n").expect("steps");
        let driver = stage.program("driver");
        let outcome =
            run(sandbox, guarded(stage, sandbox, &[&driver.to_string_lossy(), &path.to_string_lossy()]));
        assert_eq!(outcome.stdout, "0 0\n1 -1\n2 -1\n");
        assert!(safe(sandbox));
    });
}

/// `no_new_privs` takes the privilege away and nothing hangs.
#[test]
fn seccomp_a_setuid_program_runs_without_its_privilege() {
    if !is_root() {
        return require::skip("root", "to make a setuid program");
    }
    let Some(stage) = Stage::with_engine() else { return };
    let sandbox = sandbox(Who::User);
    for program in ["rm", "id"] {
        let copy = sandbox.root().join(program);
        let made = Command::new("sh")
            .args(["-c", "cp $(which $0) $1 && chmod 4755 $1", program])
            .arg(&copy)
            .status();
        assert!(made.is_ok_and(|status| status.success()));
    }
    let outcome = run(
        &sandbox,
        guarded(
            &stage,
            &sandbox,
            &["sh", "-c", "./rm -f zone/a; ./id -u; su -c true root < /dev/null || echo no"],
        ),
    );
    assert_eq!(outcome.stdout, "1000\nno\n", "{outcome:?}");
    assert!(safe(&sandbox));
}
