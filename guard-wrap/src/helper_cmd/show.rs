//! A change, as a person is shown it before anything happens.

use super::layout::{Layout, Part};
use super::step::{Step, mode};
use super::{HelperError, service};
use crate::render::fit::count;
use crate::render::{FAINT, LOUD, NAME, styled};
use helper_daemon::denial::printable;
use similar::TextDiff;
use std::path::{Path, PathBuf};

/// What would be done.
#[derive(Debug)]
pub(super) struct Change {
    /// What it is.
    pub(super) title: &'static str,
    /// In this order.
    pub(super) steps: Vec<Step>,
    /// What a person should know of it.
    pub(super) notes: Vec<String>,
    /// Things in the way that es-guard did not write.
    pub(super) foreign: Vec<PathBuf>,
    /// Live sessions that would suffer.
    pub(super) live: usize,
    /// What makes them.
    pub(super) doing: &'static str,
    /// Whether that is wanted.
    pub(super) force: bool,
    /// What is still to be done by a person.
    pub(super) afterwards: Vec<String>,
    /// What is said in the end.
    pub(super) done: &'static str,
}

impl Change {
    /// Why it is not done without being told twice.
    pub(super) fn refusal(&self) -> Option<HelperError> {
        if self.force {
            return None;
        }
        if !self.foreign.is_empty() {
            let names: Vec<_> = self.foreign.iter().map(|path| path.display().to_string()).collect();
            return Some(HelperError::Foreign(names.join(", ")));
        }
        (self.live > 0).then_some(HelperError::Live {
            doing: self.doing,
            live: self.live,
            lose: service::LOSE,
        })
    }
}

/// All of it.
pub(super) fn text(change: &Change, layout: &Layout) -> String {
    let mut out = format!("{}\n", styled(NAME, change.title));
    for step in change.steps.iter().filter(|step| !matches!(step, Step::Record(_))) {
        out += &format!("  {}\n", printable(&in_short(step)));
        if let Step::Put { path, part } = step {
            let foreign = change.foreign.contains(path);
            if foreign {
                out += &format!("    {}\n", styled(LOUD, "it is there, and es-guard did not write it so"));
            }
            out += &contents(&layout.real(path), part);
        }
    }
    if change.steps.is_empty() {
        out += "  nothing is to be done\n";
    } else if change.steps.iter().any(|step| matches!(step, Step::Record(_))) {
        out += &format!("  list all this in {}\n", layout.manifest().display());
    }
    change.notes.iter().for_each(|note| out += &format!("  {}\n", styled(FAINT, printable(note))));
    out
}

/// One step in a line.
pub(super) fn in_short(step: &Step) -> String {
    match step {
        Step::MakeDirectory { path, mode } => format!("make directory {} (root, {mode:04o})", path.display()),
        Step::Put { path, part: Part::Link(target) } => {
            format!("link {} → {}", path.display(), target.display())
        }
        Step::Put { path, part: part @ Part::Text(_) } => {
            format!("write {} (root, {:04o})", path.display(), mode(part))
        }
        Step::Put { path, part: part @ (Part::Program { from, bytes } | Part::Copy { from, bytes }) } => {
            let (path, from) = (path.display(), from.display());
            let bytes = count(bytes.len() as u64, "byte");
            format!("write {path} (root, {:04o}): a copy of {from}, {bytes}", mode(part))
        }
        Step::Record(_) => "list what is written".to_owned(),
        Step::Remove(path) => format!("remove {}", path.display()),
        Step::RemoveDirectory(path) => format!("remove directory {} if it is empty", path.display()),
        Step::Run(words) => format!("run {}", words.join(" ")),
        Step::TryToRun(words) => format!("run {} (which may fail)", words.join(" ")),
    }
}

/// A text in full, or what changes of it.
fn contents(real: &Path, part: &Part) -> String {
    let Part::Text(new) = part else { return String::new() };
    let indented = |line: &str| format!("    {}\n", printable(line.trim_end_matches('\n')));
    match std::fs::read(real) {
        Ok(old) => {
            let old = String::from_utf8_lossy(&old);
            let diff = TextDiff::from_lines(old.as_ref(), new.as_str());
            diff.unified_diff()
                .header("as it is", "as it will be")
                .to_string()
                .lines()
                .map(indented)
                .collect()
        }
        Err(_) => new.lines().map(indented).collect(),
    }
}
