//! A day in the life: steps of ordinary work (`cases/day/*.toml`), one after another in one project and in *one
//! session*, so that each finds what the ones before have left. After every step the status and the tree are
//! what they are after the same step bare; at the end the ledger has no denial.

use crate::agent::Agent;
use crate::guard::{Stage, denials};
use crate::require;
use crate::row::Who;
use crate::sandbox::Sandbox;
use crate::tool::row::which;
use crate::tool::tree::{self, Tree};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Some of a day's steps, which have something in common.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Programs without which none of it can be done.
    #[serde(default)]
    needs: Vec<String>,
    /// What [`require::skip`] calls them.
    #[serde(default = "tools")]
    wants: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// What the person does before the day, in `sh`, in the sandbox with its `zone` and `out`.
    #[serde(default)]
    setup: String,
    /// Where the steps are done.
    dir: PathBuf,
    /// What stands before every step.
    #[serde(default)]
    prelude: String,
    /// Files whose content no two days have in common.
    #[serde(default)]
    unstable: Vec<PathBuf>,
    /// What isn't looked at.
    #[serde(default)]
    left_out: Vec<PathBuf>,
    step: Vec<Step>,
}

/// One step: a script for `sh`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    name: String,
    #[serde(default)]
    needs: Vec<String>,
    run: String,
    /// How it ends bare.
    #[serde(default)]
    status: i32,
}

fn tools() -> String {
    "tools".to_owned()
}

/// A part by its name, without the steps that this machine lacks the programs for. `None`, noted as a skip,
/// when it lacks those of the whole part.
///
/// # Panics
/// When it can't be read.
pub fn part(name: &str) -> Option<Part> {
    let path = crate::row::cases().join("day").join(name).with_extension("toml");
    let text = std::fs::read_to_string(&path).expect("a part of a day");
    let mut part: Part = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let Part { needs, wants, step, .. } = &mut part;
    let lacks = |what: &str, needs: &[String]| {
        let missing =
            needs.iter().find(|name| which(name).is_none() && (*name != "cargo" || cargo().is_none()));
        if let Some(missing) = missing {
            require::skip(wants, &format!("{what} needs {missing}"));
        }
        missing.is_some()
    };
    if lacks(name, needs) {
        return None;
    }
    step.retain(|step| !lacks(&step.name, &step.needs));
    Some(part)
}

/// Where the toolchain is that the tests were built with: on nobody else's way.
fn cargo() -> Option<&'static Path> {
    Path::new(env!("CARGO")).parent().filter(|dir| dir.join("cargo").is_file())
}

/// A day that has been.
#[derive(Debug)]
pub struct Day {
    /// After each step, how it ended, what it said, and what there was.
    steps: Vec<(i32, String, Tree)>,
    denials: Vec<String>,
}

/// Does all steps, bare or in a session with this `--on-delete`.
///
/// # Panics
/// When the person's own part fails.
pub fn spend(stage: &Stage, parts: &[Part], who: Who, on_delete: Option<&str>) -> Day {
    let sandbox = Sandbox::new(who);
    let (root, said) = (sandbox.root(), sandbox.beside("said"));
    for dir in [&root.join("zone"), &root.join("out"), &said] {
        std::fs::create_dir(dir).expect("an empty sandbox");
    }
    sandbox.hand_over();
    let env: BTreeMap<_, _> = parts.iter().flat_map(|part| part.env.clone()).collect();
    let agent = |command: &mut std::process::Command| {
        command.envs(&env).env("CARGO_BIN", cargo().unwrap_or(Path::new("")));
    };
    let mut bare = stage.command(&sandbox, &crate::guard::Mode::Bare, "sh".as_ref());
    agent(&mut bare);
    let mut person = Agent::start(bare);
    for part in parts {
        let log = said.join("setup");
        let (status, said) = does(&mut person, &format!("set -e\n{}", part.setup), &log);
        assert_eq!(status, 0, "the person's part: {said}");
    }
    let mut worker = match on_delete {
        None => person,
        Some(word) => {
            person.ends();
            let mut wrap = stage.guard(&sandbox, &["wrap", "--quiet", "--on-delete", word, "--zone"]);
            agent(wrap.arg(root.join("zone")).args(["--", "sh"]));
            Agent::start(wrap)
        }
    };
    let left_out: Vec<_> = parts.iter().flat_map(|part| part.left_out.clone()).collect();
    let mut steps = Vec::new();
    for (part, step) in parts.iter().flat_map(|part| part.step.iter().map(move |step| (part, step))) {
        let log = said.join(steps.len().to_string());
        let (dir, prelude, run) = (root.join(&part.dir), &part.prelude, &step.run);
        let (status, said) = does(&mut worker, &format!("cd {}\n{prelude}\n{run}", dir.display()), &log);
        steps.push((status, tree::without_base(&said, &root), settled(&root, &left_out)));
    }
    worker.ends();
    let denials = denials(&sandbox).iter().map(|denial| format!("{denial:?}")).collect();
    Day { steps, denials }
}

/// One script in a shell of its own: how it ends, and what it says.
fn does(agent: &mut Agent, script: &str, log: &Path) -> (i32, String) {
    let status = agent.says(&format!("(exec </dev/null >{} 2>&1\n{script}\n); echo $?", log.display()));
    let said = std::fs::read(log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
    (
        status.parse().unwrap_or_else(|_| panic!("{script}: {status}")),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// What there is, with the sandbox named alike in every file.
fn settled(root: &Path, left_out: &[PathBuf]) -> Tree {
    let mut tree = tree::read_but(root, left_out);
    let base = root.as_os_str().as_encoded_bytes();
    for entry in tree.values_mut() {
        // Every sandbox's name is of one length, and so is what is written instead.
        let mut from = 0;
        while let Some(at) = entry.content[from..].windows(base.len()).position(|part| part == base) {
            entry.content[from + at..][..base.len()].fill(b'@');
            from += at + base.len();
        }
    }
    tree
}

/// What of a day is not as it is bare. Where a step differs, the ones after it are its consequence.
pub fn differences(parts: &[Part], bare: &Day, guarded: &Day) -> Vec<String> {
    let unstable: Vec<_> = parts.iter().flat_map(|part| part.unstable.clone()).collect();
    let steps = parts.iter().flat_map(|part| &part.step);
    let both = bare.steps.iter().zip(&guarded.steps);
    let mut wrong: Vec<_> = guarded.denials.iter().map(|denial| format!("refused: {denial}")).collect();
    for (step, ((bare_status, bare_said, before), (status, said, after))) in steps.zip(both) {
        let mut found = tree::differences(before, after, &unstable);
        if bare_status != status {
            found.insert(0, format!("it ends with {status}, bare with {bare_status}"));
        }
        if !found.is_empty() {
            found.truncate(8);
            wrong.push(format!("{}: {}\nBARE: {bare_said}\nGUARDED: {said}", step.name, found.join("\n")));
            break;
        }
    }
    wrong
}

/// The steps that don't end as they say, which is a fault of theirs.
pub fn unlike_themselves(parts: &[Part], bare: &Day) -> Vec<String> {
    let steps = parts.iter().flat_map(|part| &part.step).zip(&bare.steps);
    let odd = steps.filter(|(step, (status, ..))| step.status != *status);
    odd.map(|(step, (status, said, _))| format!("{}: bare it ends with {status}: {said}", step.name))
        .collect()
}
