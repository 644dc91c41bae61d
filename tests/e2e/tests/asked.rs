//! What is asked of a session beside the loop itself: too much, by the wrong one, and before anything is done; and
//! policies that say who decides.
#![cfg(target_os = "linux")]

use e2e::approver::{Approver, agent_says, contents, story, tells};
use e2e::asking::{answer_to, await_answer, denials, request, word};
use e2e::guard::{eventually, ledgers, read};
use e2e::play::Play;
use e2e::row::Who;
use e2e::sandbox::{USER, everyone};
use helper_daemon::ledger::Record;
use serde_json::{Value, json};

fn all_plays() -> impl Iterator<Item = Play> {
    everyone().into_iter().flat_map(Play::of_every_helper)
}

#[test]
fn seccomp_asked_a_hundred_times_it_is_one_request_and_then_it_is_enough() {
    for mut play in Play::of_every_helper(Who::User) {
        let (session, desk) = (play.session(), play.desk.clone());
        let ask = desk.line(&request(&session, &play.path("a")));
        let line = format!("for n in $(seq 99); do {ask}; done > answers; tail -n 1 answers");
        let last: Value = serde_json::from_str(&play.agent.says(&line)).expect("JSON");
        assert_eq!((&last["request"]["number"], &last["request"]["times"]), (&json!(1), &json!(99)));
        let (_, told) = agent_says(&mut play, "request zone/a --reason more");
        assert_eq!(told["request"]["times"], json!(100));
        // A hundred different ones are not taken either.
        for n in 0..100 {
            play.agent
                .is_told(&format!("{} >> many", desk.line(&request(&session, &play.path(&n.to_string())))));
        }
        let answers = play.agent.says("cat many | grep -c asked_too_often");
        assert!(answers.parse::<u32>().expect("a number") > 50, "{answers}");
        // It is nobody's no.
        let long = format!("request zone/b --reason {}", "x".repeat(1025));
        for (line, code) in [("request zone/z --reason more", "asked_too_often"), (&long, "reason_too_long")]
        {
            let (status, told) = agent_says(&mut play, line);
            assert_eq!(
                (status, &told["status"], &told["code"]),
                (2, &json!("unknown"), &json!(code)),
                "{told}"
            );
        }
        let pending = desk.asks(USER, &json!({"request": "requests", "session": session}));
        assert!(pending["requests"].as_array().expect("a list").len() <= 16);
        assert!(story(&contents(&play)).len() <= 16);
    }
}

#[test]
fn seccomp_an_agent_that_answers_itself_is_refused() {
    for mut play in all_plays() {
        let (session, desk) = (play.session(), play.desk.clone());
        agent_says(&mut play, "request zone/a --reason 'I will do it myself'");
        for decision in [json!("once"), json!("session"), json!({"until": 4_000_000_000u64}), json!("deny")] {
            let answer = desk.agent_asks(&mut play.agent, "@", &answer_to(&session, 1, &decision));
            assert_eq!(word(&answer), "inside_a_tree", "{decision}");
        }
        for line in ["override grant zone/a", "override grant zone/a --for session"] {
            let (status, told) = agent_says(&mut play, line);
            assert_eq!((status, &told["refused"]["code"]), (1, &json!("inside_a_tree")), "{line}");
        }
        let approve = play.agents_words("approve");
        assert_eq!(play.agent.does(&format!("echo 1 once | {approve}")), 1);
        assert!(!play.removes("a"));
        tells(&play, &["request 1", "denied"]);
    }
}

