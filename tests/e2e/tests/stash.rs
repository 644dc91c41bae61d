//! What a zone with a stash lets through is kept: the very object where it can be moved, else a copy like it.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Stage, eventually, kept, run};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone, is_root};
use helper_daemon::policy::judge::Reason;
use helper_daemon::stash::{self, Contents, How};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::BufReader;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A sandbox with a zone, by each helper and each user.
fn every_session(one: impl Fn(&Stage, Sandbox)) {
    for stage in &Stage::of_every_helper() {
        for who in everyone() {
            let sandbox = Sandbox::new(who);
            fs::create_dir(sandbox.root().join("zone")).expect("a zone");
            one(stage, sandbox);
        }
    }
}

fn mode(sandbox: &Sandbox) -> Mode {
    let policy = sandbox.beside("policy.json");
    let zone = serde_json::json!({"path": sandbox.root().join("zone"), "on_delete": "stash"});
    fs::write(&policy, serde_json::json!({"protected_zones": [zone]}).to_string()).expect("a policy");
    Mode::Guarded { zones: Vec::new(), policy: Some(policy) }
}

fn shell(stage: &Stage, sandbox: &Sandbox, line: &str) -> Command {
    let mut command = stage.command(sandbox, &mode(sandbox), "sh".as_ref());
    command.args(["-c", line]);
    command
}

/// The stash of the sandbox's one session: its folder, and what its index says. One that nothing was put into
/// goes when its session ends.
fn stashed(sandbox: &Sandbox) -> (PathBuf, Contents) {
    let stashes = sandbox.state().join(stash::FOLDER);
    let mut found = fs::read_dir(&stashes).expect("stashes").flatten().map(|entry| entry.path());
    let Some(folder) = found.next() else { return (stashes.join("none"), Contents::default()) };
    let index = File::open(folder.join(stash::INDEX)).expect("an index");
    let contents = stash::read(BufReader::new(index)).expect("an index");
    assert!(contents.notes.is_empty(), "{:?}", contents.notes);
    (folder.join(stash::DATA), contents)
}

/// What `data` has of the thing that was at `path`.
fn data_of(sandbox: &Sandbox, path: &Path) -> (PathBuf, How) {
    let (data, contents) = stashed(sandbox);
    let mut found = contents.left().filter(|(_, kept)| kept.path == path);
    let (_, kept) = found.next_back().unwrap_or_else(|| panic!("{} in {contents:?}", path.display()));
    (data.join(stash::data_name(kept.entry)), kept.how)
}

