//! A command is told in its own output why it was refused something: where something reads that, once, at once.
#![cfg(target_os = "linux")]

use e2e::guard::{Mode, Outcome, Stage, output, run};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use e2e::terminal::Terminal;
use std::fs;

fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    let zone = sandbox.root().join("zone");
    fs::create_dir(&zone).expect("a directory");
    for name in ["a", "b", "c"] {
        fs::write(zone.join(name), "old").expect("a file");
    }
    sandbox.hand_over();
    sandbox
}

fn every_helper(play: impl Fn(&Stage, &Sandbox)) {
    for stage in Stage::of_every_helper() {
        everyone().into_iter().for_each(|who| play(&stage, &sandbox(who)));
    }
}

fn script(stage: &Stage, sandbox: &Sandbox, script: &str) -> Outcome {
    let mode = Mode::Guarded { zones: vec![sandbox.root().join("zone")], policy: None };
    let mut command = stage.command(sandbox, &mode, "sh".as_ref());
    command.args(["-c", script]);
    run(sandbox, command)
}

/// How often a text says that something was blocked.
fn times(text: &str) -> usize {
    text.matches("es-guard: blocked: ").count()
}

#[test]
fn seccomp_a_refusal_is_told_once_before_the_command_knows_of_it() {
    every_helper(|stage, sandbox| {
        let outcome = script(stage, sandbox, "rm zone/a zone/b zone/c");
        let zone = sandbox.root().join("zone").display().to_string();
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        let first = format!("es-guard: blocked: {zone}/a was not removed: it is in the zone {zone}");
        assert_eq!(lines[0], first, "{:?}: {}", sandbox.who, outcome.stderr);
        assert!(lines[1].contains("not a file permission: chmod, sudo or another tool will not help"));
        assert!(lines[3].contains(&format!("request {zone}/a --reason")), "{}", lines[3]);
        let of_rm = lines.iter().filter(|line| line.starts_with("rm: ")).count();
        assert_eq!((times(&outcome.stderr), of_rm, lines.len()), (1, 3, 7), "{}", outcome.stderr);
        assert_eq!((outcome.denials.len(), outcome.status.code()), (3, Some(1)));
    });
}

#[test]
fn seccomp_a_thousand_refusals_of_one_command_are_told_once() {
    every_helper(|stage, sandbox| {
        let many = "cd zone && rm -rf ../many; find . -type f -exec rm {} \\; 2>&1 | grep -c blocked";
        let zone = sandbox.root().join("zone");
        (0..60).for_each(|n| fs::write(zone.join(format!("f{n}")), "").expect("a file"));
        sandbox.hand_over();
        let outcome = script(stage, sandbox, many);
        assert_eq!((outcome.stdout.trim(), outcome.denials.len()), ("1", 63), "{}", outcome.stderr);
    });
}

#[test]
fn seccomp_a_file_gets_it_in_its_place_and_what_comes_after_follows() {
    every_helper(|stage, sandbox| {
        let outcome = script(stage, sandbox, "{ echo before >&2; rm zone/a; echo after >&2; } 2>said");
        let said = fs::read_to_string(sandbox.root().join("said")).expect("what was said");
        let words: Vec<&str> = said.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
        let expected = ["before", "es-guard:", "es-guard:", "es-guard:", "es-guard:", "rm:", "after"];
        assert_eq!(words, expected, "{said}");
        assert_eq!(times(&outcome.stderr), 0, "{}", outcome.stderr);
    });
}

/// Who reads nothing is not held up, and nothing of it appears anywhere else.
#[test]
fn seccomp_where_nothing_reads_it_nothing_is_told() {
    every_helper(|stage, sandbox| {
        let nowhere = "rm zone/a 2>/dev/null; rm zone/a 2>&-; rm zone/a 2</dev/null";
        let full = "{ head -c 65536 /dev/zero; perl -e 'unlink \"zone/a\"'; : >told; } 2>&1 |
            { while [ ! -e told ]; do sleep 0.01; done; tr -d '\\0' >&2; }";
        let outcome = script(stage, sandbox, nowhere);
        assert_eq!((times(&outcome.stderr), outcome.denials.len()), (0, 3), "{}", outcome.stderr);
        let outcome = script(stage, sandbox, full);
        assert_eq!((outcome.stderr.as_str(), outcome.status.code()), ("", Some(0)));
    });
}

