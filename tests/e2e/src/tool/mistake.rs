//! Mistakes that destroy somebody's work (`cases/day/mistakes.toml`): bare each does. In a session each is
//! refused, with every byte there; or, with `--on-delete stash`, it does what it does bare, and
//! `es-guard sessions restore` makes that undone.

use crate::guard::{Mode, Stage, denials, kept, output};
use crate::kept::{Portrait, portrait};
use crate::require;
use crate::row::Who;
use crate::sandbox::Sandbox;
use crate::tool::row::which;
use crate::tool::tree::{self, Tree};
use helper_daemon::stash::Kind;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One mistake: a script for `sh`, in the sandbox with its `zone` and `out`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    name: String,
    #[serde(default)]
    needs: Vec<String>,
    run: String,
    /// What the person has made besides, in a script for `sh` as well.
    #[serde(default)]
    setup: String,
    /// What becomes of it where removals are refused.
    #[serde(default)]
    fate: Fate,
    /// What stands in the way of what comes back, so that it comes back with `--force` only.
    #[serde(default)]
    force: bool,
    /// What the run writes besides, as any edit may: [patterns](crate::tool::record::matches).
    #[serde(default)]
    edited: Vec<PathBuf>,
    /// The program makes writable what it is about to remove, as it may.
    #[serde(default)]
    chmods: bool,
    #[serde(skip)]
    common: Common,
}

/// What becomes of a mistake where removals are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fate {
    #[default]
    Refused,
    /// It is done, and what it took is in the stash.
    Kept,
    /// It is an edit, which is let through whatever the mode, and nothing is kept.
    Edit,
}

/// What all mistakes are made in.
#[derive(Clone, Debug, Default, Deserialize)]
struct Common {
    #[serde(default)]
    env: BTreeMap<String, String>,
    setup: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(flatten)]
    common: Common,
    mistake: Vec<Mistake>,
}

/// All that can be made here; the others are noted as skips.
///
/// # Panics
/// When they can't be read.
pub fn all() -> Vec<Mistake> {
    let path = crate::row::cases().join("day/mistakes.toml");
    let text = std::fs::read_to_string(&path).expect("the mistakes");
    let File { common, mut mistake } = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    for one in &mut mistake {
        one.common = common.clone();
    }
    mistake.retain(|one| {
        let missing = ["git"]
            .into_iter()
            .chain(one.needs.iter().map(String::as_str))
            .find(|name| which(name).is_none());
        if let Some(missing) = missing {
            require::skip("tools", &format!("{} needs {missing}", one.name));
        }
        missing.is_none()
    });
    mistake
}

/// What came of it.
struct Run {
    sandbox: Sandbox,
    before: BTreeMap<PathBuf, Portrait>,
    after: Tree,
    output: Output,
}

/// Makes it bare and in both kinds of session; returns everything that is wrong.
pub fn made(stage: &Stage, one: &Mistake, who: Who) -> Vec<String> {
    let [bare, denied, stashed] =
        [None, Some("deny"), Some("stash")].map(|on_delete| make(stage, one, who, on_delete));
    let mut wrong = Vec::new();
    let told = |how: &str, run: &Run, found: Vec<String>| -> Vec<String> {
        let said = String::from_utf8_lossy(&run.output.stderr);
        found.iter().map(|what| format!("{} ({who:?}, {how}): {what} [{said}]", one.name)).collect()
    };
    let unharmed = differences(one, &bare.before, &now(&bare), |_| false).is_empty();
    let harmless = unharmed.then(|| "it does no harm".to_owned());
    wrong.extend(told("bare", &bare, harmless.into_iter().collect()));
    let found = match one.fate {
        Fate::Refused => refused(one, &denied),
        Fate::Kept => undone(stage, one, &bare, &denied),
        Fate::Edit => edits(&bare, &denied),
    };
    wrong.extend(told("deny", &denied, found));
    let found =
        if one.fate == Fate::Edit { edits(&bare, &stashed) } else { undone(stage, one, &bare, &stashed) };
    wrong.extend(told("stash", &stashed, found));
    wrong
}

