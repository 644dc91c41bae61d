//! `es-guard sessions restore`: what a session kept comes back, byte by byte and with all that was said of it;
//! killed at any moment, on a full disk, and asked for by the tree itself.
#![cfg(target_os = "linux")]

use e2e::guard::{Mode, Stage, run};
use e2e::kept::{Portrait, Stash, portrait};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::{Sandbox, USER, everyone, is_root};
use helper_daemon::stash::{How, Kind};
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{Mode as Bits, SFlag, UtimensatFlags, mknodat, utimensat};
use nix::sys::time::TimeSpec;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// Something of every kind, of the one who runs.
fn fill(dir: &Path, who: Who) {
    let odd = dir.join(OsStr::from_bytes(b"odd \xff\n\x1b[2J"));
    fs::create_dir_all(dir.join("deep/er")).expect("directories");
    fs::create_dir(&odd).expect("a directory");
    for (name, content) in [("deep/er/f", "content"), ("deep/closed", "closed"), ("run", "#!/bin/sh\n")] {
        fs::write(dir.join(name), content).expect("a file");
    }
    fs::write(odd.join("file"), "odd").expect("a file");
    fs::hard_link(odd.join("file"), dir.join("linked")).expect("a hard link");
    let sparse = File::create(dir.join("sparse")).expect("a file");
    sparse.set_len(16 << 20).expect("a hole");
    sparse.write_all_at(b"in the middle", 7 << 20).expect("content");
    symlink("/nowhere", dir.join("link")).expect("a symlink");
    mknodat(AT_FDCWD, &dir.join("fifo"), SFlag::S_IFIFO, Bits::from_bits_truncate(0o640), 0).expect("a fifo");
    for name in ["deep/closed", "deep/er"] {
        if let Err(error) = xattr::set(dir.join(name), "user.note", b"\x00\xff") {
            eprintln!("left out: extended attributes: {error}");
        }
    }
    if is_root() && who == Who::User {
        let owner = format!("{USER}:{USER}");
        let status = Command::new("chown").args(["-hR", &owner]).arg(dir).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
    for (name, mode) in [("deep/closed", 0o440), ("run", 0o6755), ("deep/er", 0o2710), ("deep", 0o1777)] {
        fs::set_permissions(dir.join(name), Permissions::from_mode(mode)).expect("a mode");
    }
    for (n, below) in portrait(dir).into_keys().enumerate().skip(1) {
        let time = TimeSpec::new(1_600_000_000 + n as i64, 123_456_789);
        utimensat(AT_FDCWD, &dir.join(below), &time, &time, UtimensatFlags::NoFollowSymlink).expect("times");
    }
}

fn restore(stage: &Stage, sandbox: &Sandbox, args: &[&str]) -> (Option<i32>, String, String) {
    let args: Vec<&str> = ["sessions", "restore"].iter().chain(args).copied().collect();
    let outcome = run(sandbox, stage.guard(sandbox, &args));
    (outcome.status.code(), outcome.stdout, outcome.stderr)
}

/// A zone beside the state, or on another file system.
fn zone(sandbox: &Sandbox, elsewhere: Option<&tempfile::TempDir>) -> PathBuf {
    let zone = elsewhere.map_or(sandbox.root(), |dir| dir.path().to_owned()).join("zone");
    fs::create_dir(&zone).expect("a zone");
    zone
}

fn other_disk() -> tempfile::TempDir {
    let dir = tempfile::tempdir_in("/dev/shm").expect("another file system");
    fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).expect("everybody's");
    dir
}

#[test]
fn everything_comes_back_to_the_byte_and_the_nanosecond() {
    let stage = Stage::new();
    for who in everyone() {
        for elsewhere in [None, Some(other_disk())] {
            let sandbox = Sandbox::new(who);
            let zone = zone(&sandbox, elsewhere.as_ref());
            fill(&zone, who);
            sandbox.hand_over();
            for (name, mode) in [("run", 0o6755), ("deep/er", 0o2710)] {
                fs::set_permissions(zone.join(name), Permissions::from_mode(mode)).expect("a mode");
            }
            let before = portrait(&zone);
            assert!(before.values().any(|thing| thing.sparse));
            let mut stash = Stash::new(&sandbox, zone.clone());
            match elsewhere {
                // A hard link is another name of one thing as long as it is moved.
                None => stash.take_all(&zone, How::Moved),
                Some(_) => {
                    let meta =
                        helper_daemon::stash::Meta::of(&e2e::kept::handle(&zone)).expect("a directory");
                    stash.take(&zone, meta, How::Copied);
                }
            }
            assert!(!zone.exists());
            let (status, out, err) = restore(&stage, &sandbox, &[]);
            assert_eq!(status, Some(0), "{out}{err}");
            assert_eq!(portrait(&zone), before, "{who:?}");
            assert!(stash.entries().is_empty());
            assert!(!out.contains('\u{1b}'), "a name drives the terminal: {out}");
        }
    }
}

