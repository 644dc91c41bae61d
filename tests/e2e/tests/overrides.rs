//! Overrides that a person grants while the agent runs: by the command, in force at once, gone in time, and in
//! the ledger with who it was.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::asking::{grant, word};
use e2e::guard::{eventually, ledgers, output};
use e2e::play::{Play, mode, sandbox};
use e2e::row::Who;
use e2e::sandbox::{USER, everyone};
use helper_daemon::ledger::OverrideRecord;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs()
}

/// `es-guard override`, as the sandbox's user outside the session; its status, and what it prints as JSON.
fn command(play: &Play, args: &[&str]) -> (Option<i32>, Value) {
    let output = play.person(&[&["override"], args, &["--json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}")))
}

fn words(changes: &[OverrideRecord]) -> Vec<&str> {
    changes.iter().map(|change| change.change.as_str()).collect()
}

#[test]
fn seccomp_a_grant_is_in_force_at_once_and_until_it_is_revoked() {
    for mut play in everyone().into_iter().flat_map(Play::of_every_helper) {
        assert!(!play.removes("a"));
        let (status, told) = command(&play, &["grant", "zone/a", "--reason", "replaced by v2"]);
        assert_eq!((status, &told["session"]), (Some(0), &json!(play.session())), "{told}");
        let by = told["granted"]["by"].clone();
        assert!(play.removes("a") && !play.removes("b"));
        let (_, listed) = command(&play, &["list"]);
        assert_eq!(listed["overrides"], json!([told["granted"]]));
        let (status, told) = command(&play, &["revoke", "zone/a"]);
        assert_eq!((status, &told["revoked"]["path"]), (Some(0), &json!(play.path("a"))));
        assert!(!play.removes("a"));
        let (_, listed) = command(&play, &["list"]);
        assert_eq!(listed["overrides"], json!([]));
        let changes = play.changes();
        assert_eq!(words(&changes), ["added", "removed"]);
        assert_eq!(changes[0].reason.as_deref(), Some("replaced by v2"));
        let granter = changes[0].by.clone().expect("who it was");
        assert_eq!(json!(granter), by);
        assert_eq!(granter.uid, if play.sandbox.who == Who::Root { 0 } else { USER });
        assert!(granter.exe.ends_with("/es-guard"), "{}", granter.exe);
        assert_ne!(changes[1].by.as_ref().expect("who it was").pid, granter.pid);
    }
}

#[test]
fn seccomp_a_session_of_which_too_little_is_typed_is_named_with_the_others() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let own = play.session();
    let wrap = play.stage.command(&play.sandbox, &mode(&play.sandbox), "sh".as_ref());
    let mut second = Agent::start(wrap);
    assert_eq!(second.does("true"), 0);
    let name =
        |ledger: std::path::PathBuf| ledger.file_stem().expect("a name").to_string_lossy().into_owned();
    let names: Vec<String> = ledgers(&play.sandbox).into_iter().map(name).collect();
    let [first, last] = names.as_slice() else { panic!("{names:?}") };
    let socket = play.desk.socket.to_string_lossy().into_owned();
    let said = |args: &[&str]| {
        let output = output(&mut play.stage.guard(&play.sandbox, args));
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let helper = ["--session", "20", "--helper", &socket];
    for args in
        [["override", "grant", "zone/a"].as_slice(), &["override", "revoke", "zone/a"], &["override", "list"]]
    {
        let (status, told) = said(&[args, &helper].concat());
        assert_eq!(status, Some(1), "{args:?}: {told}");
        let expected = format!("\"20\": several begin so: {first}, {last}. Type more of the name");
        assert!(told.contains(&expected), "{args:?}: {told}");
    }
    for args in [["sessions", "show", "20"].as_slice(), &["sessions", "show", "20", "--follow"]] {
        let (status, told) = said(args);
        assert_eq!(status, Some(1), "{args:?}: {told}");
        assert!(told.contains("several begin so: ") && told.contains(first) && told.contains(last), "{told}");
    }
    // With the whole name it is that one, and only that one.
    let (status, told) = said(&["override", "grant", "zone/a", "--session", &own, "--helper", &socket]);
    assert_eq!(status, Some(0), "{told}");
    assert_ne!(second.does("rm -f zone/a"), 0);
    assert_eq!(play.agent.does("rm -f zone/a"), 0);
    assert!(second.ends().0.success());
}

#[test]
fn seccomp_a_grant_is_over_when_it_says_and_that_is_recorded() {
    for mut play in Play::of_every_helper(Who::User) {
        let before = now();
        let (status, told) = command(&play, &["grant", "zone", "--for", "2s"]);
        let end = told["granted"]["expires_at"].as_u64().expect("a time");
        assert!(status == Some(0) && end >= before + 2, "{told}");
        while now() < end {
            let removed = play.removes("a");
            assert!(removed || now() >= end);
        }
        assert!(!play.removes("a"));
        eventually("its end is recorded", || words(&play.changes()) == ["added", "expired"]);
        let changes = play.changes();
        assert_eq!((&changes[0].by, changes[1].expires_at), (&changes[1].by, Some(end)));
    }
}

