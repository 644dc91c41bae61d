//! The corpus in sessions that the kernel judges by itself: the same verdict and reason in every row, or the row is listed
//! in `cases/bpf_lsm/otherwise.toml` with why.
//!
//! Each row is played by one of the two who may play it, in turn: who plays makes no difference to what is looked up.
#![cfg(target_os = "linux")]

use e2e::guard::Stage;
use e2e::row::{Row, Who, corpus};
use e2e::{parallel, runner};
use helper_daemon::policy::OnDelete;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A row that comes to something else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Otherwise {
    name: String,
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    row: Vec<Otherwise>,
}

fn otherwise() -> BTreeMap<String, String> {
    let text = include_str!("../cases/bpf_lsm/otherwise.toml");
    let list: List = toml::from_str(text).expect("otherwise.toml");
    list.row.into_iter().map(|row| (row.name, row.why)).collect()
}

fn who(number: usize, row: &Row) -> Who {
    let both = [Who::User, Who::Root];
    let may: Vec<Who> = both.into_iter().filter(|who| row.runs_as(*who)).collect();
    may[number % may.len()]
}

#[test]
fn bpf_lsm_every_row_holds_or_is_listed_with_why() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    // What is to be kept is refused at the start: that has a test of its own.
    let rows: Vec<Row> = corpus().into_iter().filter(|row| row.on_delete == OnDelete::Deny).collect();
    let runs: Vec<_> = rows.iter().enumerate().map(|(number, row)| (row, who(number, row))).collect();
    let (listed, otherwise_now) = (otherwise(), Mutex::new(Vec::new()));
    parallel::every(&runs, |(row, who)| {
        let wrong = runner::guarded(&stage, row, *who);
        if wrong.is_empty() || !listed.contains_key(&row.name) {
            return wrong;
        }
        otherwise_now.lock().expect("the list").push(row.name.clone());
        Vec::new()
    });
    if std::env::var_os("ES_GUARD_TEST_ROWS").is_some() {
        return;
    }
    let found = otherwise_now.into_inner().expect("the list");
    let stale: Vec<_> = listed.keys().filter(|name| !found.contains(name)).collect();
    assert!(stale.is_empty(), "listed, and there is nothing to say of them: {stale:?}");
    assert!(listed.values().all(|why| why.len() > 20));
}
