//! No session begins unprotected: whatever takes something away from es-guard or makes its proof come out
//! otherwise, `wrap` says why, exits with 125, and has started nothing.
#![cfg(target_os = "linux")]

use e2e::guard::{Mode, Outcome, Stage, ledgers, output, read};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use std::process::Command;

const EPERM: &str = "1";
const EACCES: &str = "13";
const EINVAL: &str = "22";
const ENOSYS: &str = "38";

fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    std::fs::create_dir(sandbox.root().join("zone")).expect("a zone");
    // Made already: what is around es-guard may name it.
    std::fs::create_dir(sandbox.state().join("sessions")).expect("a folder of ledgers");
    sandbox.hand_over();
    sandbox
}

/// es-guard with these arguments, run by an attack that is a sandbox of its own.
fn within(stage: &Stage, sandbox: &Sandbox, around: &[&str], args: &[&str]) -> Outcome {
    let guard = stage.guard(sandbox, args);
    let mut command: Command = stage.command(sandbox, &Mode::Bare, &stage.program(around[0]));
    command.args(&around[1..]).arg(guard.get_program()).args(guard.get_args());
    let output = output(&mut command);
    Outcome {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        denials: Vec::new(),
    }
}

/// A session that must not begin; answers what was said.
fn refused(stage: &Stage, who: Who, around: &[&str]) -> (Sandbox, String) {
    let sandbox = sandbox(who);
    let wrap = ["wrap", "--zone", "zone", "--", "touch", "started"];
    let sessions = sandbox.state().join("sessions").to_string_lossy().into_owned();
    let around: Vec<&str> =
        around.iter().map(|word| if *word == "SESSIONS" { &sessions } else { *word }).collect();
    let outcome = within(stage, &sandbox, &around, &wrap);
    if around[0] == "confined" && outcome.status.code() == Some(77) {
        require::skip("landlock", "the kernel has none");
        return (sandbox, String::new());
    }
    assert_eq!(outcome.status.code(), Some(125), "{around:?} as {who:?}: {outcome:?}");
    assert!(!sandbox.root().join("started").exists(), "{around:?} as {who:?}");
    assert!(!outcome.stderr.contains("guarding"), "no banner: {}", outcome.stderr);
    assert!(outcome.stderr.contains("Nothing was run; `es-guard doctor` tells"), "{}", outcome.stderr);
    (sandbox, outcome.stderr)
}

/// With helpers of both kinds, as everybody.
fn seccomp_always(play: impl Fn(&Stage, Who)) {
    let Some(stage) = Stage::with_engine() else { return };
    for stage in [Some(stage), Stage::with_system_helper()].iter().flatten() {
        everyone().into_iter().for_each(|who| play(stage, who));
    }
}

#[test]
fn seccomp_where_the_kernel_refuses_the_filter() {
    seccomp_always(|stage, who| {
        let unsupported = "this kernel has no seccomp user notification as needed";
        for (call, answer, why) in [
            ("seccomp", ENOSYS, unsupported),
            ("seccomp", EINVAL, unsupported),
            ("seccomp", EACCES, "the kernel refused the seccomp filter: EACCES"),
            ("seccomp", EPERM, "the kernel refused the seccomp filter: EPERM"),
            ("no_new_privs", EACCES, "the kernel refused the seccomp filter: EACCES"),
            ("seccomp", "kill", "the armed process has died"),
        ] {
            let (sandbox, told) = refused(stage, who, &["forbid", call, answer]);
            assert!(told.contains(why), "{call} answers {answer}: {told}");
            assert_eq!(ledgers(&sandbox).len(), 0, "{call} answers {answer}");
            let left = std::fs::read_dir(sandbox.state()).expect("the state folder").flatten();
            let left = left.map(|entry| entry.file_name());
            let folders = ["sessions", "stash", "doors"];
            let left: Vec<_> = left.filter(|name| !folders.iter().any(|folder| name == folder)).collect();
            assert_eq!(left, ["denials.jsonl"], "{call} answers {answer}");
            for folder in ["stash", "doors"] {
                let left = std::fs::read_dir(sandbox.state().join(folder)).expect("a folder").count();
                assert_eq!(left, 0, "{folder}: {call} answers {answer}");
            }
        }
    });
}

/// What the armed child is told comes from somewhere else than the guard.
#[test]
fn seccomp_where_the_proof_comes_out_otherwise() {
    seccomp_always(|stage, who| {
        for (answer, why) in [
            ("0", "removing a protected file gave success, expected EPERM"),
            (EACCES, "removing a protected file gave EACCES: Permission denied, expected EPERM"),
            (EPERM, "the denial was recorded as nothing, expected removed"),
        ] {
            let (sandbox, told) = refused(stage, who, &["forbid", "unlink", answer]);
            assert!(told.contains(&format!("the guard does not hold here: {why}")), "{answer}: {told}");
            // Nobody may remove a ledger here; nothing is in it.
            for ledger in ledgers(&sandbox) {
                assert_eq!(read(&ledger).lines.len(), 0, "{answer}");
            }
        }
    });
}

/// By an embedded helper: it is confined as its session is.
#[test]
fn seccomp_where_the_control_can_not_be_removed() {
    let Some(stage) = Stage::with_engine() else { return };
    for who in everyone() {
        let (sandbox, told) = refused(&stage, who, &["confined", "SESSIONS"]);
        if told.is_empty() {
            return;
        }
        let why = "removing an unprotected file gave EACCES: Permission denied, expected success";
        assert!(told.contains(&format!("the guard does not hold here: {why}")), "{told}");
        assert_eq!(ledgers(&sandbox).len(), 0);
    }
}

#[test]
fn seccomp_doctor_says_what_stands_in_the_way_and_what_to_do() {
    let Some(stage) = Stage::with_engine() else { return };
    let (newer, around) =
        ("use Linux 5.19 or later", "look whether the container or sandbox around es-guard forbids seccomp");
    for who in everyone() {
        for (attack, reason, remedies) in [
            (
                vec!["forbid", "seccomp", EINVAL],
                "refuses the flags that the engine needs: EINVAL",
                vec![newer],
            ),
            (
                vec!["forbid", "seccomp", ENOSYS],
                "refuses the flags that the engine needs: ENOSYS",
                vec![newer, around],
            ),
            (
                vec!["forbid", "seccomp", EACCES],
                "refuses the flags that the engine needs: EACCES",
                vec![around],
            ),
            (
                vec!["forbid", "no_new_privs", EACCES],
                "refuses a filter with a listener: EACCES",
                vec![around],
            ),
            (
                vec!["listener"],
                "already runs under a seccomp listener",
                vec!["start es-guard outside that sandbox or session"],
            ),
        ] {
            let sandbox = sandbox(who);
            let outcome = within(&stage, &sandbox, &attack, &["doctor"]);
            assert_eq!(outcome.status.code(), Some(1), "{attack:?} as {who:?}: {outcome:?}");
            let told = &outcome.stdout;
            assert!(told.contains("seccomp: not available") && told.contains(reason), "{attack:?}: {told}");
            assert!(told.contains("no engine can be used here: es-guard wrap would start nothing"), "{told}");
            let remedy =
                told.lines().find_map(|line| line.trim().strip_prefix("remedy: ")).expect("a remedy");
            for part in [newer, around] {
                assert_eq!(remedy.contains(part), remedies.contains(&part), "{attack:?}: {remedy}");
            }
            assert!(remedies.iter().all(|part| remedy.contains(part)), "{attack:?}: {remedy}");
        }
    }
}
