//! `sessions restore`, `stash list` and `stash prune` as they are typed.
#![cfg(target_os = "linux")]

mod stage;

use helper_daemon::policy::judge::Reason;
use helper_daemon::policy::operation::Op;
use helper_daemon::stash::{How, Index, Kept, Meta, Note, data_name};
use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;
use stage::{Run, Stage, counts, set_mode};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const OLD: &str = "20260101-000000-aaaa";
const NEW: &str = "20260102-030405-bbbb";

fn folder(stage: &Stage, id: &str) -> PathBuf {
    stage.state.join("stash").join(id)
}

/// A session that has ended, and its empty stash.
fn begin(stage: &Stage, id: &str) {
    stage.write_ledger(id, &[], Some(counts(0)));
    fs::create_dir_all(folder(stage, id).join("data")).unwrap();
    File::create(folder(stage, id).join("index.jsonl")).unwrap();
}

/// Takes a file of the project, as a helper does.
fn take(stage: &Stage, id: &str, entry: u64, name: &str, content: &str) {
    let path = stage.project.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    let meta = Meta::of(&endpoint_sec::linux::handle::Handle::open(&path).unwrap()).unwrap();
    let (op, reason, how, pid) = (Op::Unlink, Reason::Removed, How::Moved, 7);
    let (zone, exe) = (stage.project.clone(), "/usr/bin/rm".into());
    let kept = Kept { entry, op, reason, path: path.clone(), zone, how, meta, pid, exe };
    let file = OpenOptions::new().append(true).open(folder(stage, id).join("index.jsonl")).unwrap();
    let now = "2026-01-02T03:04:06Z".parse().unwrap();
    Index::new(file).append(Note::Kept(Box::new(kept)), now).unwrap();
    fs::rename(path, folder(stage, id).join("data").join(data_name(entry))).unwrap();
}

fn stage() -> Stage {
    let stage = Stage::new();
    begin(&stage, OLD);
    begin(&stage, NEW);
    take(&stage, OLD, 0, "old.txt", "old");
    take(&stage, NEW, 0, "notes.txt", "first");
    take(&stage, NEW, 1, "src/main.rs", "fn main() {}\n");
    take(&stage, NEW, 2, "notes.txt", "second");
    stage
}

