//! `policy show`, `check` and `init`.

mod stage;

use stage::Stage;

#[test]
fn init_writes_what_check_accepts_and_never_overwrites() {
    let stage = Stage::new();
    std::fs::remove_dir(stage.home.join(".codex")).unwrap();
    let run = stage.run(&["policy", "init"]);
    assert_eq!((run.status, run.out.as_str()), (0, "~/.codex/es_policy.json guards ~/proj\n"), "{run:?}");
    let written = std::fs::read_to_string(stage.policy_path()).unwrap();
    assert_eq!(written, include_str!("golden/init.json"));
    let run = stage.run(&["policy", "check"]);
    assert_eq!(run.status, 0);
    assert_eq!(stage.steady(&run.out), "[HOME]/.codex/es_policy.json: valid: 1 zone, 1 override\n");

    let again = stage.run(&["policy", "init"]);
    assert_eq!(again.status, 1);
    assert!(
        again.err.contains("it is there already. Edit it, or name another with --policy"),
        "{}",
        again.err
    );
    assert_eq!(std::fs::read_to_string(stage.policy_path()).unwrap(), written);

    let run = stage.run(&["policy", "init", "--policy", "./mine.json"]);
    assert_eq!((run.status, run.out.as_str()), (0, "~/proj/mine.json guards ~/proj\n"));
    let next = "edit it, then try: es-guard policy check --policy [HOME]/proj/mine.json\n";
    assert!(stage.steady(&run.err).ends_with(next), "{}", run.err);
    assert_eq!(stage.run(&["policy", "check", "--policy", "mine.json"]).status, 0);
}

#[test]
fn check_points_at_the_mistake() {
    let stage = Stage::new();
    stage.write_policy("{\n  \"protected_zones\": [\"~/a\", \"~/a/\"]\n}\n");
    let run = stage.run(&["policy", "check"]);
    assert_eq!((run.status, run.out.as_str()), (1, ""));
    let told = stage.steady(&run.err);
    assert_eq!(told, "[HOME]/.codex/es_policy.json:2:36: found \"~/a/\" a second time, expected it once\n");
    let json: serde_json::Value =
        serde_json::from_str(&stage.run(&["policy", "check", "--json"]).out).unwrap();
    assert_eq!((&json["valid"], &json["line"], &json["column"]), (&false.into(), &2.into(), &36.into()));
}

#[test]
fn check_warns_and_passes_when_zones_are_still_to_come() {
    let stage = Stage::new();
    stage.write_policy(r#"{"protected_zones": ["~/later"]}"#);
    let run = stage.run(&["policy", "check"]);
    assert_eq!(run.status, 0);
    assert!(run.err.contains("later does not exist: it is guarded as soon as it appears"), "{}", run.err);
}

#[test]
fn check_without_a_file_is_fine_unless_it_was_named() {
    let stage = Stage::new();
    assert_eq!(stage.run(&["policy", "check"]).status, 0);
    let run = stage.run(&["policy", "check", "--policy", "none.json"]);
    assert_eq!(run.status, 1);
    assert!(run.err.contains("none.json: it does not exist"), "{}", run.err);
}

#[test]
fn show_says_what_is_guarded_and_why() {
    let stage = Stage::new();
    assert_eq!(stage.run(&["policy", "show"]).out, include_str!("golden/policy_default.txt"));
    std::fs::create_dir(stage.project.join(".git")).unwrap();
    assert!(stage.run(&["policy", "show"]).out.contains("~/proj  (git top level of the current directory)"));
    stage.write_policy(
        r#"{"protected_zones": ["~/proj"], "exempt_names": ["dist"], "replacers": ["patch"],
            "temporary_overrides": ["~/proj/tmp", {"path": "~/proj/old", "expires_at": 1, "reason": "v2"}]}"#,
    );
    assert_eq!(stage.run(&["policy", "show"]).out, include_str!("golden/policy_file.txt"));
    let json: serde_json::Value =
        serde_json::from_str(&stage.run(&["policy", "show", "--json"]).out).unwrap();
    assert_eq!((&json["file_exists"], &json["zones"][0]["from"]), (&true.into(), &"policy-file".into()));
    assert_eq!(json["zones"][1]["internal"], true);
    assert_eq!(json["overrides"].as_array().unwrap().len(), 2);
    assert_eq!((&json["requests"], &json["self_grant_max"]), (&"ask".into(), &serde_json::Value::Null));
    stage
        .write_policy(r#"{"protected_zones": ["~/proj"], "requests": "self", "self_grant": ["~/proj/out"]}"#);
    let shown = stage.run(&["policy", "show"]).out;
    assert!(
        shown.contains("the agent decides in ~/proj/out, for 10m at most; elsewhere a person"),
        "{shown}"
    );
}

#[test]
fn show_of_a_broken_file_fails() {
    let stage = Stage::new();
    stage.write_policy("[]");
    let run = stage.run(&["policy", "show"]);
    assert_eq!((run.status, run.out.as_str()), (1, ""));
    assert!(run.err.contains("es_policy.json:1:2: invalid type: sequence"), "{}", run.err);
}
