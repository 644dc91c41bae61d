//! A process id that is used again means another process: whatever the first one was to a session, the second
//! is not.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::asking::{Desk, grant, of_owners, word};
use e2e::guard::{Stage, denials, eventually, ledgers};
use e2e::number;
use e2e::play::{Play, mode, sandbox};
use e2e::row::Who;
use e2e::sandbox::USER;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A process of the session's user, outside its tree.
fn outside(program: &str) -> Command {
    let mut command = Command::new(program);
    command.uid(USER).gid(USER).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn ends(mut child: Child) {
    child.kill().expect("a process");
    child.wait().expect("its end");
}

fn answer(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text:?}: no answer"))
}

/// The process that registered the session, and the one that the tree hangs below.
#[test]
fn seccomp_whoever_gets_the_number_of_wrap_is_not_the_owner_and_has_no_tree() {
    let Some(mut stage) = Stage::with_system_helper().filter(|_| number::can_be_chosen()) else { return };
    let desk = Desk::of(&mut stage);
    let sandbox = sandbox(Who::User);
    // Below a shell that waits for it: a zombie would keep the number.
    let wrap = stage.command(&sandbox, &mode(&sandbox), "sh".as_ref());
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec 3<&0; \"$@\" <&3 3<&- & exec 3<&-; wait", "x"]).arg(wrap.get_program());
    shell.args(wrap.get_args()).env_clear().current_dir(sandbox.root()).process_group(0);
    shell.envs(wrap.get_envs().filter_map(|(name, value)| Some((name, value?)))).uid(USER).gid(USER);
    let mut agent = Agent::start(shell);
    assert_ne!(agent.does("rm -f zone/a"), 0);
    let beside: u32 = agent.says("echo $PPID").parse().expect("a number");
    let above = agent.says(&format!("awk '/^PPid/ {{ print $2 }}' /proc/{beside}/status"));
    let wrap: u32 = above.parse().expect("a number");
    for pid in [wrap, beside] {
        kill(Pid::from_raw(pid as i32), Signal::SIGKILL).expect("a process");
        number::is_free(pid);
    }
    let ledger = ledgers(&sandbox).pop().expect("a ledger");
    let name = ledger.file_stem().expect("a name").to_string_lossy().into_owned();
    let question = grant(&name, &sandbox.root().join("zone/a"));
    // A process outside has the number that the tree hung below: nobody in the tree has got out by that.
    let mut sleep = outside("sleep");
    sleep.arg("600");
    let sleep = number::start(beside, sleep);
    assert_eq!(word(&desk.agent_asks(&mut agent, "@", &question)), "inside_a_tree");
    assert_ne!(agent.does("rm -f zone/a"), 0);
    ends(sleep);
    // A process of the tree has it.
    fs::write(
        sandbox.root().join("asks"),
        format!("echo $$ > number\n{} > new; mv new out", desk.line(&question)),
    )
    .expect("a script");
    eventually("a process of the tree with that number", || {
        number::is_next(beside);
        agent.does("sh asks");
        fs::read_to_string(sandbox.root().join("number")).is_ok_and(|pid| pid.trim() == beside.to_string())
    });
    assert_eq!(
        word(&answer(&fs::read_to_string(sandbox.root().join("out")).expect("an answer"))),
        "inside_a_tree"
    );
    // A process outside with the owner's number is a person, and no owner.
    for (question, expected) in
        of_owners().into_iter().map(|q| (q, "not_the_owner")).chain([(question, "granted")])
    {
        let mut ask = Command::new(stage.program("ask"));
        ask.arg(&desk.socket).arg(question.to_string()).uid(USER).gid(USER).stdout(Stdio::piped());
        let said = number::start(wrap, ask).wait_with_output().expect("an answer").stdout;
        assert_eq!(word(&answer(&String::from_utf8_lossy(&said))), expected, "{question}");
    }
    assert_eq!(agent.does("rm -f zone/a"), 0);
    agent.is_told("exit 0");
    agent.ends();
    assert_eq!(denials(&sandbox).len(), 2);
}