fn read(stage: &Stage, name: &str) -> String {
    fs::read_to_string(stage.project.join(name)).unwrap_or_default()
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

/// When a stash was last used.
fn aged(stage: &Stage, id: &str, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    File::options()
        .append(true)
        .open(folder(stage, id).join("index.jsonl"))
        .unwrap()
        .set_modified(then)
        .unwrap();
}

#[test]
fn what_there_is_is_listed() {
    let stage = stage();
    let run = stage.run(&["sessions", "restore", "--list"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    assert_eq!(stage.steady(&run.out), include_str!("golden/restore_list.txt"));
    let listed = json(&stage.run(&["sessions", "restore", "--list", "--json", "src"]));
    assert_eq!((&listed["session"], listed["entries"].as_array().unwrap().len()), (&NEW.into(), 1));
    let entry = &listed["entries"][0];
    assert_eq!((&entry["entry"], &entry["how"], &entry["size"]), (&1.into(), &"moved".into(), &13.into()));
    assert_eq!(entry["path"].as_str().map(Path::new), Some(stage.project.join("src/main.rs").as_path()));
    assert!(!stage.project.join("notes.txt").exists());
}

#[test]
fn the_last_session_that_keeps_something_is_put_back_and_the_older_versions_are_told() {
    let stage = stage();
    let dry = stage.run(&["sessions", "restore", "--dry-run"]);
    assert!(dry.out.contains("2 entries would be put back"), "{dry:?}");
    assert!(!stage.project.join("notes.txt").exists());
    let run = stage.run(&["sessions", "restore"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(stage.steady(&run.out), include_str!("golden/restore.txt"));
    assert_eq!(
        run.err,
        format!(
            "es-guard: 1 entry of the same paths, but older, in the stash: 0. One of them: es-guard sessions restore {NEW} --entry N\n"
        )
    );
    assert_eq!(
        (read(&stage, "notes.txt"), read(&stage, "src/main.rs")),
        ("second".into(), "fn main() {}\n".into())
    );
    let run = stage.run(&["sessions", "restore", "--entry", "0"]);
    assert_eq!(run.status, 1);
    assert!(
        run.err.contains("left alone: something is there now; --force replaces it and keeps it"),
        "{run:?}"
    );
    let run = stage.run(&["sessions", "restore", NEW, "--entry", "0", "--force", "--json"]);
    let report = json(&run);
    assert_eq!(
        (&report["back"], &report["left"], &report["entries"][0]["aside"]),
        (&1.into(), &0.into(), &3.into())
    );
    assert_eq!(read(&stage, "notes.txt"), "first");
    // All of it is back, and an earlier session's is not touched.
    let run = stage.run(&["sessions", "restore"]);
    assert_eq!((run.status, run.out.as_str()), (0, ""));
    assert!(
        run.err
            .contains(&format!("nothing is left to put back of session {NEW}. Others: es-guard stash list"))
    );
    let listed = stage.run(&["sessions", "restore", "--list"]).out;
    assert!(listed.contains("set-aside") && listed.trim_end().ends_with(" --entry N"), "{listed}");
    let run = stage.run(&["sessions", "restore", "2026010", "old.txt"]);
    assert!(run.err.contains(&format!("several begin so: {OLD}, {NEW}")), "{run:?}");
    assert_eq!(stage.run(&["sessions", "restore", "20260101", "old.txt"]).status, 0);
    assert_eq!(read(&stage, "old.txt"), "old");
}

#[test]
fn what_can_t_be_found_is_said_with_what_to_do() {
    let stage = stage();
    for (args, said) in [
        (&["none.txt"][..], "keeps nothing of that path. See what it does: es-guard sessions restore"),
        (&["--entry", "77"], "keeps no such entry"),
        (&["20270101-000000-aaaa"], "none of that name keeps anything. List them with: es-guard stash list"),
        (&["--to", "/dev/null/x"], "Name a directory that can be made and written"),
    ] {
        let args: Vec<&str> = ["sessions", "restore"].iter().chain(args).copied().collect();
        let run = stage.run(&args);
        assert_eq!((run.status, run.out.as_str()), (1, ""), "{run:?}");
        assert!(run.err.contains(said), "{run:?}");
    }
    let run = Stage::new().run(&["sessions", "restore"]);
    assert!(run.err.contains("no session keeps anything"), "{run:?}");
}

#[test]
fn one_restore_at_a_time() {
    let stage = stage();
    let folder = File::open(folder(&stage, NEW)).unwrap();
    let _held = Flock::lock(folder, FlockArg::LockExclusive).unwrap();
    let run = stage.run(&["sessions", "restore"]);
    assert_eq!((run.status, run.err.contains("es-guard is at it already")), (1, true), "{run:?}");
    assert_eq!(stage.run(&["sessions", "restore", "--list"]).status, 0);
}

#[test]
fn in_a_session_that_runs_things_come_back_and_none_is_set_aside() {
    let stage = stage();
    stage.write_ledger(NEW, &[], None);
    let _held = Flock::lock(File::open(stage.ledger_path(NEW)).unwrap(), FlockArg::LockExclusive).unwrap();
    fs::write(stage.project.join("notes.txt"), "newer").unwrap();
    let run = stage.run(&["sessions", "restore", "--force"]);
    assert_eq!((run.status, run.err.contains("the session still runs")), (1, true), "{run:?}");
    assert_eq!(
        (read(&stage, "notes.txt"), read(&stage, "src/main.rs")),
        ("newer".into(), "fn main() {}\n".into())
    );
}

#[test]
fn a_session_has_ended_when_its_ledger_says_so_though_the_helper_has_not_let_go_of_it_yet() {
    let stage = stage();
    let _held = Flock::lock(File::open(stage.ledger_path(NEW)).unwrap(), FlockArg::LockExclusive).unwrap();
    fs::write(stage.project.join("src/main.rs"), "newer").unwrap();
    let run = stage.run(&["sessions", "restore", "--force", "src"]);
    assert_eq!((run.status, read(&stage, "src/main.rs")), (0, "fn main() {}\n".into()), "{run:?}");
}

#[test]
fn a_torn_last_line_spoils_nothing() {
    let stage = stage();
    let index = folder(&stage, NEW).join("index.jsonl");
    let mut bytes = fs::read(&index).unwrap();
    bytes.extend(b"{\"type\":\"kept\",\"ent");
    fs::write(&index, bytes).unwrap();
    let run = stage.run(&["sessions", "restore"]);
    assert_eq!((run.status, run.err.contains("line 4 can't be read and was skipped")), (0, true), "{run:?}");
    let run = stage.run(&["sessions", "restore", "--list"]);
    assert!(run.out.contains("1 entry of session"), "{run:?}");
}

#[test]
fn stashes_are_listed_and_the_oldest_go() {
    let stage = stage();
    aged(&stage, OLD, 40);
    let run = stage.run(&["stash", "list"]);
    let lines: Vec<&str> = run.out.lines().collect();
    assert!(lines[1].starts_with(NEW) && lines[2].starts_with(OLD), "{run:?}");
    assert!(lines[2].contains("ended") && lines[2].contains("40 days ago"), "{run:?}");
    let listed = json(&stage.run(&["stash", "list", "--json"]));
    assert_eq!((&listed[0]["entries"], &listed[1]["live"]), (&3.into(), &false.into()));
    assert!(listed[0]["bytes"].as_u64() > Some(0));

    let dry = stage.run(&["stash", "prune", "--dry-run"]);
    assert!(dry.out.contains(&format!("would go  {OLD}")) && !dry.out.contains(NEW), "{dry:?}");
    assert!(folder(&stage, OLD).exists());
    assert_eq!(stage.run(&["stash", "prune"]).status, 0);
    assert!(!folder(&stage, OLD).exists() && folder(&stage, NEW).exists());

    stage.write_ledger(NEW, &[], None);
    let held = Flock::lock(File::open(stage.ledger_path(NEW)).unwrap(), FlockArg::LockExclusive).unwrap();
    stage.run(&["stash", "prune", "--keep-size", "0", "--older-than", "0s"]);
    assert!(folder(&stage, NEW).exists(), "a live session's stash went");
    drop(held);
    let gone = json(&stage.run(&["stash", "prune", "--keep-size", "0", "--json"]));
    assert_eq!((&gone["gone"][0]["session"], &gone["kept_bytes"]), (&NEW.into(), &0.into()));
    assert_eq!(fs::read_dir(stage.state.join("stash")).unwrap().count(), 0);
    assert!(stage.run(&["stash", "list"]).err.contains("no session keeps anything"));
}

#[test]
fn what_can_t_be_written_goes_too_and_so_does_what_was_left_halfway() {
    let stage = stage();
    let tree = folder(&stage, OLD).join("data/7/closed/deep");
    fs::create_dir_all(&tree).unwrap();
    fs::write(tree.join("f"), "x").unwrap();
    for (dir, mode) in [(tree.as_path(), 0o500), (tree.parent().unwrap(), 0)] {
        set_mode(dir, mode);
    }
    fs::rename(folder(&stage, OLD), folder(&stage, &format!("{OLD}.going"))).unwrap();
    let run = stage.run(&["stash", "prune"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(fs::read_dir(stage.state.join("stash")).unwrap().count(), 1);
}

#[test]
fn a_session_that_is_about_to_begin_keeps_its_folder() {
    let stage = Stage::new();
    fs::create_dir_all(folder(&stage, NEW).join("data")).unwrap();
    stage.run(&["stash", "prune", "--keep-size", "0", "--older-than", "0s"]);
    assert!(folder(&stage, NEW).exists());
}
