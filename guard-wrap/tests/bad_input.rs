//! What `wrap` refuses: each with its message, exit status 125 and nothing started.
#![cfg(target_os = "linux")]

mod stage;

use stage::{Stage, set_mode};

#[test]
fn a_zone_that_does_not_exist() {
    let stage = Stage::new();
    let told = stage.refused(Stage::run, &["--zone", "none"]);
    assert_eq!(
        stage.steady(&told),
        "es-guard: failed to guard the zone [HOME]/proj/none: it does not exist. Make it first, or name another with --zone\n"
    );
}

#[test]
fn a_policy_file_of_whose_zones_none_exists() {
    let stage = Stage::new();
    stage.write_policy(r#"{"protected_zones": ["~/porj", "~/proj/none/deep"]}"#);
    let told = stage.refused(Stage::run, &[]);
    assert_eq!(
        stage.steady(&told),
        "es-guard: failed to guard anything: no zone of the policy file [HOME]/.codex/es_policy.json exists: \
         [HOME]/porj, [HOME]/proj/none/deep. Make one of them, or name one that exists with --zone\n"
    );
}

#[test]
fn a_command_that_is_a_directory() {
    let stage = Stage::new();
    let run = stage.run(&["wrap", "--", "./"]);
    assert_eq!((run.status, run.out.as_str()), (126, ""));
    assert!(run.err.contains("start `./`: it is a directory. Name a program"), "{}", run.err);
}

#[test]
fn a_zone_that_is_empty_text() {
    let told = Stage::new().refused(Stage::run, &["--zone", ""]);
    assert!(told.contains("--zone was given an empty text. Name a directory"), "{told}");
}

#[test]
fn a_zone_that_is_not_accessible() {
    let stage = Stage::new();
    let closed = stage.home.join("closed");
    std::fs::create_dir_all(closed.join("zone")).unwrap();
    set_mode(&closed, 0);
    for zone in ["../closed", "../closed/zone"] {
        let told = stage.refused(Stage::run_unprivileged, &["--zone", zone]);
        assert!(told.contains("is not accessible to you. Change its permissions"), "{told}");
    }
    set_mode(&closed, 0o755);
}

#[test]
fn a_broken_policy_file_is_told_with_its_place() {
    let cases = [
        ("", "1:1: EOF while parsing a value"),
        (
            "{\n \"protected_zones\": [\"a/b\"]}",
            "2:26: found the relative path \"a/b\", expected one that starts with `/` or `~/`",
        ),
        ("{\"zones\": []}", "1:8: unknown field `zones`, expected one of"),
        ("{\"protected_zones\": 3}", "invalid type: integer `3`, expected a list"),
        ("{\"protected_zones\": [\"/a\", \"/a\"]}", "found \"/a\" a second time, expected it once"),
        ("{} {}", "trailing characters"),
    ];
    for (text, expected) in cases {
        let stage = Stage::new();
        stage.write_policy(text);
        let told = stage.steady(&stage.refused(Stage::run, &[]));
        assert!(
            told.starts_with("es-guard: failed to use the policy file [HOME]/.codex/es_policy.json:"),
            "{told}"
        );
        assert!(told.contains(expected) && told.contains("then try: es-guard policy check"), "{told}");
    }
    let stage = Stage::new();
    stage.write_policy(b"{\"protected_zones\": [\"\xff\"]}");
    stage.refused(Stage::run, &[]);
}

#[test]
fn a_policy_file_that_is_missing_a_directory_too_long_or_unreadable() {
    let stage = Stage::new();
    let told = stage.refused(Stage::run, &["--policy", "none.json"]);
    assert!(told.contains("none.json: it does not exist. Write one with"), "{told}");
    let told = stage.refused(Stage::run, &["--policy", ".."]);
    assert!(told.contains("found a directory, expected a file"), "{told}");

    let long = stage.home.join("long.json");
    std::fs::File::create(&long).unwrap().set_len(100 << 20).unwrap();
    let told = stage.refused(Stage::run, &["--policy", "../long.json"]);
    assert!(told.contains("found more than 1048576 bytes, expected a few lines"), "{told}");

    stage.write_policy("{}");
    set_mode(&stage.policy_path(), 0);
    let told = stage.refused(Stage::run_unprivileged, &[]);
    assert!(
        told.contains("es_policy.json: Permission denied") && told.contains("Make it readable"),
        "{told}"
    );
}

#[test]
fn a_policy_file_that_is_a_fifo_holds_nobody_up() {
    let stage = Stage::new();
    nix::unistd::mkfifo(&stage.policy_path(), nix::sys::stat::Mode::S_IRUSR).unwrap();
    let told = stage.refused(Stage::run, &[]);
    assert!(told.contains("found a fifo, expected a file"), "{told}");
}

#[test]
fn a_policy_file_that_is_a_dangling_symlink_is_not_no_policy() {
    let stage = Stage::new();
    std::os::unix::fs::symlink("gone", stage.policy_path()).unwrap();
    let told = stage.refused(Stage::run, &[]);
    assert!(told.contains("es_policy.json: No such file"), "{told}");
}

#[test]
fn a_state_folder_that_cannot_be_used() {
    let stage = Stage::new();
    let told = stage.refused(|stage, args| stage.run_with("ES_GUARD_HOME", "rel/ative", args), &[]);
    assert!(told.contains("ES_GUARD_HOME is \"rel/ative\", which is no absolute path"), "{told}");

    let file = stage.home.join("file");
    std::fs::write(&file, "").unwrap();
    for below in ["file", "file/state"] {
        let told = stage.refused(|s, args| s.run_with("ES_GUARD_HOME", s.home.join(below), args), &[]);
        let told = stage.steady(&told);
        assert!(
            told.contains("failed to use the state folder: [HOME]/file is there and is no directory"),
            "{told}"
        );
    }

    set_mode(&stage.home, 0o555);
    let told = stage.refused(Stage::run_unprivileged, &[]);
    assert!(
        told.contains("not writable (Permission denied") && told.contains("or set ES_GUARD_HOME"),
        "{told}"
    );
}

#[test]
fn a_full_state_folder_needs_root() {
    // A disk of its own takes a mount; who may not mount can't try.
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: not root");
        return;
    }
    let stage = Stage::new();
    std::fs::create_dir(&stage.state).unwrap();
    let script = "mount -t tmpfs -o size=16k none \"$ES_GUARD_HOME\" || exit 77
        head -c 16k /dev/zero > \"$ES_GUARD_HOME/filler\"; \"$0\" \"$@\"";
    let run = stage.refused(
        |stage, args| {
            let bin = env!("CARGO_BIN_EXE_es-guard");
            let shell: Vec<&str> = ["-m", "sh", "-c", script, bin].iter().chain(args).copied().collect();
            stage.finish_command("unshare", &shell)
        },
        &[],
    );
    assert!(run.contains("the disk is full") && run.contains("Free some space"), "{run}");
}

#[test]
fn an_unknown_home() {
    let stage = Stage::new();
    let told = stage.refused(|stage, args| stage.run_with("HOME", "rel", args), &[]);
    assert!(told.contains("HOME is not set to an absolute path"), "{told}");
}
