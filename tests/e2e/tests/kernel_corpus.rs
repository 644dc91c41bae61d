//! The corpus against the real kernel: each row bare, then in a session, as root and as an ordinary user.

use e2e::guard::Stage;
use e2e::row::{Row, Who, corpus};
use e2e::{require, runner, sandbox};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs every row with `one`, a few at a time.
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
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((row, who)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = one(row, *who);
                    wrong.lock().expect("the list").extend(found);
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("the list");
    wrong.sort();
    assert!(wrong.is_empty(), "{} findings in {} runs:\n{}", wrong.len(), runs.len(), wrong.join("\n"));
}

#[test]
fn bare_every_attack_succeeds() {
    let stage = Stage::new();
    every_row(|row, who| runner::bare(&stage, row, who));
}

#[test]
fn seccomp_guarded_every_row_holds() {
    let stage = Stage::new();
    if stage.has_engine() {
        every_row(|row, who| runner::guarded(&stage, row, who));
    }
}
