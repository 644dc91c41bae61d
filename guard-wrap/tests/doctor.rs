//! `doctor`, where every engine and helper can be asked after.
#![cfg(target_os = "linux")]

mod stage;

use stage::Stage;

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
        "endpoint-security: not available\n  only macOS has it",
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
