//! Runs one row, bare and guarded, and says what is wrong.

use crate::guard::{Mode, Stage, denials, kept, output};
use crate::row::Who;
use crate::sandbox::Sandbox;
use crate::tool::record::{self, Expected, matches};
use crate::tool::row::Row;
use crate::tool::tree::{self, Tree};
use helper_daemon::denial::Denial;
use std::path::Path;
use std::process::Output;

/// One run of a row.
struct Run {
    sandbox: Sandbox,
    before: Tree,
    after: Tree,
    output: Output,
    denials: Vec<Denial>,
    kept: Vec<Denial>,
}

/// Runs the row bare, and in a session where there is an engine; returns everything that is wrong.
pub fn both(stage: &Stage, row: &Row, who: Who) -> Vec<String> {
    let bare = perform(stage, row, who, false);
    let mut wrong = told("bare", row, &bare, after_bare(stage, row, &bare));
    if stage.engine_is_there() {
        let guarded = perform(stage, row, who, true);
        let found = if row.is_attack() {
            after_attack(stage, row, &guarded)
        } else if !row.held.is_empty() {
            after_hold(stage, row, &bare, &guarded)
        } else {
            after_ordinary_work(stage, row, &bare, &guarded)
        };
        wrong.extend(told("guarded", row, &guarded, found));
    }
    wrong.into_iter().map(|what| format!("{} ({who:?}, {what}", row.name)).collect()
}

/// It does what it is for: an attack its harm, ordinary work its work.
fn after_bare(stage: &Stage, row: &Row, run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    if run.output.status.code() != Some(row.status) {
        wrong.push(format!("{}, expected {}", run.output.status, row.status));
    }
    for expected in row.denied.iter().chain(&row.held) {
        let prey: Vec<_> = run.before.iter().filter(|(name, _)| matches(expected.prey(), name)).collect();
        if prey.is_empty() {
            wrong.push(format!("{:?} was not there before", expected.prey()));
        }
        let unharmed = prey.iter().filter(|(name, entry)| run.after.get(*name) == Some(entry));
        wrong.extend(unharmed.map(|(name, _)| format!("the attack leaves {name:?} unharmed")));
    }
    if !row.is_attack() && row.held.is_empty() {
        wrong.extend(unmet(stage, row, run));
    }
    wrong
}

/// It is refused, told so, recorded, and nothing that was there is gone.
fn after_attack(stage: &Stage, row: &Row, run: &Run) -> Vec<String> {
    let mut wrong = tree::lost(&run.before, &run.after, &row.edited);
    wrong.extend(differences(row, &row.denied, run));
    match (row.refused_status, run.output.status.code()) {
        (Some(expected), got) if got != Some(expected) => {
            wrong.push(format!("{}, expected {expected}", run.output.status));
        }
        (None, Some(0) | None) => wrong.push(format!("{}, expected a failure", run.output.status)),
        _ => {}
    }
    let said = String::from_utf8_lossy(&run.output.stderr).to_lowercase();
    if !said.contains(&row.says.to_lowercase()) {
        wrong.push(format!("it does not say {:?}", row.says));
    }
    wrong.extend(unmet(stage, row, run));
    wrong
}

/// Nobody could tell, until it had ended: then nothing that was there is gone.
fn after_hold(stage: &Stage, row: &Row, bare: &Run, guarded: &Run) -> Vec<String> {
    let mut wrong = tree::lost(&guarded.before, &guarded.after, &row.edited);
    wrong.extend(differences(row, &row.held, guarded));
    if bare.output.status != guarded.output.status {
        wrong.push(format!("bare it comes back with {}", bare.output.status));
    }
    wrong.extend(unmet(stage, row, guarded));
    wrong
}

/// What is wrong with the records.
fn differences(row: &Row, denied: &[Expected], run: &Run) -> Vec<String> {
    let root = run.sandbox.root();
    let mut wrong = record::differences(denied, &run.denials, &root);
    wrong.extend(
        record::differences(&row.kept, &run.kept, &root).into_iter().map(|what| format!("kept: {what}")),
    );
    wrong
}

