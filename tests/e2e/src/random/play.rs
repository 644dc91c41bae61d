//! Plays scripts, many in one session: each step is made by the guarded process, then by its bare twin, and what
//! is there afterwards is looked at.

use super::claims::{Claims, Lost};
use super::keeping::Shelf;
use super::look::Look;
use super::place::{Care, Rules};
use super::refusal::{self, Bearings};
use super::script::{By, Script, Step};
use crate::guard::{Mode, Stage, Watchdog, kept};
use crate::person;
use crate::row::Who;
use crate::runner::named;
use crate::sandbox::{Sandbox, USER, is_root};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// How scripts are played.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// By whom.
    pub who: Who,
    /// What is promised.
    pub rules: Rules,
    /// Whether in a session at all.
    pub guarded: bool,
}

/// What is wrong with a script.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Which of those that were played.
    pub number: usize,
    /// What.
    pub findings: Vec<String>,
}

/// Where the guarded process works, and where its twin.
const TWINS: [&str; 2] = ["g", "b"];
/// The descriptors that scripts keep.
const SLOTS: [&str; 4] = ["d1", "d2", "d8", "d9"];
/// After so many scripts with something wrong the others are left out.
const ENOUGH: usize = 5;

/// Plays scripts in one session; returns what is wrong with which.
///
/// # Panics
/// When a session can't be had.
pub fn run(stage: &Stage, course: Course, scripts: &[Script]) -> Vec<Trouble> {
    let sandbox = Sandbox::new(course.who);
    for base in TWINS.map(|twin| sandbox.root().join(twin)) {
        prepare(&base, scripts);
    }
    sandbox.hand_over();
    let mode = if course.guarded { mode(&sandbox, course.rules) } else { Mode::Bare };
    let [mut guarded, mut bare] = [(TWINS[0], mode), (TWINS[1], Mode::Bare)]
        .map(|(twin, mode)| Player::start(stage, &sandbox, twin, &mode));
    let mut troubles = Vec::new();
    let mut kept_things: Vec<(usize, Vec<Lost>)> = Vec::new();
    for (number, script) in scripts.iter().enumerate() {
        let mut game = Game::new(course, &mut guarded, &mut bare, script, number);
        let findings = game.play(script);
        let claims = game.claims;
        if findings.is_empty() {
            kept_things.push((number, claims.kept));
        } else {
            troubles.push(Trouble { number, findings });
            if troubles.len() >= ENOUGH {
                break;
            }
        }
    }
    let base = guarded.base.clone();
    guarded.end();
    bare.end();
    // The session has ended, and has written what it writes.
    if course.guarded {
        kept(&sandbox);
    }
    let shelf = Shelf::of(&sandbox);
    for (number, things) in kept_things {
        let findings: Vec<_> = things.iter().filter_map(|lost| shelf.lacks(&base, lost)).collect();
        if !findings.is_empty() {
            troubles.push(Trouble { number, findings });
        }
    }
    troubles
}

fn prepare(base: &Path, scripts: &[Script]) {
    for place in ["zone", "other", "out"] {
        fs::create_dir_all(base.join(place)).expect("a place");
    }
    for (number, script) in scripts.iter().enumerate() {
        for line in &script.setup {
            // What can't be done is left out: names meet.
            let _ = person::tries(base, &Script::line(line, base, number));
        }
    }
}

fn mode(sandbox: &Sandbox, rules: Rules) -> Mode {
    let base = sandbox.root().join(TWINS[0]);
    let zone = |(name, care)| {
        let on_delete = if care == Care::Kept { "stash" } else { "deny" };
        serde_json::json!({"path": base.join(name), "on_delete": on_delete})
    };
    let zones = [("zone", rules.zone), ("other", rules.other)].map(zone);
    let policy = sandbox.beside("policy.json");
    fs::write(&policy, serde_json::json!({"protected_zones": zones}).to_string()).expect("a policy");
    Mode::Guarded { zones: Vec::new(), policy: Some(policy) }
}

/// One script being played.
struct Game<'a> {
    course: Course,
    guarded: &'a mut Player,
    /// `None`: something was refused, and the twin has gone another way.
    bare: Option<&'a mut Player>,
    claims: Claims,
    bearings: Bearings,
    number: usize,
    twin_goes_on: bool,
}

impl<'a> Game<'a> {
    fn new(
        course: Course,
        guarded: &'a mut Player,
        bare: &'a mut Player,
        script: &Script,
        number: usize,
    ) -> Self {
        let start = format!("out/s{number}");
        for player in [&mut *guarded, &mut *bare] {
            player.perform(&format!("chdir {}", player.base.join(&start).display()));
            for slot in SLOTS {
                player.perform(&format!("close {slot}"));
            }
        }
        let claims = Claims::new(course.rules, Look::at(&guarded.base, number));
        let bearings = Bearings::at(&guarded.base, &start);
        let twin_goes_on = script.twin_goes_on;
        Self { course, guarded, bare: Some(bare), claims, bearings, number, twin_goes_on }
    }

