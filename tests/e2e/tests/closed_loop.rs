//! The loop by hand: something is blocked, the agent asks, a person answers, the agent tries again. With both kinds
//! of helper, as root and as an ordinary user.
#![cfg(target_os = "linux")]

use e2e::approver::{Approver, agent_says, contents, person_says, story, tells};
use e2e::asking::{answer_to, await_answer, word};
use e2e::guard::eventually;
use e2e::play::Play;
use e2e::row::Who;
use e2e::sandbox::{USER, everyone};
use serde_json::{Value, json};

fn all_plays() -> impl Iterator<Item = Play> {
    everyone().into_iter().flat_map(Play::of_every_helper)
}

fn uid(play: &Play) -> u32 {
    if play.sandbox.who == Who::Root { 0 } else { USER }
}

#[test]
fn seccomp_denied_asked_approved_done() {
    for mut play in all_plays() {
        let mut person = Approver::start(&play);
        assert_ne!(play.agent.does("rm -f zone/a"), 0);
        let (status, why) = agent_says(&mut play, "why zone/a");
        assert_eq!((status, &why["denial"]["reason"]), (1, &json!("removed")), "{why}");
        // Inside, nothing has to be said of where to ask.
        assert_eq!(play.agent.does("$STAGE/es-guard why zone/a"), 1);
        let ask = why["denial"]["ask"].as_str().expect("a command");
        assert!(ask.contains("/es-guard request ") && ask.contains("/zone/a"), "{ask}");
        // The agent waits; the person sees it at once, and answers.
        let ask = format!("{ask} --for 30m --wait 60s --helper {}", play.helper());
        play.agent.is_told(&format!("{ask} >/dev/null 2>&1; echo $?"));
        let shown = person.shows();
        assert!(shown.contains("/zone/a") && shown.contains("why it has to go"), "{shown}");
        assert!(shown.contains(":1 ") && shown.contains("for 1800s"), "{shown}");
        person.types("1 10m");
        assert!(person.shows().contains("is let through"));
        assert_eq!(play.agent.says(""), "0");
        assert_eq!(play.agent.does("rm zone/a"), 0);
        assert!(!play.path("a").exists());
        assert_ne!(play.agent.does("rm -f zone/b"), 0);
        let (status, why) = agent_says(&mut play, "why --last");
        assert_eq!((status, &why["denial"]["path"]), (1, &json!(play.path("b"))));
        assert!(person.ends());
        tells(&play, &["denied", "request 1", "answer 1 until", "override added", "denied"]);
        let shown = play.stage.guard(&play.sandbox, &["sessions", "show"]).output().expect("an end");
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        for words in ["request 1 by", "why it has to go", "request 1 allowed, until", "override added by"] {
            assert!(shown.contains(words), "{shown}");
        }
    }
}

#[test]
fn seccomp_what_is_allowed_once_is_allowed_once() {
    for mut play in all_plays() {
        let session = play.session();
        let (uid, desk) = (uid(&play), play.desk.clone());
        let (status, told) = agent_says(&mut play, "request zone/a --reason once");
        assert_eq!((status, &told["status"]), (3, &json!("pending")), "{told}");
        let answer = desk.asks(uid, &answer_to(&session, 1, &json!("once")));
        assert_eq!((word(&answer), &answer["request"]["state"]), ("request".into(), &json!("granted")));
        // What fails uses nothing up, nor does what would have been let through anyway.
        assert_ne!(play.agent.does("rmdir zone/a"), 0);
        assert_ne!(play.agent.does("rm -f zone/b"), 0);
        assert_eq!(play.agent.does("mv zone/b zone/c"), 0);
        // A place from which something may be removed is none to move other things to.
        assert_ne!(play.agent.does("mv zone/c zone/a"), 0);
        assert!(play.removes("a"));
        assert!(!play.removes("a"));
        let (status, _) = agent_says(&mut play, "check unlink zone/a");
        assert_eq!(status, 1);
        eventually("its use is recorded", || story(&contents(&play)).contains(&"override used".to_owned()));
        let (_, listed) = person_says(&play, &["override", "list"]);
        assert_eq!(listed["overrides"], json!([]));
    }
}