#[test]
fn seccomp_what_the_owner_grants_ends_as_well() {
    let Some(mut play) = Play::new(Who::User) else { return };
    let owner = play.agent.says("echo $PPID").parse().expect("a number");
    let mut question = grant(&play.session(), &play.path("a"));
    question["expires_at"] = json!(now() + 1);
    assert_eq!(word(&play.desk.asks_as_owner(owner, &question)), "granted");
    eventually("its end is recorded", || words(&play.changes()) == ["added", "expired"]);
    assert!(!play.removes("a"));
}

#[test]
fn seccomp_a_policy_that_is_loaded_anew_takes_no_grant_away() {
    let Some(play) = Play::new(Who::User) else { return };
    let there = sandbox(Who::User);
    let zone = there.root().join("zone");
    let policy = there.beside("policy.json");
    let write = |names: &[&str]| {
        let text = json!({"protected_zones": [zone], "exempt_names": names}).to_string();
        std::fs::write(&policy, text).expect("a policy file");
    };
    write(&[]);
    let mode = e2e::guard::Mode::Guarded { zones: Vec::new(), policy: Some(policy.clone()) };
    let agent = e2e::agent::Agent::start(play.stage.command(&there, &mode, "sh".as_ref()));
    let mut other = Play { agent, desk: play.desk.clone(), sandbox: there, stage: play.stage };
    assert!(!other.removes("a"));
    assert_eq!(word(&other.desk.asks(USER, &grant(&other.session(), &other.path("a")))), "granted");
    write(&["b"]);
    eventually("the policy is loaded", || other.removes("b"));
    assert!(other.removes("a"));
    assert_eq!(words(&other.changes()), ["added"], "it did not come and go");
    // The same that a person has granted, the policy file lets through and then no more: the grant stays.
    let text = json!({"protected_zones": [zone], "temporary_overrides": [other.path("a")]}).to_string();
    std::fs::write(&policy, text).expect("a policy file");
    eventually("the policy is loaded", || !other.removes("b"));
    write(&[]);
    eventually("the policy is loaded", || words(&other.changes()) == ["added", "added", "removed"]);
    assert!(other.removes("a"));
}

#[test]
fn seccomp_what_can_not_be_granted_is_refused_with_a_code() {
    for play in Play::of_every_helper(Who::User) {
        let session = play.session();
        let state = play.sandbox.state();
        let top = play.sandbox.root();
        let asks = |question: Value| word(&play.desk.asks(USER, &question));
        for (path, code) in [
            (top.join("elsewhere"), "not_in_a_zone"),
            (top.join("zone/node_modules/x"), "not_in_a_zone"),
            (top.clone(), "not_in_a_zone"),
            ("zone/a".into(), "bad_path"),
            (top.join("zone/../zone/a"), "bad_path"),
            (state.join("sessions"), "es_guards_own"),
            ("/".into(), "es_guards_own"),
        ] {
            assert_eq!(asks(grant(&session, &path)), code, "{}", path.display());
        }
        let mut question = grant(&session, &play.path("a"));
        question["expires_at"] = json!(now() - 1);
        assert_eq!(asks(question.clone()), "already_expired");
        question["expires_at"] = Value::Null;
        question["reason"] = json!("x".repeat(1025));
        assert_eq!(asks(question), "reason_too_long");
        assert_eq!(asks(e2e::asking::revoke(&session, &play.path("a"))), "not_granted");
        let (status, told) = command(&play, &["grant", "/etc/passwd"]);
        assert_eq!((status, &told["refused"]["code"]), (Some(1), &json!("not_in_a_zone")));
        assert!(play.changes().is_empty());
    }
}

#[test]
fn seccomp_a_name_is_granted_and_not_what_it_leads_to() {
    for mut play in Play::of_every_helper(Who::User) {
        for (line, granted) in [
            // By another name of the directory: the command resolves it.
            ("ln -s zone alias", "zone/a"),
            // The last name is what is removed: the link, not what the agent has made it lead to.
            ("ln -s b zone/link", "zone/link"),
        ] {
            assert_eq!(play.agent.does(line), 0, "{line}");
            let asked = if granted == "zone/a" { "alias/a" } else { granted };
            let (_, told) = command(&play, &["grant", asked]);
            assert_eq!(told["granted"]["path"], json!(play.sandbox.root().join(granted)), "{told}");
        }
        assert!(play.removes("a") && !play.removes("b"));
    }
}
