//! Help, usage errors, completions, the manual page, doctor.

mod stage;

use stage::Stage;

const COMMANDS: [&[&str]; 20] = [
    &[],
    &["wrap"],
    &["sessions"],
    &["sessions", "list"],
    &["sessions", "show"],
    &["policy"],
    &["policy", "show"],
    &["policy", "check"],
    &["policy", "init"],
    &["status"],
    &["sessions", "restore"],
    &["stash"],
    &["stash", "list"],
    &["stash", "prune"],
    &["helper"],
    &["helper", "install"],
    &["helper", "uninstall"],
    &["helper", "status"],
    &["doctor"],
    &["completions"],
];

#[test]
fn every_help_has_examples() {
    let stage = Stage::new();
    for command in COMMANDS.iter().chain([&["man"].as_slice()]) {
        let args: Vec<&str> = command.iter().chain(&["--help"]).copied().collect();
        let run = stage.run(&args);
        assert_eq!((run.status, run.err.as_str()), (0, ""), "{args:?}");
        assert!(run.out.contains("Examples:\n  es-guard "), "{}", run.out);
        assert!(run.out.lines().all(|line| line.chars().count() <= 100), "{}", run.out);
    }
    assert_eq!(stage.run(&["--version"]).out, concat!("es-guard ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_wrong_command_line_of_wrap_is_125_and_of_others_2() {
    let stage = Stage::new();
    for args in [["wrap"].as_slice(), &["wrap", "--zone", "."], &["wrap", "--"]] {
        let run = stage.run(args);
        assert_eq!(run.status, 125);
        assert_eq!(
            run.err,
            "es-guard: failed to start: no command was given. Put it after `--`, for example: es-guard wrap -- codex\n"
        );
    }
    for args in [["wrap", "--zoen", "x"].as_slice(), &["wrap", "--engine", "magic", "--", "true"]] {
        let run = stage.run(args);
        assert_eq!(run.status, 125, "{run:?}");
        assert!(run.err.starts_with("error: "), "{}", run.err);
    }
    for args in [[].as_slice(), &["warp"], &["sessions"], &["sessions", "show", "a", "b"], &["man", "warp"]] {
        assert_eq!(stage.run(args).status, 2, "{args:?}");
    }
}

#[test]
fn completions_and_man_pages_are_there() {
    let stage = Stage::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = stage.run(&["completions", shell]);
        assert!(run.status == 0 && run.out.contains("sessions"), "{shell}");
    }
    assert!(stage.run(&["man"]).out.contains(".TH es-guard 1"));
    let wrap = stage.run(&["man", "wrap"]).out;
    assert!(wrap.contains(".TH es-guard-wrap 1") && wrap.contains("zone"), "{wrap}");
}

#[test]
fn doctor_names_every_engine_with_its_reasons() {
    let stage = Stage::new();
    let run = stage.run(&["doctor", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let names: Vec<&str> =
        found["engines"].as_array().unwrap().iter().filter_map(|e| e["name"].as_str()).collect();
    assert_eq!(names, ["seccomp", "bpf-lsm", "endpoint-security"]);
    assert_eq!(run.status == 0, found["usable"].as_bool().unwrap());
    let text = stage.run(&["doctor"]);
    assert_eq!(text.status, run.status);
    for part in [
        "seccomp: ",
        "bpf-lsm: not available",
        "not built into this version",
        "state folder: ok",
        "policy file: ok",
    ] {
        assert!(text.out.contains(part), "{part} in {}", text.out);
    }
    let embedded = stage.run(&["doctor", "--helper", "none"]).out;
    assert!(embedded.contains("system helper: ok: done without"), "{embedded}");
    let gone = stage.run(&["doctor", "--helper", "/none/helper.sock"]).out;
    assert!(gone.contains("system helper: problem: failed to use the system's helper at /none"), "{gone}");
    assert!(gone.contains("sudo es-guard helper install"), "{gone}");
    // What is said where none is installed; this machine may have one.
    if !std::path::Path::new(helper_daemon::daemon::SOCKET).exists() {
        assert!(text.out.contains("For one: sudo es-guard helper install"), "{}", text.out);
    }
    stage.write_policy("{");
    assert!(stage.run(&["doctor"]).out.contains("policy file: problem: failed to use the policy file"));
}
