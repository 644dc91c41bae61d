//! The loop by hand: something is blocked, the agent asks, a person answers, the agent tries again. With both kinds
//! of helper, as root and as an ordinary user.

use e2e::asking::{answer_to, await_answer, denials, request, word};
use e2e::guard::{eventually, ledgers, read};
use e2e::play::Play;
use e2e::row::Who;
use e2e::sandbox::{USER, everyone};
use helper_daemon::ledger::{Contents, Record};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};

fn all_plays() -> impl Iterator<Item = Play> {
    everyone().into_iter().flat_map(Play::of_every_helper)
}

fn uid(play: &Play) -> u32 {
    if play.sandbox.who == Who::Root { 0 } else { USER }
}

/// What the agent's command prints as JSON, and its exit status.
fn agent_says(play: &mut Play, line: &str) -> (i32, Value) {
    let line = play.agents_words(&format!("{line} --json"));
    let told = play.agent.says(&format!("{line} > told; status=$?; echo $status $(cat told)"));
    let (status, told) = told.split_once(' ').expect("a status and JSON");
    (status.parse().expect("a number"), serde_json::from_str(told).expect("JSON"))
}

/// The same of a person's command.
fn person_says(play: &Play, args: &[&str]) -> (Option<i32>, Value) {
    let output = play.person(&[args, &["--json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}")))
}

fn contents(play: &Play) -> Contents {
    read(&ledgers(&play.sandbox).pop().expect("a ledger"))
}

/// The records of the loop, a word each.
fn story(contents: &Contents) -> Vec<String> {
    let word = |record: &Record| match record {
        Record::Denial(_) => Some("denied".to_owned()),
        Record::Request(request) => Some(format!("request {}", request.number)),
        Record::Answer(answer) => Some(format!("answer {} {}", answer.number, answer.decision)),
        Record::Override(change) => Some(format!("override {}", change.change)),
        _ => None,
    };
    contents.lines.iter().filter_map(|line| word(&line.record)).collect()
}

/// `es-guard approve`, without a terminal.
struct Approver {
    child: Child,
    words: ChildStdin,
    lines: Receiver<String>,
}

impl Approver {
    fn start(play: &Play) -> Self {
        let mut command = play.stage.guard(&play.sandbox, &["approve", "--helper", &play.helper()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("an approver");
        let words = child.stdin.take().expect("a pipe");
        let read = BufReader::new(child.stdout.take().expect("a pipe"));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            read.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
        Self { child, words, lines }
    }

    fn shows(&self) -> String {
        self.lines.recv_timeout(std::time::Duration::from_secs(60)).expect("a line")
    }

    fn types(&mut self, line: &str) {
        writeln!(self.words, "{line}").expect("an approver that reads");
    }

    fn ends(self) -> bool {
        let Self { mut child, words, .. } = self;
        drop(words);
        child.wait().expect("its end").success()
    }
}

#[test]
fn seccomp_denied_asked_approved_done() {
    for mut play in all_plays() {
        let mut person = Approver::start(&play);
        assert_ne!(play.agent.does("rm -f zone/a"), 0);
        let (status, why) = agent_says(&mut play, "why zone/a");
        assert_eq!((status, &why["denial"]["reason"]), (1, &json!("removed")), "{why}");
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
        assert_eq!(
            story(&contents(&play)),
            ["denied", "request 1", "answer 1 until", "override added", "denied"]
        );
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
        assert_eq!(story(&contents(&play)), ["request 1", "answer 1 deny", "denied"]);
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
        assert_eq!((status, &told["code"]), (1, &json!("no_reason")));
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
        assert_eq!(story(&contents(&play)), ["request 1", "denied"]);
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
        let mut person = Approver::start(&play);
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
        assert_ne!(agent.does("rm -f zone/a"), 0);
        agent.ends();
        assert_eq!(story(&read(&ledgers(&there)[0])), ["request 1", "answer 1 deny", "denied"]);
    }
}

#[test]
fn seccomp_unattended_the_agent_may_decide_itself_where_it_may_and_that_is_recorded() {
    for play in all_plays() {
        let rule = json!({"requests": "self", "self_grant": ["ZONE/a"], "self_grant_max": 60});
        let (there, mut agent) = decided_by(&play, rule);
        assert_ne!(agent.does("rm -f zone/a"), 0);
        assert_eq!(agent.does(&play.agents_words("request zone/a --reason ''")), 1);
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
