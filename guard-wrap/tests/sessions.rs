//! `sessions list` and `sessions show` on ledgers of every kind.

mod stage;

use helper_daemon::deeds::Deed;
use nix::fcntl::{Flock, FlockArg};
use stage::{Stage, counts, set_mode};

const OLD: &str = "20260101-000000-aaaa";
const NEW: &str = "20260102-030405-bbbb";

/// Two sessions that have ended.
fn stage() -> Stage {
    let stage = Stage::new();
    stage.write_ledger(OLD, &[], Some(counts(0)));
    let denials = [stage.denial("src/a.txt"), stage.moved("b", "/tmp/b"), stage.denial("x\u{1b}[2J")];
    stage.write_ledger(NEW, &denials, Some(counts(3)));
    stage
}

#[test]
fn whoever_answers_is_told_that_there_is_no_session() {
    let stage = Stage::new();
    let run = stage.run(&["approve", "--helper", "none"]);
    assert_eq!((run.status, run.out.as_str()), (1, ""));
    assert!(run.err.contains("there is none of yours. Look at: es-guard sessions list"), "{}", run.err);
    let run = stage.run(&["approve", "--helper", "none", "--session", "typo"]);
    assert_eq!((run.status, run.out.as_str()), (1, ""));
    assert!(run.err.contains("find the session \"typo\": there is no live one of that name"), "{}", run.err);
    let run = stage.run(&["approve", "--helper", "none", "--session", "last"]);
    assert!(run.status == 1 && run.err.contains("there is none of yours"), "{run:?}");
}

