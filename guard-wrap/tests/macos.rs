//! macOS: where nobody can guard, nothing is run; what needs no session works.
#![cfg(target_os = "macos")]

mod stage;

use stage::Stage;

#[test]
fn wrap_runs_nothing_where_nobody_can_guard_and_says_what_to_do() {
    let stage = Stage::new();
    // This program is not signed, and there is no helper at that place.
    let told = stage.refused(Stage::run, &["--helper", "/nonexistent/helper.sock"]);
    assert!(told.starts_with("es-guard: failed to use the system's helper at /nonexistent"), "{told}");
}

#[test]
fn doctor_looks_at_all_that_a_client_needs() {
    let stage = Stage::new();
    let run = stage.run(&["doctor"]);
    for part in [
        "seccomp: not available",
        "only Linux has it",
        "endpoint-security: ",
        "Darwin",
        "macos: ",
        "bundle: ",
        "system integrity protection: ",
        "full disk access: ",
        "client: ",
        "system helper: ",
    ] {
        assert!(run.out.contains(part), "{part} in {}", run.out);
    }
    assert!(run.out.contains("state folder: ok") && run.out.contains("policy file: ok"), "{}", run.out);
}

#[test]
fn what_is_not_kept_can_not_be_put_back() {
    let stage = Stage::new();
    for args in [["sessions", "restore"].as_slice(), &["stash", "list"]] {
        let run = stage.run(args);
        assert_eq!((run.status, run.out.as_str()), (1, ""), "{run:?}");
        assert!(run.err.contains("on macOS nothing is kept"), "{}", run.err);
    }
}