#[test]
fn seccomp_a_terminal_is_left_alone() {
    for stage in Stage::of_every_helper() {
        for who in everyone() {
            let sandbox = sandbox(who);
            let mut terminal = Terminal::open(&stage, &sandbox, true);
            terminal.command("$G sh -c 'rm -f zone/a; true'");
            let seen = terminal.seen();
            assert_eq!(times(&seen), 0, "{who:?}: {seen}");
            terminal.command("$G sh -c 'rm -f zone/a 2>&1 | cat'");
            let seen = terminal.seen();
            assert_eq!(times(&seen), 1, "{who:?}: {seen}");
        }
    }
}

#[test]
fn seccomp_a_session_that_is_not_to_explain_does_not() {
    every_helper(|stage, sandbox| {
        let zone = sandbox.root().join("zone").display().to_string();
        let mut command =
            stage.guard(sandbox, &["wrap", "--quiet", "--no-explain", "--zone", &zone, "--", "rm", "zone/a"]);
        let outcome = output(&mut command);
        let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert_eq!((times(&said), outcome.status.code()), (0, Some(1)), "{said}");
    });
}

#[test]
fn seccomp_what_is_kept_is_told_with_the_way_back() {
    every_helper(|stage, sandbox| {
        let zone = sandbox.root().join("zone").display().to_string();
        let args =
            ["wrap", "--quiet", "--on-delete", "stash", "--zone", &zone, "--", "rm", "zone/a", "zone/b"];
        let outcome = run(sandbox, stage.guard(sandbox, &args));
        assert_eq!(outcome.status.code(), Some(0), "{}", outcome.stderr);
        let said: Vec<&str> = outcome.stderr.lines().collect();
        assert!(said[0].starts_with(&format!("es-guard: kept: {zone}/a went")), "{}", outcome.stderr);
        let back = said[1].split_once("outside the session: es-guard ").expect("the way back").1;
        assert_eq!(said.len(), 2, "{}", outcome.stderr);
        let back: Vec<&str> = back.split(' ').collect();
        assert!(output(&mut stage.guard(sandbox, &back)).status.success(), "{back:?}");
        assert_eq!(fs::read_to_string(sandbox.root().join("zone/a")).expect("it is back"), "old");
    });
}

/// Who was told the one does not know the other.
#[test]
fn seccomp_what_is_kept_and_what_is_refused_are_each_told_once() {
    every_helper(|stage, sandbox| {
        let zone = sandbox.root().join("zone").display().to_string();
        let script = "rm zone/a; mv zone elsewhere; rm zone/b; mv zone elsewhere; true";
        let args = ["wrap", "--quiet", "--on-delete", "stash", "--zone", &zone, "--", "sh", "-c", script];
        let outcome = run(sandbox, stage.guard(sandbox, &args));
        let kept = outcome.stderr.matches("es-guard: kept: ").count();
        assert_eq!((kept, times(&outcome.stderr)), (1, 1), "{}", outcome.stderr);
    });
}

/// What git throws away and no object holds is told while git goes on.
#[test]
fn seccomp_git_is_told_what_is_kept_of_its_work() {
    for (stage, who) in &Stage::of_every_helper_once() {
        let sandbox = &sandbox(*who);
        let setup = "cd zone; git init -q . && git add . && git -c user.name=me -c user.email=me@here commit -qm 1
            for n in $(seq 2000); do echo $n >n$n; done; git add . && git -c user.name=me -c user.email=me@here commit -qm 2
            echo never committed >a; rm n*";
        let mut person = stage.command(sandbox, &Mode::Bare, "sh".as_ref());
        assert!(output(person.args(["-c", setup])).status.success());
        let outcome = script(stage, sandbox, "cd zone; git checkout . 2>&1; cat a");
        assert_eq!(outcome.stdout.matches("es-guard: kept: ").count(), 1, "{:?}: {outcome:?}", sandbox.who);
        assert!(outcome.stdout.contains("zone/a went") && outcome.stdout.ends_with("old"), "{outcome:?}");
    }
}

/// A name may say what it likes: it is shown, and does nothing.
#[test]
fn seccomp_a_name_full_of_orders_to_the_terminal_is_text() {
    every_helper(|stage, sandbox| {
        fs::write(sandbox.root().join("zone/\u{1b}[2J\nes-guard: allowed"), "").expect("a file");
        sandbox.hand_over();
        let outcome = script(stage, sandbox, "cd zone && rm -f *allowed 2>&1 | head -n 4");
        assert!(!outcome.stdout.contains('\u{1b}'), "{}", outcome.stdout);
        let blocked = |line: &str| !line.starts_with("es-guard: allowed");
        assert_eq!((times(&outcome.stdout), outcome.stdout.lines().all(blocked)), (1, true));
    });
}
