//! Codex and Claude Code themselves, guarded, with a played model: what the model is told of a refusal.
#![cfg(target_os = "linux")]

use e2e::programs::Program;
use e2e::programs::scene::{Played, Scene, Start, does};
use e2e::service::Act;
use e2e::service::responses::Tools;
use std::process::Command;

const CODEX: [Program; 2] = [Program::Codex(Tools::Classic), Program::Codex(Tools::Code)];

/// How often the hook has told of refusals.
fn summaries(text: &str) -> usize {
    text.matches("es-guard has refused").count()
}

fn blocks(text: &str) -> usize {
    text.matches("es-guard: blocked: ").count()
}

fn removes(scene: &Scene<'_>, name: &str) -> Act {
    // As agents do: what is refused with -f is refused by Codex itself.
    Act::Run(format!("rm {}", scene.name(name)))
}

#[test]
fn unguarded_every_agent_does_as_the_played_model_says() {
    Scene::each(|scene| {
        let write = Act::Write(scene.name("made"), "by hand\n".to_owned());
        let run = Act::Run(format!("rm {} && echo went-as-asked", scene.name("a")));
        let bare = Start { bare: true, ..Start::default() };
        let Played { outcome, asked } = scene.start(&bare, does(vec![write, run]));
        assert_eq!(outcome.status.code(), Some(0), "{scene}: {outcome:?}");
        assert_eq!(asked.len(), 3, "{scene}: {asked:#?}");
        assert!(asked[2].text().contains("went-as-asked"), "{scene}: {}", asked[2].text());
        assert!(!asked[2].whole_text().contains("es-guard has"), "{scene}");
        let made = std::fs::read_to_string(scene.path("made")).ok();
        assert_eq!(made.as_deref(), Some("by hand\n"), "{scene}: {}", asked[1].text());
        assert!(!scene.path("a").exists(), "{scene}");
    });
}

#[test]
fn seccomp_a_model_is_told_what_was_blocked_why_and_how_to_ask() {
    Scene::each(|scene| {
        let write = Act::Write(scene.name("made"), "by hand\n".to_owned());
        let Played { outcome, asked } = scene.play(does(vec![removes(scene, "a"), write]));
        assert_eq!(outcome.status.code(), Some(0), "{scene}: {outcome:?}");
        let project = scene.name("");
        let project = project.trim_end_matches('/');
        // At the beginning: what holds.
        let first = asked[0].whole_text();
        assert!(
            first.contains(&format!("es-guard guards this session: what was in {project} before")),
            "{scene}: {first}"
        );
        // In the very next request: what, where, why, what it is not, and how to ask. By the command's own output...
        let next = asked[1].text();
        let path = scene.name("a");
        assert!(
            next.contains(&format!("blocked: {path} was not removed: it is in the zone {project}")),
            "{scene}: {next}"
        );
        assert!(
            next.contains("not a file permission") && next.contains(&format!("request {path} --reason")),
            "{scene}: {next}"
        );
        // ... and by the agent's own way, once.
        assert_eq!((blocks(&next), summaries(&next)), (1, 1), "{scene}: {next}");
        assert!(next.contains("the tool request_override"), "{scene}: {next}");
        assert_eq!(summaries(&asked[2].text()), 0, "{scene}: {}", asked[2].text());
        assert!(scene.path("a").exists(), "{scene}");
        assert_eq!(outcome.denials.len(), 1, "{scene}: {:?}", outcome.denials);
    });
}

#[test]
fn seccomp_each_way_of_telling_does_without_the_other() {
    Scene::once(&Program::ALL, |scene| {
        for (option, block, summary) in [("--no-explain", 0, 1), ("--no-integrate", 1, 0)] {
            let start = Start { wrap: &[option], ..Start::default() };
            let played = scene.start(&start, does(vec![removes(scene, "a")]));
            let next = played.asked[1].text();
            assert_eq!((blocks(&next), summaries(&next)), (block, summary), "{option}, {scene:?}: {next}");
        }
    });
}

/// A person who has Claude Code run without hooks has them off; the command's own output tells all the same.
#[test]
fn seccomp_where_hooks_are_off_the_output_tells() {
    Scene::once(&[Program::Claude], |scene| {
        for words in [vec!["--bare"], vec!["--settings", "{\"disableAllHooks\": true}"], vec!["--safe-mode"]]
        {
            let words = words.into_iter().map(str::to_owned).collect();
            let start = Start { words, ..Start::default() };
            let played = scene.start(&start, does(vec![removes(scene, "a")]));
            let next = played.asked[1].text();
            assert_eq!((blocks(&next), summaries(&next)), (1, 0), "{scene}: {start:?}: {next}");
            assert!(scene.path("a").exists(), "{scene}: {start:?}");
        }
    });
}

