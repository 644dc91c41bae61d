//! Sessions while they run, as a person sees them: `status`, `sessions list`, `sessions show --follow`.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::asking::grant;
use e2e::guard::{Mode, Stage, Watchdog, eventually, ledgers};
use e2e::play::{Play, mode, sandbox};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, USER};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

fn json(stage: &Stage, sandbox: &Sandbox, args: &[&str]) -> Value {
    let output = stage.guard(sandbox, args).output().expect("an answer");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{args:?}: {output:?}"))
}

#[test]
fn seccomp_status_tells_everything_of_a_live_session() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let socket = play.desk.socket.to_string_lossy().into_owned();
    assert!(!play.removes("a") && !play.removes("b"));
    let told = json(&play.stage, &play.sandbox, &["status", "--json", "--helper", &socket]);
    let [session] = told.as_array().expect("a list").as_slice() else { panic!("{told}") };
    assert_eq!(session["session"]["id"], play.session());
    assert_eq!(session["session"]["argv"], serde_json::json!(["sh"]));
    assert_eq!(session["user"], USER);
    assert_eq!(session["engine"], "seccomp");
    assert_eq!(session["zones"], serde_json::json!([play.sandbox.root().join("zone")]));
    assert_eq!(session["counts"]["denied"], 2);
    assert_eq!(session["agent"].as_i64(), play.agent.says("echo $$").parse().ok());
    let ledger = std::fs::metadata(ledgers(&play.sandbox).pop().expect("a ledger")).expect("its times");
    let made = ledger.created().expect("its birth").duration_since(std::time::UNIX_EPOCH).expect("a time");
    let began = session["began"].as_u64().expect("a time");
    assert!((made.as_secs()..=made.as_secs() + 60).contains(&began), "{began} {made:?}");
    let text = play.stage.guard(&play.sandbox, &["status", "--helper", &socket]).output().expect("a table");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    let rows: Vec<&str> = text.lines().collect();
    let [header, row] = rows.as_slice() else { panic!("{text}") };
    let header: Vec<&str> = header.split_whitespace().collect();
    assert_eq!(header, ["session", "for", "user", "engine", "blocked", "agent", "zones"]);
    let pid = format!("({})", session["agent"]);
    for words in [play.session().as_str(), "second", "seccomp", "  2  ", "sh ", &pid, "/zone"] {
        assert!(row.contains(words), "{words}: {row}");
    }
    assert!(play.agent.ends().0.success());
    eventually("it is gone", || {
        json(&play.stage, &play.sandbox, &["status", "--json", "--helper", &socket]) == serde_json::json!([])
    });
}

/// It tries to write where that is no agent's to do.
#[test]
fn seccomp_doctor_in_a_session_tries_nothing_that_is_told_as_the_agents() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let said = play.agent.says("$STAGE/es-guard doctor | grep 'state folder'");
    assert!(said.contains(&format!("ok: written by the helper of session {}", play.session())), "{said}");
    let socket = play.desk.socket.to_string_lossy().into_owned();
    let told = json(&play.stage, &play.sandbox, &["status", "--json", "--helper", &socket]);
    assert_eq!(told[0]["counts"]["denied"], 0, "{told}");
}

/// The states of the sandbox's sessions, the newest first.
fn states(stage: &Stage, sandbox: &Sandbox) -> Vec<String> {
    let listed = json(stage, sandbox, &["sessions", "list", "--json"]);
    let sessions = listed.as_array().expect("a list").iter();
    sessions.map(|session| session["state"].as_str().expect("a state").to_owned()).collect()
}

/// A session whose helper is its own.
fn embedded() -> Option<(Stage, Sandbox, Agent)> {
    let stage = Stage::new();
    if !stage.has_engine() {
        return None;
    }
    let sandbox = sandbox(Who::User);
    let agent = Agent::start(stage.command(&sandbox, &mode(&sandbox), "sh".as_ref()));
    Some((stage, sandbox, agent))
}

#[test]
fn seccomp_the_list_tells_which_sessions_live() {
    let Some((stage, sandbox, mut agent)) = embedded() else { return };
    assert_eq!(agent.does("true"), 0);
    assert_eq!(states(&stage, &sandbox), ["running"]);
    let status = || json(&stage, &sandbox, &["status", "--json", "--helper", "none"]);
    let told = status();
    assert_eq!(told[0]["session"]["argv"], serde_json::json!(["sh"]), "{told}");
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    agent.ends();
    eventually("it has ended", || states(&stage, &sandbox) == ["ended"]);
    eventually("its door is gone", || status() == serde_json::json!([]));
    let Some(mut play) = Play::new(Who::User) else { return };
    assert_eq!(states(&play.stage, &play.sandbox), ["running"]);
    // When the helper is killed nothing is left that could write its end.
    play.stage.system_helper().expect("a helper").kill_all();
    eventually("its workers end", || states(&play.stage, &play.sandbox) == ["interrupted"]);
}

/// A `sessions show --follow` that runs.
struct Follower {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    _watchdog: Watchdog,
}

impl Follower {
    fn start(stage: &Stage, sandbox: &Sandbox, args: &[&str]) -> Self {
        let args: Vec<&str> = ["sessions", "show", "--follow"].iter().chain(args).copied().collect();
        let mut child = stage.guard(sandbox, &args).stdout(Stdio::piped()).spawn().expect("a follower");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let watchdog = Watchdog::of(child.id());
        Self { child, lines, _watchdog: watchdog }
    }