#[test]
fn killed_at_any_moment_nothing_is_lost_and_another_run_finishes_it() {
    let stage = Stage::new();
    for who in everyone() {
        for elsewhere in [None, Some(other_disk())] {
            let sandbox = Sandbox::new(who);
            let zone = zone(&sandbox, elsewhere.as_ref());
            for n in 0..40 {
                let dir = zone.join(format!("d{n}"));
                fs::create_dir(&dir).expect("a directory");
                fs::write(dir.join("small"), format!("{n}")).expect("a file");
                fs::write(dir.join("large"), vec![n; 100_000]).expect("a file");
            }
            sandbox.hand_over();
            let status =
                Command::new("chown").arg("-hR").args([&owner(who), zone.to_str().unwrap_or("")]).status();
            assert!(status.is_ok_and(|status| status.success()));
            let mut before = portrait(&zone);
            let mut stash = Stash::new(&sandbox, zone.clone());
            let how = if elsewhere.is_none() { How::Moved } else { How::Copied };
            for n in 0..40 {
                stash.take_all(&zone.join(format!("d{n}")), how);
            }
            // A few entries further each time.
            for further in 1.. {
                let left = stash.entries().len().saturating_sub(further % 5);
                let mut command = stage.guard(&sandbox, &["sessions", "restore"]);
                let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
                let mut child = quiet.spawn().expect("es-guard");
                while stash.entries().len() > left && child.try_wait().expect("its state").is_none() {
                    std::hint::spin_loop();
                }
                let _ = child.kill();
                if child.wait().expect("its end").success() || stash.entries().is_empty() {
                    break;
                }
            }
            let (status, out, err) = restore(&stage, &sandbox, &[]);
            assert_eq!(status, Some(0), "{out}{err}");
            let mut after = portrait(&zone);
            // The zone itself stayed, and things came and went in it.
            assert!(before.remove(Path::new("")).is_some() && after.remove(Path::new("")).is_some());
            assert_eq!(after, before, "{who:?}");
            assert!(stash.entries().is_empty(), "{:?}", stash.entries());
        }
    }
}

fn owner(who: Who) -> String {
    let id = if is_root() && who == Who::User { USER } else { nix::unistd::geteuid().as_raw() };
    format!("{id}:{id}")
}

#[test]
fn on_a_full_disk_nothing_comes_back_in_part_and_nothing_is_lost() {
    let stage = Stage::new();
    for who in everyone() {
        let sandbox = Sandbox::new(who);
        let zone = zone(&sandbox, None);
        fs::write(zone.join("big"), vec![7; 600_000]).expect("a file");
        fs::write(sandbox.beside("same"), vec![7; 600_000]).expect("a file");
        sandbox.hand_over();
        let mut stash = Stash::new(&sandbox, zone.clone());
        let meta = helper_daemon::stash::Meta::of(&e2e::kept::handle(&zone.join("big"))).expect("a file");
        stash.take(&zone.join("big"), meta, How::Moved);
        let own = if is_root() { "-m" } else { "-rm" };
        let possible = Command::new("unshare").args([own, "true"]).output();
        if !possible.is_ok_and(|output| output.status.success()) {
            require::skip("root", "to mount a small disk");
            return;
        }
        let drop_to = match who {
            Who::User if is_root() => format!("setpriv --reuid {USER} --regid {USER} --clear-groups"),
            _ => String::new(),
        };
        let line = format!(
            "mount -t tmpfs -o size=1m,mode=777 none zone || exit 77
             head -c 800K /dev/zero > zone/filler
             {drop_to} {guard} sessions restore; echo first $?; ls -A zone
             rm zone/filler
             {drop_to} {guard} sessions restore; echo second $?; ls -A zone; cmp zone/big ../same && echo same",
            guard = stage.program("es-guard").display(),
        );
        let like = stage.command(&sandbox, &Mode::Bare, "true".as_ref());
        let mut command = Command::new("unshare");
        command.args([own, "sh", "-c", &line]).current_dir(sandbox.root()).env_clear();
        command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.output().expect("a run");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(out.contains("0 entries put back, 1 left in the stash"), "{out}{err}");
        assert!(out.contains("first 1\nfiller\n"), "{out}{err}");
        assert!(err.contains("NOT put back") && err.contains("No space left on device"), "{out}{err}");
        assert!(out.contains("second 0\nbig\nsame\n"), "{out}{err}");
        assert!(stash.entries().is_empty());
    }
}