#[test]
fn seccomp_whoever_waits_is_told_when_it_is_answered() {
    for mut play in Play::of_every_helper(Who::User) {
        let (session, desk) = (play.session(), play.desk.clone());
        assert_eq!(word(&desk.asks(USER, &request(&session, &play.path("a")))), "request");
        let list = |after: Option<u64>| json!({"request": "requests", "session": session, "after": after, "wait": 60});
        let first = desk.asks(USER, &list(None));
        let version = first["version"].as_u64();
        std::thread::scope(|scope| {
            let waits: Vec<_> = (0..4)
                .map(|n| {
                    let (desk, session) = (&desk, &session);
                    let list = list(version);
                    let question = if n == 0 { list } else { await_answer(session, 1, 60) };
                    scope.spawn(move || desk.asks(USER, &question))
                })
                .collect();
            let (desk, session) = (&desk, &session);
            scope.spawn(move || desk.asks(USER, &answer_to(session, 1, &json!("deny"))));
            let answers: Vec<Value> = waits.into_iter().map(|wait| wait.join().expect("an answer")).collect();
            assert_eq!(answers[0]["requests"], json!([]), "{answers:?}");
            assert!(answers[1..].iter().all(|answer| answer["request"]["state"] == "denied"), "{answers:?}");
        });
        assert_eq!(word(&desk.asks(USER, &await_answer(&session, 7, 60))), "no_such_request");
        // Nobody waits longer than it was said.
        play.agent.does("true");
        desk.asks(USER, &request(&session, &play.path("b")));
        assert_eq!(desk.asks(USER, &await_answer(&session, 2, 1))["request"]["state"], "pending");
    }
}

#[test]
fn seccomp_what_was_denied_since_is_told_in_order_and_counted() {
    for mut play in Play::of_every_helper(Who::User) {
        let (session, desk) = (play.session(), play.desk.clone());
        assert_ne!(play.agent.does("rm -f zone/a; rm -f zone/b; rm -f zone/a"), 0);
        let told = desk.agent_asks(&mut play.agent, "@", &denials(&session, 1));
        let paths: Vec<_> =
            told["denials"].as_array().expect("a list").iter().map(|denial| denial["path"].clone()).collect();
        assert_eq!(paths, [json!(play.path("b")), json!(play.path("a"))]);
        assert_eq!((&told["last"], &told["dropped"]), (&json!(3), &json!(0)));
        let reader = json!({"request": "denials", "session": session, "reader": "hook"});
        assert_eq!(desk.asks(USER, &reader)["denials"].as_array().map(Vec::len), Some(3));
        assert_eq!(desk.asks(USER, &reader)["denials"], json!([]));
        play.agent.does("cd zone; for n in $(seq 300); do rm -f a; done; cd ..");
        eventually("all are noted", || desk.asks(USER, &denials(&session, 0))["last"] == 303);
        let told = desk.asks(USER, &reader);
        let kept = told["denials"].as_array().expect("a list").len() as u64;
        assert_eq!((told["last"].as_u64(), told["dropped"].as_u64()), (Some(303), Some(300 - kept)));
        assert!(kept > 100, "{kept}");
    }
}

#[test]
fn seccomp_what_would_be_is_told_before_it_is() {
    for mut play in all_plays() {
        assert_eq!(play.agent.does("echo mine > zone/mine"), 0);
        for (line, status, code) in [
            ("check unlink zone/a", 1, "removed"),
            ("check rm zone/none", 0, "not-there"),
            ("check unlink elsewhere", 0, "not-there"),
            ("check rename zone/a zone/c", 0, "harmless"),
            ("check rename zone/a away", 1, "moved-out"),
            ("check unlink zone/mine", 0, "own"),
            ("check write zone/a", 0, "harmless"),
            ("check rmdir zone", 1, "zone-moved"),
        ] {
            let (found, told) = agent_says(&mut play, line);
            assert_eq!((found, &told["code"]), (status, &json!(code)), "{line}: {told}");
            let session = play.session();
            assert_eq!(told["session"], session.as_str());
        }
        assert!(contents(&play).denials().next().is_none(), "nothing was tried");
        assert_eq!(play.agent.does(&play.agents_words("check rename zone/a")), 2);
    }
}

