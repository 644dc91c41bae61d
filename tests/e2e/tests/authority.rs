//! Who may say what to the system's helper: the table of docs/authority.md, cell by cell. Each one who asks is a
//! real process, and what it asks goes over the wire as that is documented, without es-guard's own client.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::asking::{grant, of_owners, word};
use e2e::guard::{eventually, ledgers};
use e2e::play::{Play, mode, sandbox};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::USER;
use helper_daemon::protocol::PROTOCOL_VERSION;
use serde_json::{Value, json};

/// A user who has no session.
const OTHER: u32 = 1001;

const NO: &str = "no_such_session";
const IN: &str = "inside_a_tree";
/// There is no such request: it may answer those that there are.
const MAY: &str = "no_such_request";
const ALL: [&str; 7] = ["seen", "overrides", "granted", "revoked", "narrowed", "request", MAY];
const NOTHING: [&str; 7] = ["not seen", NO, NO, NO, NO, NO, NO];
const INSIDE: [&str; 7] = ["seen", "overrides", IN, IN, "narrowed", "request", IN];
const INSIDE_ANOTHER: [&str; 7] = ["not seen", IN, IN, IN, IN, IN, IN];
const CON: &str = "confined";
const CONFINED: [&str; 7] = ["seen", "overrides", CON, CON, CON, CON, CON];

#[test]
fn seccomp_the_same_user_outside_sees_grants_and_revokes() {
    let Some(mut play) = Play::new(Who::User) else { return };
    assert_eq!(play.cells_of(USER), ALL);
    assert!(!play.removes("b"), "it was revoked");
}

#[test]
fn seccomp_root_outside_sees_grants_and_revokes_in_everybodys_sessions() {
    for who in [Who::User, Who::Root] {
        let Some(play) = Play::new(who) else { return };
        assert_eq!(play.cells_of(0), ALL, "{who:?}");
    }
}

#[test]
fn seccomp_another_user_learns_nothing_not_even_that_there_is_the_session() {
    for (who, other) in [(Who::User, OTHER), (Who::Root, USER)] {
        let Some(mut play) = Play::new(who) else { return };
        assert_eq!(play.cells_of(other), NOTHING, "{who:?}");
        let unknown = grant("20000101-000000-0000", &play.path("a"));
        let known = grant(&play.session(), &play.path("a"));
        assert_eq!(play.desk.asks(other, &known), play.desk.asks(other, &unknown));
        assert!(!play.removes("a"));
    }
}

#[test]
fn seccomp_a_process_inside_a_tree_sees_its_own_session_and_grants_nothing() {
    for who in [Who::User, Who::Root] {
        let Some(mut play) = Play::new(who) else { return };
        assert_eq!(play.cells_inside("@"), INSIDE, "{who:?}");
        assert!(!play.removes("b"));
    }
}

#[test]
fn seccomp_root_inside_a_tree_of_roots_is_inside_as_any_other_user() {
    let Some(mut play) = Play::new(Who::Root) else { return };
    let by = "setpriv --reuid=1000 --regid=1000 --clear-groups @";
    assert_eq!(play.cells_inside(by), INSIDE);
}

#[test]
fn seccomp_a_process_inside_a_tree_sees_no_other_session_and_grants_nothing_in_it() {
    let Some(play) = Play::new(Who::User) else { return };
    for who in [Who::User, Who::Root] {
        let there = sandbox(who);
        let mut other = Agent::start(play.stage.command(&there, &mode(&there), "sh".as_ref()));
        assert_eq!(play.cells_of_agent(&mut other, "@"), INSIDE_ANOTHER, "{who:?}");
        other.ends();
    }
}

#[test]
fn seccomp_a_process_of_a_session_with_its_own_helper_grants_nothing_in_others() {
    let Some(play) = Play::new(Who::User) else { return };
    let there = sandbox(Who::User);
    let zone = there.root().join("zone");
    let wrap = ["wrap", "--quiet", "--helper", "none", "--zone", &zone.to_string_lossy(), "--", "sh"];
    let mut other = Agent::start(play.stage.guard(&there, &wrap));
    assert_eq!(play.cells_of_agent(&mut other, "@"), CONFINED);
    other.ends();
}

#[test]
fn seccomp_a_daemon_of_the_tree_is_inside_it() {
    let Some(mut play) = Play::new(Who::User) else { return };
    // Forked twice, in a session of its own: when it asks, whoever forked it is gone.
    let by = "sh -c 'setsid sh daemon &' >/dev/null; rm -f out; touch go; \
              until [ -e out ]; do sleep 0.01; done; rm go; cat out";
    let script = play.sandbox.root().join("daemon");
    let (session, path, desk) = (play.session(), play.path("b"), play.desk.clone());
    let questions = [
        (e2e::asking::overrides(&session), "overrides"),
        (grant(&session, &path), "inside_a_tree"),
        (e2e::asking::revoke(&session, &path), "inside_a_tree"),
    ];
    for (question, expected) in questions {
        let asks = desk.line(&question);
        let text = format!("until [ -e go ]; do sleep 0.01; done\n{asks} > new; mv new out\n");
        std::fs::write(&script, text).expect("a script");
        let answer = serde_json::from_str(&play.agent.says(by)).expect("an answer");
        assert_eq!(word(&answer), expected);
    }
}

