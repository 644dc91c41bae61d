//! macOS: nothing can be guarded yet, and nothing is run unguarded.
#![cfg(target_os = "macos")]

mod stage;

use stage::Stage;

#[test]
fn wrap_runs_nothing_and_says_what_is_missing() {
    let stage = Stage::new();
    let told = stage.refused(Stage::run, &[]);
    assert!(told.starts_with("es-guard: failed to start: the Endpoint Security engine is not in"), "{told}");
    assert!(told.contains("no agent is run unguarded. Nothing was run; `es-guard doctor`"), "{told}");
}

#[test]
fn doctor_finds_no_engine_and_all_else_in_order() {
    let stage = Stage::new();
    let run = stage.run(&["doctor"]);
    assert_eq!(run.status, 1, "{run:?}");
    for part in ["seccomp: not available", "only Linux has it", "endpoint-security: not available", "Darwin"]
    {
        assert!(run.out.contains(part), "{part} in {}", run.out);
    }
    assert!(run.out.contains("state folder: ok") && run.out.contains("policy file: ok"), "{}", run.out);
}

#[test]
fn what_needs_a_session_says_that_there_is_none() {
    let stage = Stage::new();
    for args in [
        ["sessions", "restore"].as_slice(),
        &["stash", "list"],
        &["status"],
        &["override", "list"],
        &["helper", "status"],
    ] {
        let run = stage.run(args);
        assert_eq!((run.status, run.out.as_str()), (1, ""), "{run:?}");
        assert!(run.err.contains("macOS yet"), "{}", run.err);
    }
}
