//! Codex and Claude Code themselves close the loop, with a played model: refused, they ask; a person outside
//! answers; they go on.
#![cfg(target_os = "linux")]

use e2e::approver::story;
use e2e::guard::{ledgers, read};
use e2e::programs::Program;
use e2e::programs::scene::{Played, Scene, Start, does};
use e2e::service::{Act, Asked};
use serde_json::json;

/// What the session's ledger tells.
fn told(scene: &Scene<'_>) -> Vec<String> {
    story(&read(&ledgers(&scene.sandbox).pop().expect("a ledger")))
}

fn removes(path: &str) -> Act {
    Act::Run(format!("rm {path} && echo it-is-gone"))
}

fn asks(path: &str, reason: &str) -> Act {
    Act::Guard { tool: "request_override", arguments: json!({"path": path, "reason": reason}) }
}

/// Whether what is new in a request has all of these words.
#[track_caller]
fn tells(scene: &Scene<'_>, asked: &Asked, words: &[&str]) {
    let text = asked.text();
    for word in words {
        assert!(text.contains(word), "{scene}: {word:?} is not in request {}: {text}", asked.number);
    }
}

#[test]
fn seccomp_refused_asked_by_tool_granted_done() {
    Scene::each(|scene| {
        let path = scene.name("a");
        let acts = vec![removes(&path), asks(&path, "b replaces it"), removes(&path)];
        let (Played { outcome, asked }, saw) = scene.play_answered(&["1 10m"], does(acts));
        assert!(saw[0].contains(&path) && saw[0].contains("b replaces it"), "{scene}: {saw:?}");
        tells(scene, &asked[1], &["was not removed", "request_override"]);
        tells(scene, &asked[2], &["is let through"]);
        tells(scene, &asked[3], &["it-is-gone"]);
        assert!(!scene.path("a").exists() && scene.path("b").exists(), "{scene}");
        assert_eq!(outcome.status.code(), Some(0), "{scene}: {outcome:?}");
        assert_eq!(told(scene), ["denied", "request 1", "answer 1 until", "override added"], "{scene}");
    });
}

#[test]
fn seccomp_refused_asked_by_command_granted_once_done_once() {
    Scene::once(&Program::ALL, |scene| {
        let path = scene.name("a");
        let ask = Act::Run(scene.words(&format!("request {path} --reason 'by hand' --wait")));
        let again = Act::Run(format!("echo new > {path}.2; mv {path}.2 {path} && echo made-anew; rm {path}"));
        let acts = vec![removes(&path), ask, removes(&path), again];
        let (Played { asked, .. }, _) = scene.play_answered(&["1 once"], does(acts));
        tells(scene, &asked[2], &["is let through once"]);
        tells(scene, &asked[3], &["it-is-gone"]);
        tells(scene, &asked[4], &["made-anew"]);
        let story = told(scene);
        assert_eq!(
            story[..4],
            ["denied", "request 1", "answer 1 once", "override added"],
            "{scene}: {story:?}"
        );
        assert!(story[4..].contains(&"override used".to_owned()), "{scene}: {story:?}");
    });
}

#[test]
fn seccomp_a_refusal_comes_with_the_persons_word_and_nothing_goes() {
    Scene::once(&Program::ALL, |scene| {
        let path = scene.name("a");
        let acts = vec![asks(&path, "I want it"), removes(&path), asks(&path, "please")];
        let (Played { asked, .. }, _) = scene.play_answered(&["1 deny it is the only copy"], does(acts));
        tells(scene, &asked[1], &["stays protected", "it is the only copy"]);
        tells(scene, &asked[2], &["was not removed"]);
        // Asked again, nobody is.
        tells(scene, &asked[3], &["stays protected", "it is the only copy"]);
        assert!(scene.path("a").exists(), "{scene}");
        assert_eq!(told(scene), ["request 1", "answer 1 deny", "denied"], "{scene}");
    });
}

#[test]
fn seccomp_what_is_granted_is_that_path_alone_and_for_that_time_alone() {
    Scene::once(&Program::ALL, |scene| {
        let (a, b) = (scene.name("a"), scene.name("b"));
        let check = scene.words(&format!("check unlink {b}"));
        let over = Act::Run(format!("until {check} | grep ^denied; do sleep 0.1; done; rm {b}"));
        let acts = vec![asks(&b, "mistaken"), Act::Run(format!("rm {a}")), over];
        let (Played { asked, .. }, _) = scene.play_answered(&["1 2s"], does(acts));
        tells(scene, &asked[1], &["is let through"]);
        tells(scene, &asked[2], &["was not removed", &a]);
        tells(scene, &asked[3], &["denied: removing", "was not removed", &b]);
        assert!(scene.path("a").exists() && scene.path("b").exists(), "{scene}");
    });
}