#[test]
fn seccomp_names_and_reasons_drive_no_terminal() {
    for mut play in Play::of_every_helper(Who::User) {
        let name = "zone/x\u{1b}[2J\u{7}y";
        std::fs::write(play.sandbox.root().join(name), "old").expect("a file");
        play.sandbox.hand_over();
        let mut person = Approver::of(&play, &["--session", "last"]);
        let ask = play.agents_words("request zone/x* --reason \"$(printf 'a\\033]0;b\\007\\nc')\"");
        assert_eq!(play.agent.does(&ask), 3);
        let shown = person.shows();
        assert!(!shown.contains(['\u{1b}', '\u{7}']) && shown.contains("\\u{1b}[2J"), "{shown:?}");
        person.types("1 deny");
        person.shows();
        assert!(person.ends());
        assert_ne!(play.agent.does("rm -f zone/x*"), 0);
        let why = play.agents_words("why");
        let said = play.agent.says(&format!("{why} 2>&1 | tr '\\n' ' '; echo"));
        assert!(!said.contains(['\u{1b}', '\u{7}']) && said.contains("stays protected"), "{said:?}");
    }
}

/// A session by a policy file that says who decides.
fn decided_by(play: &Play, rule: Value) -> (e2e::sandbox::Sandbox, e2e::agent::Agent) {
    let there = e2e::play::sandbox(play.sandbox.who);
    let policy = there.beside("policy.json");
    let mut text = json!({"protected_zones": [there.root().join("zone")]});
    for (key, value) in rule.as_object().expect("keys") {
        text[key] = value.clone();
    }
    std::fs::write(&policy, text.to_string().replace("ZONE", &there.root().join("zone").to_string_lossy()))
        .expect("a policy file");
    there.hand_over();
    let mode = e2e::guard::Mode::Guarded { zones: Vec::new(), policy: Some(policy) };
    let mut agent = e2e::agent::Agent::start(play.stage.command(&there, &mode, "sh".as_ref()));
    assert_eq!(agent.does("true"), 0);
    (there, agent)
}

#[test]
fn seccomp_unattended_the_policy_may_refuse_everything() {
    for play in all_plays() {
        let (there, mut agent) = decided_by(&play, json!({"requests": "deny"}));
        assert_eq!(agent.does(&play.agents_words("request zone/a --reason please --wait")), 1);
        let told = agent.says("rm -f zone/a 2>&1 | tr '\\n' ' '; echo");
        assert!(
            told.contains("has everything refused that is asked for") && !told.contains(" request "),
            "{told}"
        );
        assert_ne!(agent.does("mv zone elsewhere"), 0);
        let why = agent.says(&format!("{} | tr '\\n' ' '; echo", play.agents_words("why zone")));
        assert!(
            why.contains("has everything refused that is asked for") && !why.contains(" request "),
            "{why}"
        );
        agent.ends();
        assert_eq!(story(&read(&ledgers(&there)[0])), ["request 1", "answer 1 deny", "denied", "denied"]);
    }
}

#[test]
fn seccomp_unattended_the_agent_may_decide_itself_where_it_may_and_that_is_recorded() {
    for play in all_plays() {
        let rule = json!({"requests": "self", "self_grant": ["ZONE/a"], "self_grant_max": 60});
        let (there, mut agent) = decided_by(&play, rule);
        assert_ne!(agent.does("rm -f zone/a"), 0);
        assert_eq!(agent.does(&play.agents_words("request zone/a --reason ''")), 2);
        assert_eq!(agent.does(&play.agents_words("request zone/a --reason 'old' --for 10h")), 0);
        assert_eq!(agent.does("rm zone/a"), 0);
        // Elsewhere a person is asked.
        assert_eq!(agent.does(&play.agents_words("request zone/b --reason 'old, too'")), 3);
        assert_ne!(agent.does("rm -f zone/b"), 0);
        // And by no other way is anything granted.
        assert_eq!(agent.does(&play.agents_words("override grant zone/a")), 1);
        agent.ends();
        let contents = read(&ledgers(&there)[0]);
        let expected = ["denied", "request 1", "answer 1 until", "override added", "request 2", "denied"];
        assert_eq!(story(&contents), expected);
        let answer = contents.lines.iter().find_map(|line| match &line.record {
            Record::Answer(answer) => Some((line.ts, answer.clone())),
            _ => None,
        });
        let (at, answer) = answer.expect("an answer");
        assert_eq!(answer.rule.as_deref(), Some("self"));
        assert!(answer.by.is_some_and(|by| by.exe.ends_with("/es-guard")));
        assert!(answer.expires_at.expect("an end") <= at as u64 + 61);
    }
}