#[test]
fn seccomp_a_process_that_has_made_itself_namespaces_is_inside() {
    let Some(mut play) = Play::new(Who::User) else { return };
    if play.agent.does("unshare -Ur true") != 0 {
        return require::skip("userns", "an ordinary user can't make user namespaces here");
    }
    assert_eq!(play.cells_inside("unshare -Ur @"), INSIDE);
    // In another pid namespace no worker serves: numbers of processes would not mean the same to it.
    let question = grant(&play.session(), &play.path("b"));
    let desk = play.desk.clone();
    for by in ["unshare -Urpf --mount-proc @", "unshare -Urm sh -c \"mount -t tmpfs x /proc; $(echo \"@\")\""]
    {
        let answer = desk.agent_asks(&mut play.agent, by, &question);
        assert_eq!(word(&answer), "failed", "{by}: {answer}");
    }
}

#[test]
fn seccomp_nobody_but_the_owner_makes_an_owners_requests() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let desk = play.desk.clone();
    for question in of_owners() {
        for uid in [USER, 0, OTHER] {
            assert_eq!(word(&desk.asks(uid, &question)), "not_the_owner", "{question} as {uid}");
        }
        let answer = desk.agent_asks(&mut play.agent, "@", &question);
        assert_eq!(word(&answer), "not_the_owner", "{question} inside");
    }
    assert!(!play.removes("a"), "the session is as it was");
    assert_eq!(play.cells_of(USER), ALL);
}

#[test]
fn seccomp_the_owner_asks_everything_of_its_own_session_and_nothing_of_others() {
    for who in [Who::User, Who::Root] {
        let Some(mut play) = Play::new(who) else { return };
        assert_eq!(play.cells_of_owner(), ALL, "{who:?}");
        let owner = play.agent.says("echo $PPID").parse().expect("a number");
        let asks = |question: &Value| play.desk.asks_as_owner(owner, question);
        assert_eq!(word(&asks(&json!({"request": "settle"}))), "settled");
        let there = sandbox(who);
        let other = Agent::start(play.stage.command(&there, &mode(&there), "sh".as_ref()));
        eventually("it is there", || ledgers(&there).len() == 1);
        let name = ledgers(&there)[0].file_stem().expect("a name").to_string_lossy().into_owned();
        assert_eq!(word(&asks(&grant(&name, &there.root().join("zone/a")))), "no_such_session");
        let again = asks(&register(&play.session()));
        assert_eq!(again["detail"], "this connection has registered a session already");
        assert!(!play.removes("a"), "the session goes on");
        other.ends();
    }
}

/// A registration without the descriptors that belong to it: who may register is looked at first.
fn register(session: &str) -> Value {
    json!({
        "request": "register",
        "protocol": PROTOCOL_VERSION,
        "session": {"id": session, "argv": ["x"], "cwd": "/", "version": "0"},
        "policy": {"zones": [], "overrides": [], "exempt_names": []},
        "canary": "/nowhere/kept",
        "control": "/nowhere/free",
    })
}

#[test]
fn seccomp_whoever_registers_is_outside_every_tree() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let register = register(&play.session());
    let desk = play.desk.clone();
    for uid in [USER, 0, OTHER] {
        let answer = desk.asks(uid, &register);
        assert_eq!(answer["detail"], "expected six descriptors", "as {uid}: {answer}");
    }
    let refused = |answer: Value| {
        let why = answer["detail"].as_str().unwrap_or_default();
        assert!(why.contains("from inside a guarded tree"), "{answer}");
    };
    refused(desk.agent_asks(&mut play.agent, "@", &register));
    let there = sandbox(Who::Root);
    let mut other = Agent::start(play.stage.command(&there, &mode(&there), "sh".as_ref()));
    refused(desk.agent_asks(&mut other, "@", &register));
    other.ends();
    // In a sandbox that has nothing to do with es-guard a session may begin as anywhere.
    let confined = sandbox(Who::User);
    let zone = confined.root().join("zone");
    let wrap = ["wrap", "--quiet", "--helper", "none", "--zone", &zone.to_string_lossy(), "--", "sh"];
    let mut other = Agent::start(play.stage.guard(&confined, &wrap));
    let answer = desk.agent_asks(&mut other, "@", &register);
    assert_eq!(answer["detail"], "expected six descriptors", "{answer}");
    other.ends();
    assert!(!play.removes("a"));
}