#[test]
fn seccomp_the_tree_itself_restores_nothing_and_is_told_where_to() {
    let Some(stage) = Stage::with_engine() else { return };
    for who in everyone() {
        let sandbox = Sandbox::new(who);
        let zone = zone(&sandbox, None);
        fs::write(zone.join("f"), "content").expect("a file");
        sandbox.hand_over();
        let mut stash = Stash::new(&sandbox, zone.clone());
        let meta = helper_daemon::stash::Meta::of(&e2e::kept::handle(&zone.join("f"))).expect("a file");
        stash.take(&zone.join("f"), meta, How::Moved);
        let mode = Mode::Guarded { zones: vec![zone.clone()], policy: None };
        let mut command = stage.command(&sandbox, &mode, &stage.program("es-guard"));
        command.args(["sessions", "restore"]);
        let outcome = run(&sandbox, command);
        assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains("run it outside the session"), "{outcome:?}");
        assert!(!zone.join("f").exists());
        let (status, out, err) = restore(&stage, &sandbox, &["f"]);
        assert_eq!(status, Some(0), "{out}{err}");
        assert_eq!(fs::read(zone.join("f")).expect("the file"), b"content");
    }
}

#[test]
fn seccomp_at_the_end_of_a_session_old_and_empty_stashes_go() {
    let Some(stage) = Stage::with_engine() else { return };
    for who in everyone() {
        let sandbox = Sandbox::new(who);
        let zone = zone(&sandbox, None);
        let stashes = sandbox.state().join("stash");
        let long_ago = SystemTime::now() - Duration::from_secs(31 * 86_400);
        let made = ["20260101-000000-aaaa", "20260101-000001-bbbb", "20260101-000002-cccc"].map(|id| {
            fs::write(zone.join("f"), id).expect("a file");
            let mut stash = Stash::new(&sandbox, zone.clone());
            if !id.ends_with('c') {
                let meta =
                    helper_daemon::stash::Meta::of(&e2e::kept::handle(&zone.join("f"))).expect("a file");
                stash.take(&zone.join("f"), meta, How::Moved);
            }
            let folder = stashes.join(id);
            fs::rename(&stash.folder, &folder).expect("a name");
            let index = File::options().append(true).open(folder.join("index.jsonl")).expect("the index");
            if !id.ends_with('b') {
                index.set_modified(long_ago).expect("a time");
            }
            folder
        });
        sandbox.hand_over();
        let mode = Mode::Guarded { zones: vec![zone.clone()], policy: None };
        let outcome = run(&sandbox, stage.command(&sandbox, &mode, "true".as_ref()));
        assert_eq!(outcome.status.code(), Some(0), "{outcome:?}");
        assert_eq!(made.map(|folder| folder.exists()), [false, true, false], "{outcome:?}");
        assert_eq!(outcome.stderr, "");
    }
}

#[test]
fn seccomp_what_an_agent_removes_comes_back() {
    for stage in Stage::of_every_helper() {
        for who in everyone() {
            for elsewhere in [None, Some(other_disk())] {
                let sandbox = Sandbox::new(who);
                let zone = zone(&sandbox, elsewhere.as_ref());
                fs::create_dir(zone.join("project")).expect("a directory");
                fill(&zone.join("project/all"), who);
                sandbox.hand_over();
                let owned = Command::new("chown").args(["-hR", &owner(who)]).arg(&zone).status();
                assert!(owned.is_ok_and(|status| status.success()));
                let before = settled(&zone, elsewhere.is_some());
                let zone_word = zone.to_str().expect("a zone");
                let mut agent =
                    stage.guard(&sandbox, &["wrap", "--quiet", "--on-delete", "stash", "--zone", zone_word]);
                agent.args(["--", "rm", "-rf"]).arg(zone.join("project"));
                let outcome = run(&sandbox, agent);
                assert_eq!(outcome.status.code(), Some(0), "{outcome:?}");
                assert!(!zone.join("project").exists());
                let (status, out, err) = restore(&stage, &sandbox, &[]);
                assert_eq!(status, Some(0), "{out}{err}");
                assert_eq!(settled(&zone, elsewhere.is_some()), before, "{who:?}");
            }
        }
    }
}

/// A portrait without the times of directories, which emptying them changes before they are described; and, of
/// what was copied file by file, without the other names of a file.
fn settled(zone: &Path, copied: bool) -> BTreeMap<PathBuf, Portrait> {
    let mut found = portrait(zone);
    for (below, thing) in &mut found {
        if thing.meta.kind == Kind::Directory {
            thing.meta.modified = 0;
        } else if copied {
            (thing.meta.nlink, thing.first) = (1, below.clone());
        }
    }
    found
}
