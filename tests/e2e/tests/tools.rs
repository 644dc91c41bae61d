//! Real programs, bare and then in a session, as root and as an ordinary user.
#![cfg(target_os = "linux")]

use e2e::guard::Stage;
use e2e::{parallel, require, sandbox, tool};

fn every_row(stage: &Stage) {
    let (rows, impossible): (Vec<_>, Vec<_>) =
        tool::row::all().into_iter().partition(|row| row.missing().is_empty());
    if !impossible.is_empty() {
        let mut missing: Vec<_> = impossible.iter().flat_map(|row| row.missing()).collect();
        missing.sort_unstable();
        missing.dedup();
        require::skip("tools", &format!("{} rows need {}", impossible.len(), missing.join(", ")));
    }
    let everyone = sandbox::everyone();
    let runs: Vec<_> = rows.iter().flat_map(|row| everyone.iter().map(move |who| (row, *who))).collect();
    parallel::every(&runs, |(row, who)| tool::runner::both(stage, row, *who));
}

#[test]
fn seccomp_real_tools_bare_and_guarded() {
    let stage = Stage::new();
    // Without an engine the bare half is still worth its time.
    stage.has_engine();
    every_row(&stage);
}

/// There every open for writing is performed by the helper.
#[test]
fn seccomp_through_the_system_helper_real_tools() {
    if let Some(stage) = Stage::with_system_helper() {
        every_row(&stage);
    }
}
