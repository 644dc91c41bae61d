//! The session's own: where it can't be kept it is refused, and what a session made and took away is told.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Stage, eventually, output, run};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use helper_daemon::policy::judge::Reason;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// More than the engine looks through.
const MANY: usize = 100_001;

fn every_helper(play: impl Fn(&Stage, Who)) {
    for stage in Stage::of_every_helper() {
        everyone().into_iter().for_each(|who| play(&stage, who));
    }
}

fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    for dir in ["zone", "out"] {
        fs::create_dir(sandbox.root().join(dir)).expect("a directory");
    }
    fs::write(sandbox.root().join("zone/old"), "old").expect("a file");
    sandbox.hand_over();
    sandbox
}

fn mode(sandbox: &Sandbox) -> Mode {
    Mode::Guarded { zones: vec![sandbox.root().join("zone")], policy: None }
}

fn fill(dir: &Path, files: usize) {
    fs::create_dir(dir).expect("a directory");
    for n in 0..files {
        fs::File::create_new(dir.join(n.to_string())).expect("a file");
    }
}

/// What comes in with more than is looked through is not taken over, and does not leave again.
#[test]
fn seccomp_a_tree_too_large_to_look_through_is_not_its_own() {
    for (stage, who) in &Stage::of_every_helper_once() {
        let who = *who;
        let sandbox = sandbox(who);
        fill(&sandbox.root().join("out/large"), MANY);
        fill(&sandbox.root().join("out/less"), 100);
        sandbox.hand_over();
        let script = "mv -T out/large zone/large && ! rm zone/large/7 && ! mv -T zone/large out/large &&
            mv -T out/less zone/less && rm zone/less/7 && mv -T zone/less out/less && rm -r out/less";
        let mut command = stage.command(&sandbox, &mode(&sandbox), "sh".as_ref());
        command.args(["-c", script]);
        let outcome = run(&sandbox, command);
        assert!(outcome.status.success(), "{who:?}: {outcome:?}");
        let reasons: Vec<Reason> = outcome.denials.iter().map(|denial| denial.reason).collect();
        assert_eq!(reasons, [Reason::Removed, Reason::MovedOut], "{who:?}: {}", outcome.stderr);
        let left = fs::read_dir(sandbox.root().join("zone/large")).expect("the tree").count();
        assert_eq!(left, MANY);
    }
}

/// `es-guard sessions show --own --json`, its part about the session's own.
fn own(stage: &Stage, sandbox: &Sandbox) -> Value {
    let shown = output(&mut stage.guard(sandbox, &["sessions", "show", "--own", "--json"]));
    let mut shown: Value = serde_json::from_slice(&shown.stdout).unwrap_or_else(|e| panic!("{e}: {shown:?}"));
    shown["own"].take()
}

/// What is there, and what was taken away: paths below the zone, and `WORD PATH[ → PATH]`.
fn listed(own: &Value, sandbox: &Sandbox) -> (Vec<String>, Vec<String>) {
    let zone = format!("{}/", sandbox.root().join("zone").display());
    let short = |path: &Value| path.as_str().expect("a path").replace(&zone, "");
    let there = own["there"].as_array().expect("a list").iter().map(short).collect();
    let taken = own["taken"].as_array().expect("a list").iter().map(|deed| {
        let dest = deed.get("dest").map(|dest| format!(" → {}", short(dest))).unwrap_or_default();
        format!("{} {}{dest}", deed["did"].as_str().expect("a word"), short(&deed["path"]))
    });
    (there, taken.collect())
}

#[test]
fn seccomp_what_a_session_made_and_took_away_is_listed() {
    every_helper(|stage, who| {
        let sandbox = sandbox(who);
        let script = "cd zone
            for n in $(seq 500); do echo > lock; rm lock; done
            echo > new; mkdir d; echo > d/f; ln -s new link; mkfifo pipe
            echo > tmp; mv tmp saved; echo > tmp; mv tmp old
            touch ../out/came; mv ../out/came came
            ! rm -f old; echo again >> old";
        let mut command = stage.command(&sandbox, &mode(&sandbox), "sh".as_ref());
        let outcome = run(&sandbox, {
            command.args(["-c", script]);
            command
        });
        assert!(outcome.status.success(), "{who:?}: {outcome:?}");
        let own = own(stage, &sandbox);
        let (there, taken) = listed(&own, &sandbox);
        assert_eq!(there, ["came", "d", "d/f", "link", "new", "pipe", "saved"], "{who:?}: {own}");
        // A slow machine may need more than a moment for a pair.
        let taken: Vec<_> =
            taken.iter().filter(|deed| !deed.contains("lock") && !deed.contains("tmp")).collect();
        assert!(taken.is_empty(), "{who:?}: {taken:?}");
        assert_eq!(own["unlisted"], 0);
        fs::remove_file(sandbox.root().join("zone/new")).expect("the person may");
        assert!(!listed(&self::own(stage, &sandbox), &sandbox).0.contains(&"new".to_owned()));
    });
}

/// Also while the session runs and does nothing.
#[test]
fn seccomp_what_a_session_took_away_is_listed_while_it_runs() {
    every_helper(|stage, who| {
        let sandbox = sandbox(who);
        let mut agent = Agent::start(stage.command(&sandbox, &mode(&sandbox), "sh".as_ref()));
        let lists = |what: &str, expected: (&[&str], &[&str])| {
            eventually(what, || {
                let own = own(stage, &sandbox);
                let (there, taken) = listed(&own, &sandbox);
                there == expected.0 && taken == expected.1
            });
        };
        assert_eq!(agent.does("mkdir zone/d; echo > zone/d/f; echo > zone/n"), 0);
        lists("what was made", (&["d", "d/f", "n"], &[]));
        assert_eq!(agent.does("mv zone/d zone/e; rm zone/n; mv zone/e/f out/f"), 0);
        let out = sandbox.root().join("out/f").display().to_string();
        let moved = format!("moved e/f → {out}");
        let taken = ["moved d → e", "removed n", &moved];
        lists("what was taken away", (&[&out, "e"], &taken));
    });
}