#[test]
fn list_shows_the_newest_first() {
    let run = stage().run(&["sessions", "list"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    assert_eq!(run.out, include_str!("golden/list.txt"));
}

#[test]
fn show_says_everything() {
    let stage = stage();
    let run = stage.run(&["sessions", "show"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    assert_eq!(stage.steady(&run.out), include_str!("golden/show.txt"));
    assert_eq!(stage.run(&["sessions", "show", "20260102"]).out, run.out);
    assert_eq!(stage.run(&["sessions", "show", NEW]).out, run.out);
    assert!(stage.run(&["sessions", "show", OLD]).out.contains("blocked  0 operations"));
}

#[test]
fn json_has_what_programs_need() {
    let stage = stage();
    let shown: serde_json::Value =
        serde_json::from_str(&stage.run(&["sessions", "show", "--json"]).out).unwrap();
    assert_eq!(
        (&shown["session"], &shown["engine"], &shown["state"]),
        (&NEW.into(), &"seccomp".into(), &"ended".into())
    );
    assert_eq!((&shown["status"], &shown["denied"], &shown["lost"]), (&0.into(), &3.into(), &0.into()));
    assert_eq!(shown["ledger"].as_str().unwrap(), stage.ledger_path(NEW).to_str().unwrap());
    let denial = &shown["denials"][1];
    for (key, value) in
        [("op", "rename"), ("dest", "/tmp/b"), ("reason", "moved-out"), ("time", "2026-01-02T03:04:05.678Z")]
    {
        assert_eq!(denial[key], value);
    }
    for key in ["path", "zone", "pid", "exe", "argv", "cwd"] {
        assert!(!denial[key].is_null(), "{key}");
    }
    let listed: serde_json::Value =
        serde_json::from_str(&stage.run(&["sessions", "list", "--json"]).out).unwrap();
    assert_eq!((listed[0]["session"].as_str(), listed[0]["blocked"].as_u64()), (Some(NEW), Some(3)));
    assert_eq!(listed[1]["session"], OLD);
}

/// A session that made, moved, saved and removed; of what it made, one is not there any more.
fn stage_of_own() -> Stage {
    let stage = Stage::new();
    let path = |name: &str| stage.project.join(name);
    let moved = |from: &str, to: &str, directory| Deed::Moved { path: path(from), dest: path(to), directory };
    let deeds = [
        Deed::Made(path("report.md")),
        Deed::Made(path("gone since")),
        Deed::Made(path("d")),
        Deed::Made(path("d/x\u{1b}[2J")),
        moved("d", "e", true),
        Deed::Removed(path("old-note")),
        Deed::Saved { path: path("a.tmp"), dest: path("a") },
        Deed::Moved { path: path("log"), dest: "/elsewhere/log".into(), directory: false },
    ];
    std::fs::create_dir(path("e")).unwrap();
    for name in ["report.md", "e/x\u{1b}[2J", "a"] {
        std::fs::write(path(name), "").unwrap();
    }
    let counts = helper_daemon::ledger::Counts { own_removed: 1536, ..counts(0) };
    stage.write_own(NEW, &deeds, counts);
    stage
}

#[test]
fn what_the_session_made_and_took_away_is_shown_when_asked() {
    let stage = stage_of_own();
    let run = stage.run(&["sessions", "show", "--own"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    assert_eq!(stage.steady(&run.out), include_str!("golden/own.txt"));
    assert!(!stage.run(&["sessions", "show"]).out.contains("report.md"));
    let followed = stage.run(&["sessions", "show", "--own", "--follow"]);
    assert!(followed.out.contains("03:04:06  moved    log → /elsewhere/log\n"), "{}", followed.out);
    assert!(!stage.run(&["sessions", "show", "--follow"]).out.contains("elsewhere"));
}

#[test]
fn what_the_session_made_and_took_away_as_json() {
    let stage = stage_of_own();
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&stage.run(&[&["sessions", "show", "--json"], args].concat()).out).unwrap()
    };
    assert!(json(&[])["own"].is_null());
    let own = &json(&["--own"])["own"];
    let text = |name: &str| stage.project.join(name).to_str().unwrap().to_owned();
    let there: Vec<_> = own["there"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    assert_eq!(there, [text("e"), text("e/x\u{1b}[2J"), text("report.md")]);
    assert_eq!(own["taken"][1], serde_json::json!({"did": "removed", "path": text("old-note")}));
    assert_eq!(own["taken"][2]["dest"], text("a"));
    assert_eq!((&own["short_lived"], &own["unlisted"]), (&1532.into(), &1.into()));
}

#[test]
fn a_session_that_made_nothing_says_so() {
    let run = stage().run(&["sessions", "show", "--own"]);
    assert!(run.out.ends_with("\nthe session made nothing of its own in its zones\n"), "{}", run.out);
}

#[test]
fn a_session_is_running_while_its_ledger_is_held() {
    let stage = stage();
    stage.write_ledger(NEW, &[stage.denial("a")], None);
    assert!(stage.run(&["sessions", "list"]).out.contains("interrupted"));
    let file = std::fs::File::open(stage.ledger_path(NEW)).unwrap();
    let held = Flock::lock(file, FlockArg::LockExclusive).unwrap();
    assert!(stage.run(&["sessions", "list"]).out.contains("running"));
    assert!(stage.run(&["sessions", "show"]).out.contains("(running)"));
    drop(held);
    assert!(stage.run(&["sessions", "show"]).out.contains("(interrupted)"));
}

#[test]
fn a_session_that_is_not_there() {
    let stage = Stage::new();
    let run = stage.run(&["sessions", "show"]);
    assert_eq!((run.status, run.out.as_str()), (1, ""));
    assert_eq!(
        run.err,
        "es-guard: failed to show a session: there are none yet. Begin one with: es-guard wrap -- CMD\n"
    );
    let list = stage.run(&["sessions", "list"]);
    assert_eq!((list.status, list.out.as_str()), (0, ""));
    assert_eq!(stage.run(&["sessions", "list", "--json"]).out, "[]\n");

    let stage = self::stage();
    let run = stage.run(&["sessions", "show", "2027"]);
    assert_eq!(run.status, 1);
    assert!(
        run.err.contains("\"2027\": there is no such session. List them with: es-guard sessions list"),
        "{}",
        run.err
    );
    let run = stage.run(&["sessions", "show", "2026"]);
    assert_eq!(run.status, 1);
    assert!(
        run.err.contains(&format!("several begin so: {OLD}, {NEW}. Type more of the name")),
        "{}",
        run.err
    );
    assert_eq!(stage.run(&["sessions", "show", "../../etc/passwd"]).status, 1);
}

#[test]
fn a_torn_ledger_is_shown_with_a_note() {
    let stage = stage();
    let bytes = std::fs::read(stage.ledger_path(NEW)).unwrap();
    std::fs::write(stage.ledger_path(NEW), &bytes[..bytes.len() - 20]).unwrap();
    let run = stage.run(&["sessions", "show"]);
    assert_eq!(run.status, 0);
    assert!(run.out.contains("(interrupted)") && run.out.contains("src/a.txt"), "{}", run.out);
    assert_eq!(run.err, "es-guard: ledger: line 5 is torn and was skipped\n");
}

#[test]
fn lost_records_and_refused_policies_are_told() {
    let stage = stage();
    let lost = helper_daemon::ledger::Counts { lost: 2, ..counts(3) };
    stage.write_ledger(NEW, &[stage.denial("a")], Some(lost));
    let line = format!(
        "{{\"type\":\"policy\",\"change\":\"refused\",\"detail\":\"line 1\",\"v\":1,\"ts\":0,\"time\":\"2026-01-02T03:05:00.000Z\",\"session\":\"{NEW}\",\"seq\":9}}\n"
    );
    let mut bytes = std::fs::read(stage.ledger_path(NEW)).unwrap();
    bytes.extend(line.into_bytes());
    std::fs::write(stage.ledger_path(NEW), bytes).unwrap();
    let run = stage.run(&["sessions", "show"]);
    assert!(run.out.contains("blocked  3 operations"), "{}", run.out);
    assert!(run.err.contains("2 records NOT WRITTEN"), "{}", run.err);
    assert!(
        run.err.contains("03:05:00: a change of policy was refused, the earlier one stayed: line 1"),
        "{}",
        run.err
    );
}

#[test]
fn an_empty_a_foreign_and_an_unreadable_ledger() {
    let stage = stage();
    let path = stage.ledger_path(NEW);
    std::fs::write(&path, "").unwrap();
    let run = stage.run(&["sessions", "show"]);
    assert_eq!((run.status, run.out.as_str()), (1, ""));
    assert!(
        run.err.contains("it is empty: the session did not begin") && run.err.contains("sessions list"),
        "{}",
        run.err
    );

    std::fs::write(&path, "hello\n\u{1b}[2J\n").unwrap();
    let run = stage.run(&["sessions", "show"]);
    assert_eq!(run.status, 1);
    assert!(run.err.contains("it is no ledger of es-guard (line 1 is no record"), "{}", run.err);

    std::fs::write(stage.state.join("sessions/notes.txt"), "").unwrap();
    let run = stage.run(&["sessions", "list"]);
    assert_eq!(run.status, 0);
    assert!(run.out.contains(OLD) && !run.out.contains(NEW), "{}", run.out);
    assert!(
        run.err.contains("left out: failed to read the ledger") && run.err.contains("notes.txt"),
        "{}",
        run.err
    );

    set_mode(&path, 0);
    let run = stage.run_unprivileged(&["sessions", "show"]);
    assert_eq!(run.status, 1);
    assert!(
        run.err.contains("Permission denied") && run.err.contains("Look at its permissions"),
        "{}",
        run.err
    );
    let run = stage.run_unprivileged(&["sessions", "list", "--json"]);
    assert!(run.status == 1 && run.err.contains("left out: failed to read the ledger"), "{run:?}");

    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(stage.run(&["sessions", "show"]).err.contains("it is no file"));
}

#[test]
fn of_two_sessions_of_one_second_the_last_is_the_one_that_began_last() {
    let stage = Stage::new();
    for id in ["20260102-030405-ffff", "20260102-030405-0000"] {
        stage.write_ledger(id, &[], Some(counts(0)));
        // File systems tell births apart by the clock's tick.
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    if std::fs::metadata(&stage.state).unwrap().created().is_err() {
        eprintln!("skipped: this file system keeps no time of birth");
        return;
    }
    assert!(stage.run(&["sessions", "show", "last"]).out.starts_with("session  20260102-030405-0000"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let stage = stage();
    let bin = env!("CARGO_BIN_EXE_es-guard");
    let run =
        stage.finish_command("sh", &["-c", &format!("{{ '{bin}' sessions show; echo $? >&2; }} | true")]);
    assert_eq!(run.err, "0\n");
}