    /// The next line that has these words.
    fn tells(&mut self, words: &str) -> String {
        let found = self.lines.by_ref().map_while(Result::ok).find(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("{words}: it ends without"))
    }

    /// What it tells until it ends, and how it does.
    fn ends(mut self) -> (Vec<String>, bool) {
        let rest = self.lines.by_ref().map_while(Result::ok).collect();
        (rest, self.child.wait().expect("its end").success())
    }
}

#[test]
fn seccomp_a_session_is_followed_from_what_was_to_its_end() {
    let Some(mut play) = Play::new(Who::User) else { return };
    assert!(!play.removes("a"));
    let mut follower = Follower::start(&play.stage, &play.sandbox, &[]);
    let mut raw = Follower::start(&play.stage, &play.sandbox, &["last", "--json"]);
    follower.tells(&format!("{} (running)", play.session()));
    assert!(follower.tells("unlink").ends_with("  a  rm"));
    assert!(!play.removes("b"));
    assert!(follower.tells("unlink").ends_with("  b  rm"));
    assert!(raw.tells("denial").contains(&*play.path("a").to_string_lossy()));
    assert!(raw.tells("denial").contains(&*play.path("b").to_string_lossy()));
    play.desk.asks(USER, &grant(&play.session(), &play.path("a")));
    let told = follower.tells("override added");
    assert!(
        told.contains(&format!("by user {USER}, process ")) && told.ends_with("/zone/a: asked for"),
        "{told}"
    );
    play.agent.is_told("exit 3");
    assert_eq!(play.agent.ends().0.code(), Some(3));
    let (rest, done) = follower.ends();
    assert!(done && rest.last().is_some_and(|line| line.ends_with("ended, status 3, blocked 2 operations")));
}

#[test]
fn seccomp_whoever_follows_ends_with_the_session() {
    let Some((stage, sandbox, mut agent)) = embedded() else { return };
    assert_eq!(agent.does("rm zone/a"), 1);
    let follower = Follower::start(&stage, &sandbox, &[]);
    let raw = Follower::start(&stage, &sandbox, &["--json"]);
    agent.ends();
    let (told, done) = follower.ends();
    assert!(
        done && told.last().is_some_and(|line| line.ends_with("ended, status 0, blocked 1 operation")),
        "{told:?}"
    );
    let (told, done) = raw.ends();
    let ledger = ledgers(&sandbox).pop().expect("a ledger");
    let ledger = std::fs::read_to_string(ledger).expect("a ledger");
    assert_eq!((told, done), (ledger.lines().map(str::to_owned).collect(), true));
}

#[test]
fn seccomp_whoever_follows_a_session_whose_helper_is_killed_is_told_so() {
    let Some((stage, sandbox, mut agent)) = embedded() else { return };
    let helper: i32 = agent.says("echo $PPID").parse().expect("a number");
    let mut follower = Follower::start(&stage, &sandbox, &[]);
    follower.tells("ledger");
    kill(Pid::from_raw(helper), Signal::SIGKILL).expect("a helper");
    let (_, done) = follower.ends();
    assert!(done);
    agent.ends();
}

#[test]
fn seccomp_whoever_asks_from_outside_is_answered_by_the_session_that_guards_the_path() {
    let Some((stage, sandbox, mut first)) = embedded() else { return };
    assert_eq!(first.does("true"), 0);
    let ids = || -> Vec<String> {
        let told = json(&stage, &sandbox, &["status", "--json", "--helper", "none"]);
        let id = |told: &Value| told["session"]["id"].as_str().expect("a name").to_owned();
        told.as_array().expect("a list").iter().map(id).collect()
    };
    let of_first = ids().pop().expect("a session");
    let later = sandbox.root().join("later");
    std::fs::create_dir(&later).expect("a directory");
    std::fs::write(later.join("x"), "old").expect("a file");
    std::fs::write(sandbox.root().join("zone/a"), "old").expect("a file");
    sandbox.hand_over();
    // Names tell the order by the second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let mode = Mode::Guarded { zones: vec![later], policy: None };
    let mut second = Agent::start(stage.command(&sandbox, &mode, "sh".as_ref()));
    assert_eq!(second.does("true"), 0);
    let of_second = ids().into_iter().find(|id| *id != of_first).expect("another session");
    let says = |line: &str| {
        let args: Vec<&str> = line.split(' ').chain(["--helper", "none"]).collect();
        let output = stage.guard(&sandbox, &args).output().expect("an end");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let check = |line: &str| {
        let (status, text) = says(line);
        (status, text.contains(&of_first), text.contains(&of_second))
    };
    // The last one guards nothing there.
    assert_eq!(check("check unlink zone/a"), (Some(1), true, false));
    assert_eq!(check("check unlink later/x"), (Some(1), false, true));
    assert_eq!(check("check unlink zone/a --session last"), (Some(0), false, false));
    assert_eq!(check("check unlink zone/a --session last --json"), (Some(0), false, true));
    assert_eq!(check("why zone/a"), (Some(1), true, false));
    assert_eq!(check("request zone/a --reason old"), (Some(3), true, false));
    assert_eq!(check("override grant zone/a"), (Some(0), true, false));
    assert_eq!(first.does("rm zone/a"), 0);
    assert_eq!(check("override revoke zone/a"), (Some(0), true, false));
    // Where neither guards it, the last one answers, and is named.
    assert_eq!(check("check unlink zone/../nowhere"), (Some(0), false, true));
    first.ends();
    second.ends();
}