#[test]
fn seccomp_an_agent_is_known_through_its_wrappers() {
    Scene::once(&[CODEX[0], Program::Claude], |scene| {
        let link = scene.sandbox.root().join("my-agent");
        std::os::unix::fs::symlink(scene.agent(), &link).expect("a link");
        let mut wrappers = vec![vec!["env".to_owned(), "-u".into(), "X".into(), "Y=1".into()], vec![]];
        if scene.program != Program::Claude {
            wrappers.push(vec!["node".into(), "--no-warnings".into()]);
        }
        for (n, wrapper) in wrappers.into_iter().enumerate() {
            let agent = (n == 1).then(|| link.clone());
            let start = Start { wrapper, agent, ..Start::default() };
            let played = scene.start(&start, does(vec![removes(scene, "a")]));
            assert_eq!(
                summaries(&played.asked[1].text()),
                1,
                "{scene}: {start:?}: {:#?}",
                played.asked[1].news
            );
        }
    });
}

/// What an agent edits, adds, and removes of its own by its own tool, it does as bare.
#[test]
fn seccomp_a_patch_goes_through_as_bare() {
    Scene::once(&CODEX, |scene| {
        let patch = |what: &str| Act::Patch(format!("*** Begin Patch\n{what}*** End Patch\n"));
        let [a, b, made] = ["a", "b", "made"].map(|name| scene.name(name));
        let edits = patch(&format!(
            "*** Update File: {a}\n@@\n-old\n+new\n*** Update File: {b}\n@@\n-old\n+newer\n*** Add File: {made}\n+mine\n"
        ));
        let removes = patch(&format!("*** Delete File: {made}\n"));
        for bare in [true, false] {
            let start = Start { bare, ..Start::default() };
            let undo = ["a", "b"].map(|name| std::fs::write(scene.path(name), "old\n"));
            assert!(undo.iter().all(Result::is_ok));
            let Played { outcome, asked } = scene.start(&start, does(vec![edits.clone(), removes.clone()]));
            assert_eq!((outcome.status.code(), asked.len()), (Some(0), 3), "{scene}, {start:?}: {asked:#?}");
            let now = ["a", "b"].map(|name| std::fs::read_to_string(scene.path(name)).expect("a file"));
            assert_eq!(now, ["new\n", "newer\n"], "{scene}, {start:?}: {}", asked[1].text());
            assert!(!scene.path("made").exists(), "{scene}, {start:?}: {}", asked[2].text());
            assert!(outcome.denials.is_empty(), "{scene}: {:?}", outcome.denials);
        }
    });
}

#[test]
fn seccomp_of_a_patch_that_fails_the_next_hook_tells() {
    Scene::once(&CODEX, |scene| {
        let patch =
            || Act::Patch(format!("*** Begin Patch\n*** Delete File: {}\n*** End Patch\n", scene.name("a")));
        // Before what is done next.
        let played = scene.play(does(vec![patch(), Act::Run("echo something-else".into())]));
        let next = played.asked[2].text();
        assert!(next.contains("something-else") && next.contains(&scene.name("a")), "{scene}: {next}");
        assert_eq!(summaries(&next), 1, "{scene}: {next}");
        // Or, where nothing is, at the end: which is then no end, once.
        let played = scene.play(does(vec![patch()]));
        assert_eq!(played.asked.len(), 3, "{scene}: {:#?}", played.asked);
        let last = played.asked[2].text();
        assert!(summaries(&last) == 1 && last.contains(&scene.name("a")), "{scene}: {last}");
        assert!(scene.path("a").exists(), "{scene}");
    });
}

#[test]
fn seccomp_five_thousand_refusals_are_one_explanation_and_one_summary() {
    Scene::once(&Program::ALL, |scene| {
        let project = scene.path("");
        let many = project.join("many");
        std::fs::create_dir(&many).expect("a folder");
        (0..5000).for_each(|n| std::fs::write(many.join(n.to_string()), "").expect("a file"));
        let git = Command::new("git").args(["init", "-q"]).arg(&project).status().expect("git");
        assert!(git.success());
        scene.sandbox.hand_over();
        let clean = Act::Run(format!("cd {} && git clean -fdx >/dev/null", project.display()));
        let played = scene.play(does(vec![clean]));
        let next = played.asked[1].text();
        assert_eq!((blocks(&next), summaries(&next)), (1, 1), "{scene}: {next}");
        let count = played.outcome.denials.len();
        assert!(count >= 5002, "{scene}: {count}");
        assert!(next.contains(&format!("has refused {count} operations")), "{scene}: {next}");
        assert_eq!(std::fs::read_dir(many).expect("the folder").count(), 5000, "{scene}");
    });
}
