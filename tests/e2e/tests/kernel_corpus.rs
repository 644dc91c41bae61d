//! The corpus against the real kernel: each row bare, then in a session, as root and as an ordinary user.
#![cfg(target_os = "linux")]

use e2e::guard::Stage;
use e2e::row::{Row, Who, corpus};
use e2e::{parallel, require, runner, sandbox};

/// Runs every row with `one`.
fn every_row(one: impl Fn(&Row, Who) -> Vec<String> + Sync) {
    let everyone = sandbox::everyone();
    let mut rows = corpus();
    if !sandbox::is_root() {
        for row in rows.extract_if(.., |row| row.needs_root()) {
            require::skip("root", &format!("something in {:?} belongs to root", row.name));
        }
    }
    let runs: Vec<_> = rows
        .iter()
        .flat_map(|row| everyone.iter().filter(|who| row.runs_as(**who)).map(move |who| (row, *who)))
        .collect();
    parallel::every(&runs, |(row, who)| one(row, *who));
}

#[test]
fn bare_every_attack_succeeds() {
    let stage = Stage::new();
    every_row(|row, who| runner::bare(&stage, row, who));
}

#[test]
fn seccomp_guarded_every_row_holds() {
    if let Some(stage) = Stage::with_engine() {
        every_row(|row, who| runner::guarded(&stage, row, who));
    }
}

#[test]
fn seccomp_through_the_system_helper_every_row_holds() {
    if let Some(stage) = Stage::with_system_helper() {
        every_row(|row, who| runner::guarded(&stage, row, who));
    }
}