#[test]
fn seccomp_whoever_gets_the_number_of_an_agent_is_not_guarded() {
    let Some(stage) = Stage::with_system_helper().filter(|_| number::can_be_chosen()) else { return };
    let sandbox = sandbox(Who::User);
    let go = sandbox.root().join("go");
    nix::unistd::mkfifo(&go, nix::sys::stat::Mode::from_bits_truncate(0o666)).expect("a fifo");
    sandbox.hand_over();
    let script =
        "setsid sh -c 'read x < go; rm -f zone/b; echo $? > told' </dev/null >/dev/null 2>&1 & echo $$";
    let mut command = stage.command(&sandbox, &mode(&sandbox), "sh".as_ref());
    let said = command.args(["-c", script]).output().expect("a session").stdout;
    let agent = String::from_utf8_lossy(&said).trim().parse().expect("a number");
    number::is_free(agent);
    // The session goes on; a process outside that has its agent's number is none of it.
    let mut remove = outside("rm");
    remove.arg("-f").arg(sandbox.root().join("zone/a"));
    assert!(number::start(agent, remove).wait().expect("its end").success());
    assert!(!sandbox.root().join("zone/a").exists());
    fs::write(&go, "\n").expect("somebody who reads");
    let told = sandbox.root().join("told");
    eventually("what is left of the tree has tried", || fs::read_to_string(&told).is_ok_and(|s| s == "1\n"));
    assert_eq!(denials(&sandbox).len(), 1);
}

/// The engine remembers of a process what it would have to read anew for each call.
#[test]
fn seccomp_what_is_known_of_a_process_is_not_believed_of_the_next_one_of_its_number() {
    let Some(mut play) = Play::new(Who::User).filter(|_| number::can_be_chosen()) else { return };
    let first = play.agent.says("sh -c 'umask 077; echo $$; exec mkdir zone/first'");
    let first: u32 = first.parse().expect("a number");
    assert_eq!(play.agent.does("true"), 0);
    assert_eq!(fs::metadata(play.path("first")).expect("a directory").mode() & 0o777, 0o700);
    let mut tries = 0;
    eventually("another process of that number", || {
        tries += 1;
        number::is_next(first);
        let line = format!("sh -c 'umask 027; cd zone; echo $$; exec mkdir next-{tries}'");
        play.agent.says(&line) == first.to_string()
    });
    assert_eq!(play.agent.does("true"), 0);
    let next = play.path(&format!("next-{tries}"));
    assert_eq!(fs::metadata(next).expect("a directory").mode() & 0o777, 0o750);
    let mut denied = |line: &str| {
        eventually("another process of that number", || {
            number::is_next(first);
            play.agent.says(&format!("sh -c 'echo $$; {line}' 2>/dev/null")) == first.to_string()
        });
        assert_eq!(play.agent.does("true"), 0);
    };
    denied("exec rm -f zone/a");
    denied("cd zone; exec mv b ..");
    play.agent.is_told("exit 0");
    play.agent.ends();
    let mut found = denials(&play.sandbox);
    found.retain(|denial| denial.pid == first as i32);
    let [removal, movement] = found.as_slice() else { panic!("{found:?}") };
    let root = play.sandbox.root();
    assert_eq!((&removal.cwd, removal.argv[0].as_str()), (&root, "rm"));
    assert_eq!((&movement.cwd, movement.argv[0].as_str()), (&root.join("zone"), "mv"));
}

#[test]
fn seccomp_whoever_gets_the_number_of_who_connected_has_not_asked() {
    let Some(mut play) = Play::new(Who::User).filter(|_| number::can_be_chosen()) else { return };
    let question = grant(&play.session(), &play.path("a"));
    let (ask, socket) = (play.stage.program("ask"), play.desk.socket.clone());
    let (ask, socket) = (ask.display(), socket.display());
    // Made in the tree by a process that then ends, and left to another one there.
    let waits = "until [ -e taken ]; do sleep 0.01; done";
    let left = format!(
        "{ask} {socket} --hand sh -c 'echo $$ > maker; ({waits}; \"$@\" > new; mv new out) & exit 0' x"
    );
    play.agent.does(&format!("{left} {ask} 3 '{question}'"));
    let maker = fs::read_to_string(play.sandbox.root().join("maker")).expect("a number");
    let maker = maker.trim().parse().expect("a number");
    number::is_free(maker);
    // A person's process that would be granted it.
    let mut sleep = outside("sleep");
    sleep.arg("600");
    let sleep = number::start(maker, sleep);
    fs::write(play.sandbox.root().join("taken"), "").expect("a file");
    let said = play.agent.says("until [ -e out ]; do sleep 0.01; done; cat out");
    assert!(["inside_a_tree", "failed"].contains(&word(&answer(&said)).as_str()), "{said}");
    assert!(!play.removes("a"));
    ends(sleep);
}
