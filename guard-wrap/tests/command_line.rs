//! Help, usage errors, completions, the manual page.

mod stage;

use stage::Stage;

const COMMANDS: [&[&str]; 22] = [
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
    &["mcp"],
    &["hook"],
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

/// A list that is not whole is not taken for a whole one.
#[test]
#[cfg(target_os = "linux")]
fn what_can_not_be_written_is_told_and_no_success() {
    let stage = Stage::new();
    stage.write_ledger("20260102-030405-bbbb", &[], Some(stage::counts(0)));
    for command in
        ["sessions list", "sessions show --json", "status --helper none --json", "policy show", "doctor"]
    {
        let script = format!("exec {} {command} >/dev/full", env!("CARGO_BIN_EXE_es-guard"));
        let run = stage.finish_command("sh", &["-c", &script]);
        assert_eq!(run.status, 1, "{command}: {run:?}");
        assert!(run.err.contains("es-guard: failed to write to standard output: No space left"), "{run:?}");
    }
    // Who has seen enough is no failure.
    let script =
        format!("{{ sleep 0.2; {} sessions list; echo $? >&2; }} | true", env!("CARGO_BIN_EXE_es-guard"));
    assert_eq!(stage.finish_command("sh", &["-c", &script]).err, "0\n");
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
    let restore = stage.run(&["man", "sessions", "restore"]).out;
    assert!(restore.contains(".TH es-guard-sessions-restore 1"), "{restore}");
    for (wrong, said) in [
        ("sessions lost", "Name one of: list, show, restore"),
        ("wrap it", "`es-guard wrap` has none below it"),
    ] {
        let args: Vec<&str> = ["man"].into_iter().chain(wrong.split(' ')).collect();
        let run = stage.run(&args);
        assert!(run.status == 2 && run.err.contains(said), "{run:?}");
    }
}

#[test]
fn bash_completes_the_words_of_every_command() {
    let stage = Stage::new();
    let script = stage.home.join("completion");
    std::fs::write(&script, stage.run(&["completions", "bash"]).out).unwrap();
    let completed = |line: &str| {
        let asked = "source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _es__guard \"$1\" \"${!#}\" \"${COMP_WORDS[-2]}\"; echo \"${COMPREPLY[@]}\"";
        let words = line.split(' ');
        let args: Vec<&str> =
            ["--norc", "-c", asked, script.to_str().unwrap()].into_iter().chain(words).collect();
        stage.finish_command("bash", &args).out.trim_end().to_owned()
    };
    for (line, words) in [
        ("es-guard ses", "sessions"),
        ("es-guard sessions re", "restore"),
        ("es-guard sessions restore --fo", "--force"),
        ("es-guard override g", "grant"),
        ("es-guard wrap --engine sec", "seccomp"),
        ("es-guard approve --ses", "--session"),
    ] {
        assert_eq!(completed(line), words, "{line}");
    }
}

/// Agents take a status of 2 for an order to stop.
#[test]
fn a_hook_never_fails_and_says_nothing_outside_a_session() {
    let stage = Stage::new();
    for args in [["hook", "codex", "Stop"].as_slice(), &["hook", "nobody", "Stop"], &["hook", "--new", "x"]] {
        let run = stage.run(args);
        assert_eq!((run.status, run.out.as_str()), (0, ""), "{args:?}");
    }
}