fn make(stage: &Stage, one: &Mistake, who: Who, on_delete: Option<&str>) -> Run {
    let sandbox = Sandbox::new(who);
    let root = sandbox.root();
    for dir in ["zone", "out"] {
        std::fs::create_dir(root.join(dir)).expect("an empty sandbox");
    }
    sandbox.hand_over();
    let script = |mut command: Command, text: &str| output(command.args(["-c", text]).envs(&one.common.env));
    let sh = || stage.command(&sandbox, &Mode::Bare, "sh".as_ref());
    let done = script(sh(), &format!("set -eu\n{}\ncd {}\n{}", one.common.setup, root.display(), one.setup));
    assert!(done.status.success(), "the person's part: {}", String::from_utf8_lossy(&done.stderr));
    let before = portrait(&root.join("zone"));
    let command = match on_delete {
        None => sh(),
        Some(word) => {
            let mut wrap = stage.guard(&sandbox, &["wrap", "--quiet", "--on-delete", word, "--zone"]);
            wrap.arg(root.join("zone")).args(["--", "sh"]);
            wrap
        }
    };
    let output = script(command, &one.run);
    // A session has ended when its ledger has.
    denials(&sandbox);
    Run { before, after: tree::read(&root), output, sandbox }
}

/// It fails, is recorded, and all is there.
fn refused(one: &Mistake, run: &Run) -> Vec<String> {
    let mut wrong = differences(one, &run.before, &now(run), |_| false);
    if run.output.status.success() {
        wrong.push("it succeeds".to_owned());
    }
    if denials(&run.sandbox).is_empty() {
        wrong.push("the ledger has no denial".to_owned());
    }
    wrong
}

/// It does what it does bare, and then all is there again.
fn undone(stage: &Stage, one: &Mistake, bare: &Run, run: &Run) -> Vec<String> {
    let mut wrong = as_bare(one, bare, run);
    if kept(&run.sandbox).is_empty() {
        wrong.push("nothing is kept".to_owned());
    }
    let force: &[&str] = if one.force { &["--force"] } else { &[] };
    let args: Vec<_> = ["sessions", "restore"].into_iter().chain(force.iter().copied()).collect();
    let restored = output(&mut stage.guard(&run.sandbox, &args));
    if !restored.status.success() {
        let [out, err] = [&restored.stdout, &restored.stderr].map(|text| String::from_utf8_lossy(text));
        wrong.push(format!("restore ends with {}: {out}{err}", restored.status));
    }
    // A directory that stayed has the time of the putting back; one that was removed gets its own again.
    let was_removed = |name: &Path| !bare.after.contains_key(&Path::new("zone").join(name));
    wrong.extend(differences(one, &run.before, &now(run), was_removed));
    wrong
}

/// It does what it does bare, and nothing is kept of it.
fn edits(bare: &Run, run: &Run) -> Vec<String> {
    let mut wrong = tree::differences(&bare.after, &run.after, &["zone/p/.git/index".into()]);
    wrong.extend(kept(&run.sandbox).iter().map(|kept| format!("kept: {kept:?}")));
    wrong
}

fn as_bare(one: &Mistake, bare: &Run, run: &Run) -> Vec<String> {
    let mut unstable: Vec<_> = one.edited.iter().map(|below| Path::new("zone").join(below)).collect();
    // It has the numbers and times of files.
    unstable.push("*/p/.git/index".into());
    let mut wrong = tree::differences(&bare.after, &run.after, &unstable);
    if bare.output.status != run.output.status {
        wrong.push(format!("it ends with {}, bare with {}", run.output.status, bare.output.status));
    }
    wrong.extend(denials(&run.sandbox).iter().map(|denial| format!("refused: {denial:?}")));
    wrong
}

fn now(run: &Run) -> BTreeMap<PathBuf, Portrait> {
    portrait(&run.sandbox.root().join("zone"))
}

/// What isn't as it was, but for when anything was read, and when directories were changed that are not `dated`.
fn differences(
    one: &Mistake,
    before: &BTreeMap<PathBuf, Portrait>,
    after: &BTreeMap<PathBuf, Portrait>,
    dated: impl Fn(&Path) -> bool,
) -> Vec<String> {
    let steady = |name: &Path, thing: &Portrait| {
        let mut thing = thing.clone();
        thing.meta.accessed = 0;
        if one.chmods {
            thing.meta.mode &= nix::sys::stat::SFlag::S_IFMT.bits();
        }
        if thing.meta.kind == Kind::Directory {
            thing.meta.nlink = 0;
            if !dated(name) {
                thing.meta.modified = 0;
            }
        }
        (!one.edited.iter().any(|edited| crate::tool::record::matches(edited, name))).then_some(thing)
    };
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let differ = names.into_iter().filter_map(|name| {
        let [was, is] = [before, after].map(|all| all.get(name).and_then(|thing| steady(name, thing)));
        (was != is).then(|| format!("{name:?} was {}, is {}", short(was), short(is)))
    });
    differ.take(6).collect()
}

fn short(thing: Option<Portrait>) -> String {
    let Some(thing) = thing else { return "not there".to_owned() };
    let content: String = String::from_utf8_lossy(&thing.content).chars().take(60).collect();
    format!("{:?} {content:?} {:?}", thing.meta, thing.first)
}
