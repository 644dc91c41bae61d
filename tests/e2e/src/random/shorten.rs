//! Makes a script in which something is wrong as short as it goes.

use super::play::{Course, run};
use super::script::Script;
use crate::guard::Stage;

/// Leaves out whatever is not needed for something to be wrong. `None`: alone, in a session of its own, nothing
/// is wrong with the script.
pub fn shorten(stage: &Stage, course: Course, script: &Script) -> Option<(Script, Vec<String>)> {
    let wrong = |script: &Script| {
        let troubles = run(stage, course, std::slice::from_ref(script));
        troubles.into_iter().next().map(|trouble| trouble.findings)
    };
    let mut findings = wrong(script)?;
    let mut script = script.clone();
    let mut chunk = (script.steps.len() + script.setup.len()).next_power_of_two() / 2;
    while chunk > 0 {
        let mut at = 0;
        let mut shorter = false;
        while at < script.steps.len() + script.setup.len() {
            let candidate = without(&script, at, chunk);
            match (candidate != script).then(|| wrong(&candidate)).flatten() {
                Some(found) => {
                    (script, findings, shorter) = (candidate, found, true);
                }
                None => at += chunk,
            }
        }
        if !shorter || chunk > 1 {
            chunk /= 2;
        }
    }
    Some((script, findings))
}

/// Steps and then the preparation, counted as one; the script's own directories stay.
fn without(script: &Script, at: usize, count: usize) -> Script {
    let mut shorter = script.clone();
    let left_out = |n: usize| (at..at + count).contains(&n);
    let steps = script.steps.len();
    let mut n = 0;
    shorter.steps.retain(|_| {
        n += 1;
        !left_out(n - 1)
    });
    n = steps;
    shorter.setup.retain(|line| {
        n += 1;
        let is_needed = ["dir @zone", "dir @other", "dir @out"].contains(&line.as_str());
        is_needed || !left_out(n - 1)
    });
    shorter
}