#[test]
fn seccomp_asked_a_hundred_times_it_is_one_request_and_then_too_much() {
    Scene::once(&Program::ALL, |scene| {
        let path = scene.name("a");
        let same = scene.words(&format!("request {path} --reason again"));
        let others = scene.words(&format!("request {path}.$n --reason another"));
        let line = format!(
            "for n in $(seq 50); do {same}; done 2>&1 | tail -n 2; for n in $(seq 50); do touch {path}.$n; {others}; done 2>&1 | sort | uniq -c | sort -n | tail -n 2"
        );
        let check =
            Act::Guard { tool: "check_access", arguments: json!({"operation": "unlink", "path": path}) };
        let Played { asked, .. } = scene.play(does(vec![Act::Run(line), check]));
        tells(scene, &asked[1], &["asked 50 times", "too much was asked for"]);
        tells(scene, &asked[2], &["denied: removing", "request 1 in session"]);
        assert!(told(scene).len() <= 16, "{scene}: {:?}", told(scene));
    });
}

#[test]
fn seccomp_an_agent_grants_itself_nothing() {
    Scene::each(|scene| {
        let path = scene.name("a");
        let grant = scene.words(&format!("override grant {path} --reason mine"));
        let approve = scene.words("approve");
        let ask = scene.words(&format!("request {path} --reason mine"));
        let acts = vec![
            Act::Run(format!("{grant}; echo status $?")),
            Act::Run(format!("{ask}; echo '1 session' | {approve}; echo status $?")),
            removes(&path),
        ];
        let Played { asked, .. } = scene.play(does(acts));
        tells(scene, &asked[1], &["inside a guarded tree", "status 1"]);
        assert!(!asked[2].text().contains("is let through"), "{scene}: {}", asked[2].text());
        tells(scene, &asked[3], &["was not removed"]);
        assert!(scene.path("a").exists(), "{scene}");
        let story = told(scene);
        assert!(
            !story.iter().any(|word| word.starts_with("override") || word.starts_with("answer")),
            "{scene}: {story:?}"
        );
    });
}

#[test]
fn seccomp_the_tools_explain_and_foresee() {
    Scene::once(&Program::ALL, |scene| {
        let path = scene.name("a");
        let tool = |tool, arguments| Act::Guard { tool, arguments };
        let acts = vec![
            tool("explain_denial", json!({})),
            removes(&path),
            tool("explain_denial", json!({"path": path})),
            tool("check_access", json!({"operation": "unlink", "path": path})),
            tool("check_access", json!({"operation": "write", "path": path})),
        ];
        let Played { asked, .. } = scene.play(does(acts));
        tells(scene, &asked[1], &["Nothing was refused in this session"]);
        tells(scene, &asked[3], &["was not removed", "no file permission", "To ask for it"]);
        tells(scene, &asked[4], &["denied: removing", "(removed)"]);
        tells(scene, &asked[5], &["allowed: writing"]);
    });
}

/// What a person says on the same command line, and what is in their own settings, stays in force.
#[test]
fn seccomp_a_persons_own_hooks_stay_in_force() {
    Scene::once(&Program::ALL, |scene| {
        let mark = |name: &str| scene.sandbox.root().join(name);
        let hook = |name: &str| json!({"hooks": [{"type": "command", "command": format!("touch {}", mark(name).display())}]});
        let words = match scene.program {
            Program::Claude => {
                vec![
                    "--settings".to_owned(),
                    json!({"hooks": {"PostToolUse": [hook("line")], "PostToolUseFailure": [hook("line")]}})
                        .to_string(),
                ]
            }
            // The person trusts their own, as es-guard's are.
            Program::Codex(_) => vec![
                "--dangerously-bypass-hook-trust".to_owned(),
                "-c".to_owned(),
                format!(
                    "hooks.PostToolUse=[{{hooks=[{{type=\"command\",command=\"touch {}\"}}]}}]",
                    mark("line").display()
                ),
            ],
        };
        let own = scene.sandbox.home().join("agent");
        std::fs::create_dir_all(&own).expect("a folder");
        let file = if scene.program == Program::Claude { "settings.json" } else { "hooks.json" };
        let theirs = json!({"hooks": {"PostToolUse": [hook("file")], "PostToolUseFailure": [hook("file")]}});
        std::fs::write(own.join(file), theirs.to_string()).expect("settings");
        let start = Start { words, ..Start::default() };
        let Played { asked, .. } = scene.start(&start, does(vec![removes(&scene.name("a"))]));
        tells(scene, &asked[1], &["es-guard has refused one operation"]);
        assert!(mark("line").exists() && mark("file").exists(), "{scene}: {}", asked[1].text());
    });
}