#[test]
fn seccomp_a_refusal_is_told_with_its_word_and_lets_nothing_through() {
    for mut play in all_plays() {
        let mut person = Approver::start(&play);
        let ask = play.agents_words("request zone/a --reason 'I want it' --wait --json");
        play.agent.is_told(&format!("{ask} > told; echo $?"));
        person.shows();
        person.types("1 deny it is the only copy");
        assert!(person.shows().contains("it is the only copy"));
        assert_eq!(play.agent.says(""), "1");
        let told: Value = serde_json::from_str(&play.agent.says("cat told")).expect("JSON");
        assert_eq!(
            (&told["status"], &told["request"]["word"]),
            (&json!("denied"), &json!("it is the only copy"))
        );
        assert!(!play.removes("a"));
        // Asked again at once, the answer is the same, and nobody is asked.
        let (status, again) = agent_says(&mut play, "request zone/a --reason please");
        assert_eq!((status, &again["request"]["number"]), (1, &json!(1)));
        assert!(person.ends());
        tells(&play, &["request 1", "answer 1 deny", "denied"]);
    }
}

#[test]
fn seccomp_what_is_let_through_for_a_time_is_protected_after_it() {
    for mut play in all_plays() {
        agent_says(&mut play, "request zone/a --reason 'for a moment' --op unlink");
        let session = play.session();
        let end = jiff::Timestamp::now().as_second() + 2;
        let answer = play.desk.asks(uid(&play), &answer_to(&session, 1, &json!({"until": end})));
        assert_eq!(answer["request"]["granted"]["expires_at"], json!(end), "{answer}");
        assert!(play.removes("a") || jiff::Timestamp::now().as_second() >= end);
        // It was asked for removing alone.
        assert_ne!(play.agent.does("mv zone/a away"), 0);
        eventually("it is over", || !play.removes("a"));
        eventually("its end is recorded", || {
            story(&contents(&play)).contains(&"override expired".to_owned())
        });
    }
}

#[test]
fn seccomp_another_path_is_another_request() {
    for mut play in all_plays() {
        let (session, desk, uid) = (play.session(), play.desk.clone(), uid(&play));
        agent_says(&mut play, "request zone/b --reason mistaken");
        assert_eq!(word(&desk.asks(uid, &answer_to(&session, 1, &json!("session")))), "request");
        assert!(!play.removes("a"));
        assert!(play.removes("b"));
        let (status, told) = agent_says(&mut play, "request zone/b --reason again");
        assert_eq!((status, &told["code"]), (0, &json!("let_through_already")));
        let (status, told) = agent_says(&mut play, "request elsewhere --reason free");
        assert_eq!((status, &told["code"]), (0, &json!("not_in_a_zone")));
        let (status, told) = agent_says(&mut play, "request zone/a --reason ' '");
        assert_eq!((status, &told["code"], &told["status"]), (2, &json!("no_reason"), &json!("unknown")));
        let (status, told) = agent_says(&mut play, "request $ES_GUARD_HOME/sessions --reason mine");
        assert_eq!((status, &told["code"]), (1, &json!("es_guards_own")));
        // A person who grants by another command has answered, too.
        agent_says(&mut play, "request zone/a --reason 'by another way'");
        let (status, told) = person_says(&play, &["override", "grant", "zone", "--for", "session"]);
        assert_eq!(status, Some(0), "{told}");
        let answered = desk.asks(uid, &await_answer(&session, 2, 0));
        assert_eq!(answered["request"]["state"], "granted");
        assert!(play.removes("a"));
        let answer = desk.asks(uid, &answer_to(&session, 2, &json!("deny")));
        assert_eq!(word(&answer), "answered_already");
    }
}
