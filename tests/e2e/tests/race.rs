//! Pathname races: another thread changes what a path stands for between judging and acting. Bare the precious
//! file is lost within a few tries, guarded never. `ES_GUARD_TEST_PACE=long` tries a million times where the bytes of
//! a path are rewritten for an ordinary user.
#![cfg(target_os = "linux")]

use e2e::guard::{Mode, Outcome, Stage, run};
use e2e::require::{Pace, pace};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone, is_root};

fn race(stage: &Stage, who: Who, flip: &str, take: &str, tries: u32, guarded: bool) -> (Outcome, bool) {
    let sandbox = Sandbox::new(who);
    let precious = sandbox.root().join("zone/old/f");
    std::fs::create_dir_all(sandbox.root().join("zone/old")).expect("a zone");
    std::fs::write(&precious, "precious").expect("a file");
    sandbox.hand_over();
    let zones = vec![sandbox.root().join("zone")];
    let mode = if guarded { Mode::Guarded { zones, policy: None } } else { Mode::Bare };
    let mut command = stage.command(&sandbox, &mode, &stage.program("race"));
    command.args([flip, take, &tries.to_string()]);
    let outcome = run(&sandbox, command);
    let names = [precious, sandbox.root().join("zone/own/f")];
    let safe = names.iter().any(|name| std::fs::read(name).is_ok_and(|content| content == b"precious"));
    (outcome, safe)
}

fn tries(flip: &str, take: &str, who: Who) -> u32 {
    match (pace(), flip, take, who) {
        (Pace::Long, "bytes", "unlink", Who::User) => 1_000_000,
        (Pace::Long, ..) => 50_000,
        // Root has a user try so often; a user has no need to once more.
        (Pace::Normal, "bytes", "unlink", Who::User) if is_root() => 100_000,
        (Pace::Normal, ..) => 3_000,
        (Pace::Slow, ..) => 300,
    }
}

fn seccomp_never_loses(flip: &str, take: &str) {
    let stage = Stage::new();
    for who in everyone() {
        let (bare, safe) = race(&stage, who, flip, take, 1_000_000, false);
        assert!(!safe, "{flip} {take} as {who:?}: bare nothing is lost: {bare:?}");
        if stage.has_engine() {
            let (guarded, safe) = race(&stage, who, flip, take, tries(flip, take, who), true);
            assert!(guarded.status.success(), "{flip} {take} as {who:?}: {guarded:?}");
            assert!(safe, "{flip} {take} as {who:?}: the file is LOST: {}", guarded.stdout);
            assert!(!guarded.stdout.starts_with("lost"), "{flip} {take} as {who:?}: {}", guarded.stdout);
            let took = guarded.stdout.trim_end().rsplit(' ').next().and_then(|n| n.parse::<u32>().ok());
            assert!(took.is_some_and(|n| n > 0), "{flip} {take}: own decoys go through: {}", guarded.stdout);
        }
    }
}

#[test]
fn seccomp_bytes_of_the_path_are_rewritten_under_an_unlink() {
    seccomp_never_loses("bytes", "unlink");
}

#[test]
fn seccomp_bytes_of_the_path_are_rewritten_under_a_rename() {
    seccomp_never_loses("bytes", "rename");
}

#[test]
fn seccomp_a_symlink_is_turned_under_an_unlink() {
    seccomp_never_loses("link", "unlink");
}

#[test]
fn seccomp_a_symlink_is_turned_under_a_rename() {
    seccomp_never_loses("link", "rename");
}

#[test]
fn seccomp_directories_are_exchanged_under_an_unlink() {
    seccomp_never_loses("swap", "unlink");
}

#[test]
fn seccomp_directories_are_exchanged_under_a_rename() {
    seccomp_never_loses("swap", "rename");
}

#[test]
fn seccomp_the_options_of_an_overlay_are_rewritten_under_its_mount() {
    let stage = Stage::new();
    let tries = |tries: u32, who, guarded: bool| {
        let sandbox = Sandbox::new(who);
        let precious = sandbox.root().join("zone/f");
        std::fs::create_dir(sandbox.root().join("zone")).expect("a zone");
        std::fs::write(&precious, "precious").expect("a file");
        sandbox.hand_over();
        let zones = vec![sandbox.root().join("zone")];
        let mode = if guarded { Mode::Guarded { zones, policy: None } } else { Mode::Bare };
        let mut command = stage.command(&sandbox, &mode, &stage.program("overlay_race"));
        command.arg(tries.to_string());
        (run(&sandbox, command), precious.exists())
    };
    for who in everyone() {
        let (bare, there) = tries(100_000, who, false);
        assert!(!there && bare.stdout.starts_with("lost"), "{who:?}: bare nothing is lost: {bare:?}");
        if stage.has_engine() {
            let (guarded, there) = tries(if pace() == Pace::Slow { 200 } else { 2_000 }, who, true);
            assert!(there && guarded.stdout.starts_with("held"), "{who:?}: the file is LOST: {guarded:?}");
            let seen = guarded.stdout.trim_end().rsplit(' ').next().and_then(|n| n.parse::<u32>().ok());
            assert!(seen.is_some_and(|n| n > 0), "{who:?}: the race is never won: {guarded:?}");
        }
    }
}
