//! The corpus against the real kernel: each row bare, then in a session, as root and as an ordinary user.
//!
//! `ES_GUARD_TEST_PACE=slow` deals out the rows that anybody may play: one of the two has the embedded helper, the
//! other the system's, every third row goes bare.
#![cfg(target_os = "linux")]

use e2e::guard::Stage;
use e2e::require::{Pace, pace};
use e2e::row::{Row, Who, corpus};
use e2e::{parallel, require, runner, sandbox};

/// Of the two that a row is dealt out to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hand {
    Embedded,
    Other,
    /// What a call comes to without anybody's guard is the same everywhere, or nearly.
    Bare,
}

/// Runs every row with `one`, of those that are dealt out those of this hand.
fn every_row(hand: Hand, one: impl Fn(&Row, Who) -> Vec<String> + Sync) {
    let everyone = sandbox::everyone();
    let mut rows = corpus();
    if !sandbox::is_root() {
        for row in rows.extract_if(.., |row| row.needs_root()) {
            require::skip("root", &format!("something in {:?} belongs to root", row.name));
        }
    }
    let mut runs = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        if pace() == Pace::Slow && hand == Hand::Bare && n % 3 != 0 {
            continue;
        }
        let players: Vec<Who> = everyone.iter().copied().filter(|who| row.runs_as(*who)).collect();
        match players[..] {
            [first, second] if pace() == Pace::Slow => {
                let first_is_embedded = n % 2 == 0;
                runs.push((row, if first_is_embedded == (hand == Hand::Embedded) { first } else { second }));
            }
            _ => runs.extend(players.into_iter().map(|who| (row, who))),
        }
    }
    parallel::every(&runs, |(row, who)| one(row, *who));
}

#[test]
fn bare_every_attack_succeeds() {
    let stage = Stage::new();
    every_row(Hand::Bare, |row, who| runner::bare(&stage, row, who));
}

#[test]
fn seccomp_guarded_every_row_holds() {
    if let Some(stage) = Stage::with_engine() {
        every_row(Hand::Embedded, |row, who| runner::guarded(&stage, row, who));
    }
}

#[test]
fn seccomp_through_the_system_helper_every_row_holds() {
    if let Some(stage) = Stage::with_system_helper().map(|stage| stage.asking("seccomp")) {
        every_row(Hand::Other, |row, who| runner::guarded(&stage, row, who));
    }
}

/// What a session of the system's helper is guarded by where the kernel can.
#[test]
fn bpf_lsm_below_seccomp_every_row_holds() {
    if let Some(stage) = Stage::with_bpf_lsm().map(|stage| stage.asking("auto")) {
        every_row(Hand::Other, |row, who| runner::guarded(&stage, row, who));
    }
}