    fn play(&mut self, script: &Script) -> Vec<String> {
        for (n, step) in script.steps.iter().enumerate() {
            let wrong = match step.by {
                By::Tree => self.tree(step),
                By::Person => self.person(step),
            };
            if !wrong.is_empty() {
                return wrong
                    .into_iter()
                    .map(|wrong| format!("step {}, {}: {wrong}", n + 1, step.text))
                    .collect();
            }
        }
        let Some(bare) = &self.bare else { return Vec::new() };
        let twin = Look::at(&bare.base, self.number);
        self.claims.now().differs(&twin, !self.course.rules.keep())
    }

    fn tree(&mut self, step: &Step) -> Vec<String> {
        let line = Script::line(&step.text, &self.guarded.base, self.number);
        let words = step.words();
        let may_be_refused = refusal::may_be(&self.guarded.base, &self.claims, &self.bearings, &line);
        let result = self.guarded.perform(&line);
        let refused = result == "EPERM" && (may_be_refused || refusal::takes(&words));
        let look = Look::at(&self.guarded.base, self.number);
        let mut wrong = self.claims.tree(&words, result == "ok", look);
        if refused && !may_be_refused && self.bare.is_none() {
            wrong.push("refused".to_owned());
        }
        if let Some(bare) = self.bare.take_if(|_| !(refused && may_be_refused && !self.twin_goes_on)) {
            let as_bare = bare.perform(&Script::line(&step.text, &bare.base, self.number));
            if as_bare == result {
                self.bare = Some(bare);
            } else if !(refused && may_be_refused && as_bare == "ok") {
                wrong.push(format!("{result}, bare {as_bare}"));
            }
        }
        if result == "ok" {
            self.bearings.follow(&self.guarded.base, &self.claims, &line);
        }
        wrong
    }

    fn person(&mut self, step: &Step) -> Vec<String> {
        let bases = [Some(&*self.guarded), self.bare.as_deref()];
        let mut results = Vec::new();
        for base in bases.into_iter().flatten().map(|player| &player.base) {
            let done = person::tries(base, &Script::line(&step.text, base, self.number));
            results.push(done.err().and_then(|error| error.raw_os_error()));
            if is_root() && self.course.who == Who::User {
                for place in ["zone", "other", "out"] {
                    hand_over(&base.join(format!("{place}/s{}", self.number)));
                }
            }
        }
        self.claims.person(Look::at(&self.guarded.base, self.number));
        match results.as_slice() {
            [one, other] if one != other => vec![format!("the person meets {one:?}, bare {other:?}")],
            _ => Vec::new(),
        }
    }
}

/// What the person has made is the user's.
fn hand_over(path: &Path) {
    let meta = fs::symlink_metadata(path).expect("what is there");
    if meta.uid() != USER {
        lchown(path, Some(USER), Some(USER)).expect("a new owner");
    }
    if meta.is_dir() {
        for entry in fs::read_dir(path).expect("a directory").flatten() {
            hand_over(&entry.path());
        }
    }
}

/// A process that plays the agent.
struct Player {
    base: PathBuf,
    child: Child,
    steps: Option<ChildStdin>,
    results: BufReader<ChildStdout>,
    _watchdog: Watchdog,
}

impl Player {
    fn start(stage: &Stage, sandbox: &Sandbox, twin: &str, mode: &Mode) -> Self {
        let mut command = stage.command(sandbox, mode, &stage.program("driver"));
        let mut child =
            command.arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a driver");
        let (steps, results) = (child.stdin.take(), child.stdout.take().expect("a pipe"));
        let _watchdog = Watchdog::of(child.id());
        let base = sandbox.root().join(twin);
        Self { base, child, steps, results: BufReader::new(results), _watchdog }
    }

    /// Makes one step; says what came of it, as rows do.
    fn perform(&mut self, line: &str) -> String {
        let steps = self.steps.as_mut().expect("a pipe");
        let mut said = String::new();
        let heard = writeln!(steps, "{line}").and_then(|()| self.results.read_line(&mut said));
        heard.unwrap_or_else(|error| panic!("{line}: {error}"));
        named(said.trim_end().split_once(' ').map_or("nothing: the driver has ended", |(_, result)| result))
    }

    fn end(mut self) {
        drop(self.steps.take());
        let status = self.child.wait().expect("its end");
        assert!(status.success(), "the driver: {status}");
    }
}
