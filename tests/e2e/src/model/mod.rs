//! The sandbox in memory, so that a row can be held against `judge` without a kernel.
//!
//! [`tree`] is names and what they stand for; [`walk`] resolves a path as a process sees it; [`session`] knows
//! what is the session's own, asks `judge`, and performs what is allowed. Errors of the bare kernel are not
//! modelled: a step that the row says fails bare is left out.

mod session;
mod tree;
mod walk;

use crate::row::{Expected, Row};
use helper_daemon::policy::judge::Reason;
use helper_daemon::policy::operation::Op;
use session::Session;
use std::path::{Path, PathBuf};

/// A denial, or what is let through and kept, as the model foresees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// Which operation.
    pub op: Op,
    /// The name that would have gone.
    pub path: PathBuf,
    /// Where it would have gone.
    pub dest: Option<PathBuf>,
    /// The zone.
    pub zone: PathBuf,
    /// Why.
    pub reason: Reason,
    /// Whether it is let through, and what it takes is kept.
    pub kept: bool,
}

/// What a row's steps lead to in a sandbox at `root`, or the first step at which the model and the row disagree.
pub fn foreseen(row: &Row, root: &Path) -> Result<Vec<Foreseen>, String> {
    let (foreseen, _) = play(row, root)?;
    Ok(foreseen)
}

/// Everything in which the model and the row disagree.
pub fn check(row: &Row) -> Vec<String> {
    let wrong = match play(row, Path::new("/sb")) {
        Err(wrong) => vec![wrong],
        Ok((_, session)) => row.after.iter().filter_map(|text| session.finds(text)).collect(),
    };
    wrong.into_iter().map(|what| format!("{} (judge): {what}", row.name)).collect()
}

fn play(row: &Row, root: &Path) -> Result<(Vec<Foreseen>, Session), String> {
    let mut session = Session::new(row, root);
    let mut foreseen = Vec::new();
    for (n, step) in row.steps.iter().enumerate() {
        let told = |what: String| format!("step {}, {}: {what}", n + 1, step.text);
        if let Some(text) = step.of_person() {
            session.person(text);
            continue;
        }
        if matches!(step.expected, Expected::Bare(_)) {
            continue;
        }
        let got = session.step(&step.text).map_err(told)?;
        match (step.expected, got) {
            (Expected::Denied(expected), Some(got)) if !got.kept && expected == got.reason => {
                foreseen.push(got)
            }
            (Expected::Kept(expected), Some(got)) if got.kept && expected == got.reason => foreseen.push(got),
            (Expected::Refused, Some(got)) if !got.kept => foreseen.push(got),
            (Expected::Done, None) => {}
            (expected, got) => {
                let got = got.map_or("allowed".to_owned(), |got| got.reason.word().to_owned());
                return Err(told(format!("expected {expected:?}, got {got}")));
            }
        }
    }
    Ok((foreseen, session))
}
