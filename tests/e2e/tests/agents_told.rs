//! Codex and Claude Code themselves, guarded, with a played model: what the model is told of a refusal.

use e2e::guard::{Mode, Outcome, Stage, run};
use e2e::programs::{Program, folder};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use e2e::service::{Act, Asked};
use std::path::Path;

/// A sandbox with a project of two files.
fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    let project = sandbox.root().join("project");
    std::fs::create_dir(&project).expect("a project");
    for name in ["a", "b"] {
        std::fs::write(project.join(name), "old\n").expect("a file");
    }
    sandbox.hand_over();
    sandbox
}

/// Has an agent do a task in the sandbox with this model; answers what came of it, and what the model was asked.
fn play(
    (folder, stage): (&Path, &Stage),
    program: Program,
    sandbox: &Sandbox,
    guarded: bool,
    model: impl FnMut(&Asked) -> Act + Send + 'static,
) -> (Outcome, Vec<Asked>) {
    let service = program.service(model);
    let zones = vec![sandbox.root().join("project")];
    let mode = if guarded { Mode::Guarded { zones, policy: None } } else { Mode::Bare };
    let outcome = run(sandbox, program.task(folder, stage, sandbox, &mode, &service));
    let asked = service.asked();
    (outcome, asked)
}

/// For every agent, helper and user.
fn every_agent(play: impl Fn((&Path, &Stage), Program, &Sandbox)) {
    let Some(folder) = folder() else { return };
    for stage in Stage::of_every_helper() {
        for program in Program::ALL {
            for who in everyone() {
                play((&folder, &stage), program, &sandbox(who));
            }
        }
    }
}

/// Does these, and then says that it is done.
fn does(acts: Vec<Act>) -> impl FnMut(&Asked) -> Act + Send + 'static {
    move |asked| acts.get(asked.number).cloned().unwrap_or_else(Act::done)
}

#[test]
fn unguarded_every_agent_does_as_the_played_model_says() {
    every_agent(|place, program, sandbox| {
        let made = sandbox.root().join("project/made");
        let write = Act::Write(made.display().to_string(), "by hand\n".to_owned());
        let run = Act::Run("rm project/a && echo went-as-asked".to_owned());
        let (outcome, asked) = play(place, program, sandbox, false, does(vec![write, run]));
        assert_eq!(outcome.status.code(), Some(0), "{program:?}: {outcome:?}");
        assert_eq!(asked.len(), 3, "{program:?}: {asked:#?}");
        assert!(asked[2].text().contains("went-as-asked"), "{program:?}: {}", asked[2].text());
        assert_eq!(
            std::fs::read_to_string(made).ok().as_deref(),
            Some("by hand\n"),
            "{program:?}: {}",
            asked[1].text()
        );
        assert!(!sandbox.root().join("project/a").exists(), "{program:?}");
    });
}
