//! The system's helper under load: many sessions of many users at once. What it records, what it costs in memory,
//! and that no session lives at another's expense. `ES_GUARD_TEST_PACE=slow` does less.
#![cfg(target_os = "linux")]

use e2e::crowd::{Crowd, Member};
use e2e::guard::{Stage, eventually, ledgers, read};
use e2e::require::{Pace, pace};
use e2e::sandbox::Sandbox;
use e2e::system::private_memory;
use helper_daemon::ledger::{Contents, Record};

const USERS: u32 = 8;

/// How many sessions at once, and how many operations each.
fn load() -> (u32, usize) {
    match pace() {
        Pace::Slow => (16, 100),
        Pace::Normal | Pace::Long => (64, 2_000),
    }
}

/// The only ledger there, once its session has ended.
fn ledger(sandbox: &Sandbox) -> Contents {
    let found = ledgers(sandbox);
    let [path] = found.as_slice() else { panic!("{found:?}") };
    eventually("the session's end", || read(path).end().is_some());
    read(path)
}

/// How many lines the file for simple consumers has.
fn denials_file(sandbox: &Sandbox) -> usize {
    std::fs::read_to_string(sandbox.state().join("denials.jsonl")).expect("a file").lines().count()
}

/// Every denial once, in order, with nothing lost: the names carry numbers.
fn is_complete(sandbox: &Sandbox, operations: usize) {
    let contents = ledger(sandbox);
    assert!(contents.notes.is_empty(), "{:?}", contents.notes);
    for (n, line) in contents.lines.iter().enumerate() {
        assert_eq!(line.seq, n as u64);
    }
    let is_frame = |record: &Record| matches!(record, Record::SessionStart(_) | Record::SessionEnd(_));
    let [first, .., last] = contents.lines.as_slice() else { panic!("{contents:?}") };
    assert!(is_frame(&first.record) && is_frame(&last.record));
    let zone = sandbox.root().join("zone");
    let expected: Vec<_> = (0..operations).step_by(2).map(|n| zone.join(format!("old-{n}"))).collect();
    let found: Vec<_> = contents.denials().map(|(_, denial)| denial.path).collect();
    assert!(found == expected, "{} denials of {}", found.len(), expected.len());
    assert_eq!(denials_file(sandbox), expected.len());
    let (_, end) = contents.end().expect("an end");
    let counts = (end.status, end.counts.denied, end.counts.own_removed, end.counts.lost);
    assert_eq!(counts, (Some(0), expected.len() as u64, (operations / 2) as u64, 0));
    assert_eq!(std::fs::read_dir(&zone).expect("the zone").count(), expected.len());
}

#[test]
fn seccomp_many_sessions_at_once_lose_nothing_and_stay_small() {
    let Some(mut stage) = Stage::with_system_helper() else { return };
    let (sessions, operations) = load();
    let mut crowd = Crowd::gather(sessions, |n| Member::at_work(&stage, n % USERS, operations));
    crowd.works();
    let helper = stage.system_helper().expect("a helper");
    if helper.is_own() {
        let each = private_memory(helper.pid()) / u64::from(sessions);
        assert!(each <= 1 << 20, "{each} bytes a session");
    }
    for sandbox in crowd.ends() {
        is_complete(&sandbox, operations);
    }
}

/// Another user's, and another one of the same user.
#[test]
fn seccomp_the_flood_of_one_session_starves_no_other() {
    let Some(stage) = Stage::with_system_helper() else { return };
    let mut flood = Member::flooding(&stage, 0, 8);
    flood.says("ready");
    flood.go();
    let path = ledgers(&flood.sandbox).pop().expect("a ledger");
    let length = || std::fs::metadata(&path).expect("a ledger").len();
    for user in [0, 1] {
        let mut other = Member::at_work(&stage, user, 200);
        other.says("ready");
        let before = length();
        eventually("the flood goes on", || length() > before);
        other.go();
        other.says("done");
        is_complete(&other.ends(), 200);
    }
    let before = length();
    eventually("the flood goes on", || length() > before);
    flood.go();
    let [denied, _] = flood.says("done");
    let contents = ledger(&flood.ends());
    let (_, end) = contents.end().expect("an end");
    assert_eq!((end.counts.denied, end.counts.lost), (denied, 0));
    assert_eq!(contents.denials().count() as u64, denied);
}
