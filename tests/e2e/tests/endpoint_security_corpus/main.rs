//! The corpus through the Endpoint Security engine: every row reaches the verdicts and reasons that it reaches on Linux.
//!
//! The framework is simulated, the disk is this machine's: a step is resolved as a kernel resolves it, the engine is
//! asked, and what it allows is done. What a row can't be on macOS is named in `not_on_macos.toml`, with the reason.
#![cfg(target_os = "linux")]

mod calls;
mod player;
mod steps;
mod walk;

use e2e::row::{Row, Who, corpus};
use e2e::{parallel, require, sandbox};
use endpoint_sec::macos::simulated::System;
use player::Player;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Rows that are another thing on macOS, or none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotOnMacos {
    group: Vec<Group>,
}

/// Those for which there is one reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    why: String,
    rows: Vec<String>,
}

fn listed() -> BTreeMap<String, String> {
    let list: NotOnMacos = toml::from_str(include_str!("not_on_macos.toml")).expect("the list");
    let rows = list.group.into_iter().flat_map(|Group { why, rows }| {
        assert!(!why.is_empty(), "{rows:?}: no reason");
        rows.into_iter().map(move |row| (row, why.clone()))
    });
    let mut all = BTreeMap::new();
    for (row, why) in rows {
        assert!(all.insert(row.clone(), why).is_none(), "{row} is listed twice");
    }
    all
}

/// Plays all rows; what is wrong with each that is not as on Linux.
fn played(system: System) -> BTreeMap<String, Vec<String>> {
    let mut rows = corpus();
    let everyone = sandbox::everyone();
    if !sandbox::is_root() {
        for row in rows.extract_if(.., |row| row.needs_root()) {
            require::skip("root", &format!("something in {:?} belongs to root", row.name));
        }
    }
    let mut runs: Vec<(&Row, Who)> = Vec::new();
    for row in &rows {
        runs.extend(everyone.iter().filter(|who| row.runs_as(**who)).map(|who| (row, *who)));
    }
    let wrong = Mutex::new(BTreeMap::<String, Vec<String>>::new());
    parallel::every(&runs, |(row, who)| {
        let found = Player::plays(system, row, *who);
        if !found.is_empty() {
            wrong.lock().expect("nobody panics with it").entry(row.name.clone()).or_default().extend(found);
        }
        Vec::new()
    });
    wrong.into_inner().expect("nobody panics with it")
}

fn every_row_is_as_on_linux_but_those_of_the_list(system: System) {
    let (listed, wrong) = (listed(), played(system));
    let unlisted: Vec<String> = wrong
        .iter()
        .filter(|(row, _)| !listed.contains_key(*row))
        .flat_map(|(_, wrong)| wrong.clone())
        .collect();
    assert!(unlisted.is_empty(), "{} are wrong:\n{}", unlisted.len(), unlisted.join("\n"));
    if std::env::var_os("ES_GUARD_TEST_ROWS").is_some() {
        return;
    }
    let rows = corpus();
    // What needs root is known to be different only to whoever has it.
    let could_be_played = |name: &str| {
        rows.iter().find(|row| row.name == name).is_none_or(|row| {
            sandbox::everyone().into_iter().any(|who| row.runs_as(who))
                && (sandbox::is_root() || !row.needs_root())
        })
    };
    let stale: Vec<_> =
        listed.keys().filter(|row| !wrong.contains_key(*row) && could_be_played(row)).collect();
    assert!(stale.is_empty(), "these are as on Linux, or are no rows any more: {stale:#?}");
}

#[test]
fn of_the_whole_system_as_root() {
    every_row_is_as_on_linux_but_those_of_the_list(System::MACOS_26);
}

#[test]
fn of_its_own_descendants() {
    every_row_is_as_on_linux_but_those_of_the_list(System::MACOS_27);
}
