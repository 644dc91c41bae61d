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
        // An ordinary tester is the user.
        let me = nix::unistd::geteuid().as_raw();
        let user = if me == 0 && play.sandbox.who == Who::User { USER } else { me };
        assert_eq!(granter.uid, user);
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
    // As a person edits it: what is granted stays where it is shown.
    let write = |names: &[&str], through: &[Value]| {
        let granted = shown(&policy).into_iter().filter(|entry| entry["session"].is_string());
        let overrides: Vec<Value> = granted.chain(through.iter().cloned()).collect();
        let text =
            json!({"protected_zones": [zone], "exempt_names": names, "temporary_overrides": overrides});
        std::fs::write(&policy, text.to_string()).expect("a policy file");
    };
    write(&[], &[]);
    let mode = e2e::guard::Mode::Guarded { zones: Vec::new(), policy: Some(policy.clone()) };
    let agent = e2e::agent::Agent::start(play.stage.command(&there, &mode, "sh".as_ref()));
    let mut other = Play { agent, desk: play.desk.clone(), sandbox: there, stage: play.stage };
    assert!(!other.removes("a"));
    assert_eq!(word(&other.desk.asks(USER, &grant(&other.session(), &other.path("a")))), "granted");
    eventually("it is shown", || shown(&policy).len() == 1);
    write(&["b"], &[]);
    eventually("the policy is loaded", || other.removes("b"));
    assert!(other.removes("a"));
    assert_eq!(words(&other.changes()), ["added"], "it did not come and go");
    // The same that a person has granted, the policy file lets through and then no more: the grant stays.
    write(&[], &[json!(other.path("a"))]);
    eventually("the policy is loaded", || !other.removes("b"));
    write(&[], &[]);
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

/// What the policy file has among its overrides.
fn shown(policy: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(policy).unwrap_or_else(|_| "{}".into());
    let file: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    file["temporary_overrides"].as_array().cloned().unwrap_or_default()
}

#[test]
fn seccomp_what_is_granted_is_shown_in_the_policy_file_and_taken_back_there() {
    for play in everyone().into_iter().flat_map(Play::of_every_helper) {
        let there = sandbox(play.sandbox.who);
        // The last session is to be the other one: those of one second have no order.
        play.agent.ends();
        let (zone, policy) = (there.root().join("zone"), there.beside("policy.json"));
        let text = format!("{{\n  \"protected_zones\": [{zone:?}],\n  \"exempt_names\": [ \"x\" ]\n}}\n");
        std::fs::write(&policy, &text).expect("a policy file");
        there.hand_over();
        let mode = e2e::guard::Mode::Guarded { zones: Vec::new(), policy: Some(policy.clone()) };
        let agent = Agent::start(play.stage.command(&there, &mode, "sh".as_ref()));
        let mut other = Play { agent, desk: play.desk.clone(), sandbox: there, stage: play.stage };
        assert!(!other.removes("a"));
        for name in ["zone/a", "zone/b"] {
            let (status, told) = command(&other, &["grant", name, "--reason", "old \"one\""]);
            assert_eq!(status, Some(0), "{told}");
        }
        eventually("both are shown", || shown(&policy).len() == 2);
        let (entries, session) = (shown(&policy), other.session());
        assert_eq!((&entries[0]["path"], &entries[0]["session"]), (&json!(other.path("a")), &json!(session)));
        assert!(entries[0]["expires_at"].is_u64() && entries[0]["reason"] == "old \"one\"", "{entries:?}");
        let now = std::fs::read_to_string(&policy).expect("a policy file");
        assert!(now.starts_with(text.trim_end_matches("\n}\n")), "the rest is as it was: {now}");
        // A person takes one away there, and shortens the other.
        let mut file: Value = serde_json::from_str(&now).expect("JSON");
        let list = file["temporary_overrides"].as_array_mut().expect("a list");
        list.remove(0);
        list[0]["expires_at"] = json!(self::now() + 2);
        std::fs::write(&policy, file.to_string()).expect("a policy file");
        eventually("the one is taken back", || !other.removes("a"));
        eventually("the other is over", || !other.removes("b"));
        eventually("none is shown", || shown(&policy).is_empty());
        let expected = ["added", "added", "removed", "removed", "added", "expired"];
        eventually("it is recorded, and nothing twice", || words(&other.changes()) == expected);
        // What is left at the end goes with the session.
        assert_eq!(command(&other, &["grant", "zone/a", "--for", "session"]).0, Some(0));
        eventually("it is shown", || shown(&policy).len() == 1);
        other.agent.ends();
        assert!(shown(&policy).is_empty());
    }
}

#[test]
fn seccomp_where_there_is_no_policy_file_there_is_one_while_something_is_granted() {
    for play in Play::of_every_helper(Who::User) {
        let policy = play.sandbox.home().join(".codex/es_policy.json");
        std::fs::create_dir_all(policy.parent().expect("a folder")).expect("a folder");
        play.sandbox.hand_over();
        assert_eq!(command(&play, &["grant", "zone/a", "--op", "unlink"]).0, Some(0));
        eventually("it is shown", || shown(&policy).len() == 1);
        assert_eq!(shown(&policy)[0]["op"], "unlink");
        play.agent.ends();
        assert!(!policy.exists());
    }
}

#[test]
fn seccomp_what_another_session_was_granted_lets_nothing_through_here() {
    for play in Play::of_every_helper(Who::User) {
        let there = sandbox(Who::User);
        let policy = there.beside("policy.json");
        let a = there.root().join("zone/a");
        let entry = json!({"path": a, "session": "20000101-000000-0000"});
        let text = json!({"protected_zones": [there.root().join("zone")], "temporary_overrides": [entry]});
        std::fs::write(&policy, text.to_string()).expect("a policy file");
        there.hand_over();
        let mode = e2e::guard::Mode::Guarded { zones: Vec::new(), policy: Some(policy) };
        let mut agent = Agent::start(play.stage.command(&there, &mode, "sh".as_ref()));
        assert_ne!(agent.does("rm -f zone/a"), 0);
        agent.ends();
    }
}
