//! An agent that wants to be let out by the system's helper: asks it as a person would, forges, hides who it is.
//! What it does works for a person outside its tree, and is refused to it.
#![cfg(target_os = "linux")]

use e2e::asking::{grant, word};
use e2e::play::Play;
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::USER;
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A process of the same user outside the tree, killed with the value.
struct Outside(Child);

impl Outside {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).uid(USER).gid(USER).stdin(Stdio::null()).stdout(Stdio::piped());
        Self(command.stderr(Stdio::null()).spawn().expect("a process"))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn seccomp_the_command_that_lets_a_person_grant_lets_no_agent() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let socket = play.desk.socket.to_string_lossy().into_owned();
    let line = format!("override grant zone/a --json --helper {socket}");
    let words: Vec<&str> = line.split(' ').collect();
    let answer = play.agent.says(&format!("$STAGE/es-guard {line}"));
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["refused"]["code"], "inside_a_tree", "{answer}");
    assert_eq!(play.agent.does(&format!("$STAGE/es-guard {line}")), 1);
    assert!(!play.removes("a"));
    let bare = play.stage.guard(&play.sandbox, &words).output().expect("an answer");
    assert!(bare.status.success(), "{bare:?}");
    assert!(play.removes("a"));
    // What the person has let through, the agent can't make last.
    let longer = line.replace("grant zone/a", "grant zone/a --for session");
    assert_eq!(play.agent.does(&format!("$STAGE/es-guard {longer}")), 1);
}

#[test]
fn seccomp_a_second_session_is_no_way_out_of_the_first() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let socket = play.desk.socket.to_string_lossy().into_owned();
    let zone = play.path("..").canonicalize().expect("the zone");
    let beside = play.sandbox.root().join("beside");
    std::fs::create_dir(&beside).expect("a directory");
    std::fs::write(
        beside.join("policy.json"),
        format!("{{\"exempt_names\": [\"a\", \"b\"], \"temporary_overrides\": [{zone:?}]}}"),
    )
    .expect("a policy");
    play.sandbox.hand_over();
    let policy = "--policy beside/policy.json";
    for (helper, status) in [(socket.as_str(), 1), ("none", 125)] {
        // Of other zones, of the same, and by a policy that lets everything through.
        for options in ["--zone beside", "--zone zone", policy] {
            let nested = format!("$STAGE/es-guard wrap --helper {helper} {options} -- rm zone/a");
            assert_eq!(play.agent.does(&nested), status, "{nested}");
            assert!(play.path("a").exists());
        }
    }
    // Another zone is another place that things may be moved to, within what is guarded by it alone.
    let out = format!("$STAGE/es-guard wrap --helper {socket} --zone beside -- mv zone/a beside/");
    assert_eq!(play.agent.does(&out), 1);
    assert!(!play.removes("a") && !play.removes("b"));
    // By the wire: nobody else's session is narrowed, and nothing is widened.
    let (session, desk) = (play.session(), play.desk.clone());
    let nothing = json!({"zones": [], "overrides": [], "exempt_names": []});
    let narrow = json!({"request": "narrow", "session": session, "policy": nothing});
    assert_eq!(word(&desk.agent_asks(&mut play.agent, "@", &narrow)), "bad_path");
    assert_eq!(word(&desk.asks(1001, &narrow)), "no_such_session");
    assert!(!play.removes("a"));
}

#[test]
fn seccomp_the_death_of_who_forked_the_agent_makes_nobody_an_outsider() {
    let Some(mut play) = Play::new(Who::User) else { return };
    // wrap's own process too, so that what is left of the tree is adopted far away from it.
    let wrap = play.agent.pid();
    let question = grant(&play.session(), &play.path("a"));
    play.agent.does(&format!("kill -9 {wrap}; kill -9 $PPID"));
    // Forked twice: as much an orphan as any process is.
    let line = play.desk.line(&question);
    let by = format!(
        "echo '{}' > daemon; sh -c 'setsid sh daemon &' >/dev/null; until [ -e out ]; do sleep 0.01; done; cat out",
        format!("{line} > new; mv new out").replace('\'', "'\\''")
    );
    let answer: Value = serde_json::from_str(&play.agent.says(&by)).expect("an answer");
    assert_eq!(word(&answer), "inside_a_tree");
    assert!(!play.removes("a"));
    // The person has not lost anything by it.
    assert_eq!(word(&play.desk.asks(USER, &question)), "granted");
}

#[test]
fn seccomp_an_outsiders_container_makes_nobody_an_outsider() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let container = Outside::start(&["unshare", "-Urpf", "sleep", "600"]);
    let of = container.0.id();
    let inside = || std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    e2e::guard::eventually("it has its first process", || {
        !inside().trim().is_empty()
            && std::fs::read_link(format!("/proc/{}/exe", inside().trim()))
                .is_ok_and(|exe| exe.ends_with("sleep"))
    });
    let first = inside().trim().to_owned();
    let question = grant(&play.session(), &play.path("a"));
    // What is forked twice there is adopted by the container's first process, which is outside the tree.
    let asks = format!("{} > new; mv new out", play.desk.line(&question));
    std::fs::write(play.sandbox.root().join("daemon"), asks).expect("a script");
    let enter = format!(
        "nsenter --preserve-credentials -U -p -t {first} sh -c 'sh daemon & exit 0' >/dev/null 2>&1 || exit 7"
    );
    if play.agent.does(&format!("({enter})")) == 7 {
        return require::skip("userns", "an ordinary user can't enter its own namespaces here");
    }
    let answer = play.agent.says("until [ -e out ]; do sleep 0.01; done; cat out");
    let answer: Value = serde_json::from_str(&answer).expect("an answer");
    assert_eq!(word(&answer), "inside_a_tree");
    assert!(!play.removes("a"));
}

#[test]
fn seccomp_a_connection_is_its_makers_whoever_uses_it() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let question = grant(&play.session(), &play.path("a"));
    let (ask, socket) = (play.stage.program("ask"), play.desk.socket.clone());
    let (ask, socket) = (ask.to_string_lossy(), socket.to_string_lossy());
    // Made in the tree by a process that then ends: nobody can look at it any more.
    let waits = "while kill -0 $$; do sleep 0.01; done";
    let left = format!("{ask} {socket} --hand sh -c '({waits}; \"$@\" > new; mv new out) & exit 0' x");
    play.agent.does(&format!("{left} {ask} 3 '{question}'"));
    let answer = play.agent.says("until [ -e out ]; do sleep 0.01; done; cat out");
    let answer: Value = serde_json::from_str(&answer).expect("an answer");
    assert!(["inside_a_tree", "failed"].contains(&word(&answer).as_str()), "{answer}");
    assert!(!play.removes("a"));
    // Made outside, and left to an agent: it speaks for who made it.
    let session = e2e::play::sandbox(Who::User);
    let zone = session.root().join("zone");
    let helper =
        ["--helper", &socket, "--zone", &zone.to_string_lossy(), "--", &ask, "3", &question.to_string()]
            .map(str::to_owned);
    let mut wrap = play.stage.guard(&session, &[]);
    let program = std::mem::replace(&mut wrap, Command::new(&*ask));
    wrap.arg(&*socket).arg("--hand").arg(program.get_program()).args(["wrap", "--quiet"]).args(&helper);
    wrap.env_clear().env("ES_GUARD_HOME", session.state()).env("HOME", session.home());
    let answer = wrap.uid(USER).gid(USER).current_dir(session.root()).output().expect("an answer");
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap_or_else(|_| panic!("{answer:?}"));
    assert_eq!(word(&answer), "granted");
    assert!(play.removes("a"));
}