#[test]
fn seccomp_the_very_thing_is_kept_whatever_it_is() {
    every_session(|stage, sandbox| {
        let zone = sandbox.root().join("zone");
        fs::write(zone.join("file"), "content").expect("a file");
        symlink("nowhere", zone.join("symlink")).expect("a symlink");
        let sparse = File::create(zone.join("huge")).expect("a file");
        sparse.set_len(1 << 36).expect("a hole");
        nix::unistd::mkfifo(&zone.join("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
        std::os::unix::net::UnixListener::bind(zone.join("socket")).expect("a socket");
        fs::write(zone.join("linked"), "one").expect("a file");
        fs::hard_link(zone.join("linked"), zone.join("other")).expect("a link");
        sandbox.hand_over();
        let names = ["file", "symlink", "huge", "fifo", "socket", "linked"];
        let before = names.map(|name| fs::symlink_metadata(zone.join(name)).expect("what is there"));
        let outcome =
            run(&sandbox, shell(stage, &sandbox, "cd zone && rm file symlink huge fifo socket linked"));
        assert!(outcome.status.success() && outcome.denials.is_empty(), "{outcome:?}");
        assert_eq!(kept(&sandbox).len(), names.len());
        for (name, before) in names.iter().zip(before) {
            let (data, how) = data_of(&sandbox, &zone.join(name));
            let now = fs::symlink_metadata(&data).expect("what is kept");
            assert_eq!((how, now.ino(), now.len()), (How::Moved, before.ino(), before.len()), "{name}");
            assert_eq!(
                (now.mode(), now.uid(), now.mtime_nsec()),
                (before.mode(), before.uid(), before.mtime_nsec())
            );
            assert!(!zone.join(name).exists(), "{name}");
        }
        assert!(
            fs::symlink_metadata(data_of(&sandbox, &zone.join("fifo")).0)
                .is_ok_and(|m| m.file_type().is_fifo())
        );
        assert_eq!(fs::read(zone.join("other")).expect("the other name"), b"one");
    });
}

#[test]
fn seccomp_a_tree_goes_file_by_file_and_its_directories_are_described() {
    every_session(|stage, sandbox| {
        let zone = sandbox.root().join("zone");
        fs::create_dir_all(zone.join("d/e/f")).expect("directories");
        fs::write(zone.join("d/e/one"), "1").expect("a file");
        fs::write(zone.join("d/two"), "2").expect("a file");
        sandbox.hand_over();
        let outcome = run(&sandbox, shell(stage, &sandbox, "rm -r zone/d && ! test -e zone/d"));
        assert!(outcome.status.success(), "{outcome:?}");
        assert_eq!(fs::read(data_of(&sandbox, &zone.join("d/e/one")).0).expect("content"), b"1");
        for directory in ["d", "d/e", "d/e/f"] {
            assert_eq!(data_of(&sandbox, &zone.join(directory)).1, How::Described);
        }
    });
}

#[test]
fn seccomp_what_is_open_stays_open() {
    every_session(|stage, sandbox| {
        fs::write(sandbox.root().join("zone/a"), "old\n").expect("a file");
        sandbox.hand_over();
        let line = "exec 3< zone/a 4>> zone/a; rm zone/a; echo more >&4; cat <&3";
        let outcome = run(&sandbox, shell(stage, &sandbox, line));
        assert_eq!(outcome.stdout, "old\nmore\n", "{outcome:?}");
        let (data, _) = data_of(&sandbox, &sandbox.root().join("zone/a"));
        assert_eq!(fs::read(data).expect("content"), b"old\nmore\n");
    });
}

/// What is kept is as far out of reach as everything else that es-guard keeps.
#[test]
fn seccomp_the_stash_is_out_of_reach_of_the_tree() {
    every_session(|stage, sandbox| {
        let zone = sandbox.root().join("zone");
        fs::write(zone.join("a"), "old").expect("a file");
        sandbox.hand_over();
        let mut agent = Agent::start(stage.command(&sandbox, &mode(&sandbox), "sh".as_ref()));
        assert_eq!(agent.does("exec 3< zone/a; rm zone/a"), 0);
        let (data, _) = data_of(&sandbox, &zone.join("a"));
        let (at, folder) = (data.display(), data.parent().expect("a folder").display());
        for attack in [
            format!("rm -f {at}"),
            format!("echo forged > {at}"),
            format!("truncate -s 0 {at}"),
            format!("mv {at} taken"),
            format!("ln {at} taken"),
            format!("mv zone {folder}/7"),
            format!("touch {folder}/7"),
            format!("rm -rf {folder}"),
            format!("mv {folder} {folder}.old"),
            format!("echo forged >> {folder}/../index.jsonl"),
            "echo forged > /proc/self/fd/3".to_owned(),
            "python3 -c 'import os; os.open(\"/proc/self/fd/3\", os.O_WRONLY | os.O_TRUNC)'".to_owned(),
        ] {
            assert_ne!(agent.does(&attack), 0, "{attack}");
            assert_eq!(fs::read(&data).expect("what is kept"), b"old", "{attack}");
        }
        assert!(agent.ends().0.success());
    });
}

/// A tmpfs that is gone with the value.
struct Small(PathBuf);

impl Small {
    fn mounted(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size},mode=777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(at).output();
        if !mounted.as_ref().is_ok_and(|output| output.status.success()) {
            require::skip("root", &format!("to mount: {mounted:?}"));
            return None;
        }
        Some(Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn seccomp_from_another_file_system_a_copy_is_kept() {
    if !is_root() {
        return require::skip("root", "to mount a file system");
    }
    every_session(|stage, sandbox| {
        let zone = sandbox.root().join("zone");
        let Some(_mount) = Small::mounted(&zone, "4M") else { return };
        fs::write(zone.join("a"), "old").expect("a file");
        let sparse = File::create(zone.join("huge")).expect("a file");
        sparse.set_len(1 << 32).expect("a hole");
        sandbox.hand_over();
        let before = fs::metadata(zone.join("a")).expect("what is there");
        let outcome = run(&sandbox, shell(stage, &sandbox, "rm zone/a zone/huge"));
        assert!(outcome.status.success() && outcome.denials.is_empty(), "{outcome:?}");
        let (data, how) = data_of(&sandbox, &zone.join("a"));
        let now = fs::metadata(&data).expect("what is kept");
        assert_eq!((how, fs::read(&data).expect("content").as_slice()), (How::Copied, b"old".as_slice()));
        assert_eq!(
            (now.mode(), now.uid(), now.mtime(), now.mtime_nsec()),
            (before.mode(), before.uid(), before.mtime(), before.mtime_nsec())
        );
        let (huge, _) = data_of(&sandbox, &zone.join("huge"));
        assert!(fs::metadata(huge).is_ok_and(|found| found.len() == 1 << 32 && found.blocks() < 1000));
    });
}

#[test]
fn seccomp_without_room_in_the_stash_the_removal_is_refused() {
    if !is_root() {
        return require::skip("root", "to mount a file system");
    }
    every_session(|stage, sandbox| {
        let zone = sandbox.root().join("zone");
        let Some(_mount) = Small::mounted(&sandbox.state(), "256k") else { return };
        fs::write(zone.join("small"), "old").expect("a file");
        fs::write(zone.join("large"), vec![b'x'; 1 << 20]).expect("a file");
        sandbox.hand_over();
        let line = "rm zone/small && ! rm zone/large && ! mv -f zone/large out && test -s zone/large && ! test -e out";
        let outcome = run(&sandbox, shell(stage, &sandbox, line));
        assert!(outcome.status.success(), "{outcome:?}");
        let reasons: Vec<_> = outcome.denials.iter().map(|denial| denial.reason).collect();
        assert_eq!(reasons, [Reason::StashFull, Reason::StashFull]);
        let left: Vec<_> = stashed(&sandbox).1.left().map(|(_, kept)| kept.path.clone()).collect();
        assert_eq!(left, [zone.join("small")]);
        assert_eq!(fs::metadata(zone.join("large")).expect("it is there").len(), 1 << 20);
    });
}

/// A tree that confined itself is acted for by nobody, so nothing can be kept for it.
#[test]
fn seccomp_for_a_tree_that_confines_itself_nothing_is_let_through() {
    let Some(stage) = Stage::with_engine() else { return };
    for who in everyone() {
        let sandbox = Sandbox::new(who);
        fs::create_dir(sandbox.root().join("zone")).expect("a zone");
        fs::write(sandbox.root().join("zone/a"), "old").expect("a file");
        sandbox.hand_over();
        let outcome = run(&sandbox, shell(&stage, &sandbox, "$STAGE/confined . /bin/rm -f zone/a"));
        if outcome.status.code() == Some(77) {
            return require::skip("landlock", "the kernel has none");
        }
        assert!(!outcome.status.success(), "{outcome:?}");
        assert_eq!(outcome.denials.iter().map(|denial| denial.reason).collect::<Vec<_>>(), [Reason::NotKept]);
        assert_eq!(fs::read(sandbox.root().join("zone/a")).expect("it is there"), b"old");
    }
}

/// Whatever moment the helper dies at, a thing is where it was, or kept with a line that says where it belongs.
#[test]
fn seccomp_a_helper_that_is_killed_loses_nothing() {
    let Some(stage) = Stage::with_engine() else { return };
    for round in 0..12_u64 {
        let sandbox = Sandbox::new(if round % 2 == 0 && is_root() { Who::Root } else { Who::User });
        let zone = sandbox.root().join("zone");
        fs::create_dir(&zone).expect("a zone");
        for n in 0..400 {
            fs::write(zone.join(format!("f{n}")), format!("content {n}")).expect("a file");
        }
        sandbox.hand_over();
        let mut agent = Agent::start(stage.command(&sandbox, &mode(&sandbox), "sh".as_ref()));
        let helper: i32 = agent.says("echo $PPID").parse().expect("a number");
        // Half of them by replacing.
        agent.is_told("(cd zone; n=0; while [ $n -lt 200 ]; do mv -f f$n f$((n + 200)); n=$((n + 1)); done; rm f*) 2> errors; echo done");
        let some = round * 12;
        eventually("some are gone", || {
            stashed(&sandbox).1.kept.len() as u64 >= some || !zone.join("f399").exists()
        });
        kill(Pid::from_raw(helper), Signal::SIGKILL).expect("a helper");
        agent.ends();
        let (data, contents) = stashed(&sandbox);
        let mut found: Vec<String> = Vec::new();
        for (_, kept) in contents.left() {
            found.extend(fs::read_to_string(data.join(stash::data_name(kept.entry))));
        }
        let entries = fs::read_dir(&data).map_or(0, Iterator::count);
        assert_eq!(found.len(), entries, "a thing is kept that no line tells of");
        found.extend(
            fs::read_dir(&zone)
                .expect("the zone")
                .flatten()
                .filter_map(|f| fs::read_to_string(f.path()).ok()),
        );
        found.sort();
        let mut all: Vec<String> = (0..400).map(|n| format!("content {n}")).collect();
        all.sort();
        assert_eq!(found, all, "round {round}");
    }
}
