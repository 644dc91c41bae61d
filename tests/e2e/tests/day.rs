//! A day in the life, with real tools in a real repository: in a session, whatever the helper and whatever is
//! done with what is removed, every step comes to what it comes to bare, and none is refused. Then the mistakes.
#![cfg(target_os = "linux")]

use e2e::guard::Stage;
use e2e::row::Who;
use e2e::sandbox::everyone;
use e2e::tool::{day, mistake};
use e2e::{parallel, tool};

/// Spends a day as each of them, bare and then in every kind of session.
fn is_the_same(stages: &[Stage], parts: &[&str], everyone: &[Who], modes: &[&'static str]) {
    let parts: Vec<_> = parts.iter().filter_map(|name| day::part(name)).collect();
    let Some(stage) = stages.first().filter(|_| !parts.is_empty()) else { return };
    for who in everyone {
        let bare = day::spend(stage, &parts, *who, None);
        assert_eq!(day::unlike_themselves(&parts, &bare), [""; 0]);
        let modes = modes.iter().flat_map(|mode| stages.iter().map(move |stage| (stage, mode)));
        parallel::every(&modes.collect::<Vec<_>>(), |(stage, mode)| {
            let guarded = day::spend(stage, &parts, *who, Some(mode));
            let wrong = day::differences(&parts, &bare, &guarded);
            wrong.into_iter().map(|what| format!("({who:?}, {mode}) {what}")).collect()
        });
    }
}

#[test]
fn seccomp_a_day_in_the_life() {
    let stages = Stage::of_every_helper();
    is_the_same(&stages, &["git", "files"], &everyone(), &["deny", "stash"]);
}

/// As one of them only, for pip and npm take their time.
#[test]
fn seccomp_a_day_with_packages() {
    let stages = Stage::of_every_helper();
    is_the_same(&stages, &["git", "python", "npm"], &[Who::User], &["deny", "stash"]);
}

/// Once only, for it takes its time, and as whoever has the toolchain.
#[test]
fn seccomp_a_day_with_cargo() {
    let stages: Vec<_> = Stage::with_engine().into_iter().collect();
    is_the_same(&stages, &["cargo"], &everyone()[..1], &["deny"]);
}

#[test]
fn seccomp_every_mistake_is_refused_or_undone() {
    let mistakes = tool::mistake::all();
    for stage in Stage::of_every_helper() {
        let runs: Vec<_> =
            mistakes.iter().flat_map(|one| everyone().into_iter().map(move |who| (one, who))).collect();
        parallel::every(&runs, |(one, who)| mistake::made(&stage, one, *who));
    }
}