/// A command is told what is kept of what it takes.
fn without_what_is_kept(text: &str, row: &Row) -> String {
    let told = |line: &&str| {
        line.starts_with("es-guard: kept: ") || line.starts_with("es-guard: it can be put back, outside")
    };
    let lines = text.split_inclusive('\n');
    lines.filter(|line| row.kept.is_empty() || !told(line)).collect()
}

/// Nobody could tell the session from none.
fn after_ordinary_work(stage: &Stage, row: &Row, bare: &Run, guarded: &Run) -> Vec<String> {
    let mut wrong = tree::differences(&bare.after, &guarded.after, &row.unstable);
    wrong.extend(differences(row, &[], guarded));
    let of = |run: &Run| {
        let [out, error] = [&run.output.stdout, &run.output.stderr].map(|text| String::from_utf8_lossy(text));
        let root = run.sandbox.root();
        let said = |text: &str| tree::without_base(&without_what_is_kept(text, row), &root);
        (said(&out), said(&without_survivors(&error)))
    };
    let words = [of(bare), of(guarded)];
    if words[0] != words[1] {
        wrong.push(format!("bare it says {:?}", words[0]));
    }
    if bare.output.status != guarded.output.status {
        wrong.push(format!("bare it comes back with {}", bare.output.status));
    }
    wrong.extend(unmet(stage, row, guarded));
    wrong
}

/// The words of a run without the one that es-guard adds where processes outlive the agent.
fn without_survivors(said: &str) -> String {
    let added = |line: &&str| line.starts_with("es-guard: ") && line.trim_end().ends_with(" guarded");
    said.split_inclusive('\n').filter(|line| !added(line)).collect()
}

fn told(how: &str, row: &Row, run: &Run, wrong: Vec<String>) -> Vec<String> {
    let said = String::from_utf8_lossy(&run.output.stderr);
    let root = run.sandbox.root();
    let told = wrong.into_iter().map(|what| {
        let (what, said) = (tree::without_base(&what, &root), tree::without_base(said.trim_end(), &root));
        format!("{how}): {what} [{}: {}; {said}]", row.run.trim(), run.output.status)
    });
    told.collect()
}

fn perform(stage: &Stage, row: &Row, who: Who, guard: bool) -> Run {
    let sandbox = Sandbox::new(who);
    for dir in ["zone", "out"] {
        std::fs::create_dir(sandbox.root().join(dir)).expect("an empty sandbox");
    }
    sandbox.hand_over();
    person_runs(stage, row, &sandbox, &row.setup);
    let before = tree::read(&sandbox.root());
    let zones = vec![sandbox.root().join("zone")];
    let mode = if guard { Mode::Guarded { zones, policy: None } } else { Mode::Bare };
    let output = script(stage, row, &sandbox, &mode, &row.run);
    person_runs(stage, row, &sandbox, &row.meanwhile);
    // A session ends with its last process, which may be the one that waits for the person.
    let (denials, kept) = (denials(&sandbox), kept(&sandbox));
    Run { before, after: tree::read(&sandbox.root()), output, denials, kept, sandbox }
}

fn script(stage: &Stage, row: &Row, sandbox: &Sandbox, mode: &Mode, text: &str) -> Output {
    let mut command = stage.command(sandbox, mode, Path::new("/bin/sh"));
    output(command.args(["-c", text]).envs(&row.env))
}

fn person_runs(stage: &Stage, row: &Row, sandbox: &Sandbox, text: &str) {
    if !text.is_empty() {
        let done = script(stage, row, sandbox, &Mode::Bare, &format!("set -eu\n{text}"));
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{}: the person's {text:?}: {}: {said}", row.name, done.status);
    }
}

/// What the row's condition has to say.
fn unmet(stage: &Stage, row: &Row, run: &Run) -> Option<String> {
    if row.holds.is_empty() {
        return None;
    }
    let checked = script(stage, row, &run.sandbox, &Mode::Bare, &format!("set -eux\n{}", row.holds));
    let said = String::from_utf8_lossy(&checked.stderr);
    (!checked.status.success()).then(|| format!("it does not hold: {said}"))
}
