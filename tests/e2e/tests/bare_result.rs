//! What is performed for a caller comes to exactly what it would have come to bare: the same error, the same
//! files of the same owners and modes afterwards; and nothing happens that bare would refuse.
//!
//! Every [act](ACTS) is done in every [place](PLACES) by one process of an ordinary user: bare, guarded outside
//! all zones, and guarded in one, there with the choice of a refusal where bare would remove something.

use e2e::guard::{Mode, Stage, run};
use e2e::parallel::every;
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::{Sandbox, USER, is_root};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Steps of `attacks/driver.c`; `@` is the place. None needs what another has done.
const ACTS: &[&str] = &[
    "unlink @/f1",
    "unlink @/none",
    "unlink @/f25/",
    "unlink @/full1/",
    "unlink @/empty1",
    "unlink @/link1",
    "unlink @/fifo1",
    "rmdir @/empty2",
    "rmdir @/full1",
    "rmdir @/f2",
    "rename @/f3 out/f3",
    "rename @/empty3 out/empty3",
    "rename @/full2 out/full2",
    "rename out/r1 @/f4",
    "rename out/r2 @/new1",
    "rename out/d1 @/empty4",
    "rename out/d2 @/new2",
    "rename @/f5 @/f6",
    "rename @/f7 @/new3",
    "renameat2 cwd @/f8 cwd out/r3 exchange",
    "renameat2 cwd @/f9 cwd out/r4 noreplace",
    "open @/new4 creat,excl,wronly",
    "open @/f10 creat,excl,wronly",
    "open @/new5 creat,wronly",
    "open @/f11 creat,wronly",
    "open @/f12 creat,rdwr,trunc",
    "open @/link2 creat,wronly",
    "open @/dangling creat,wronly",
    "open @/fifo2 creat,wronly,0x800",
    "open @/fifo3 rdwr,0x800",
    "openat2 cwd @/new6 creat,wronly",
    "openat2 cwd @/f13 rdwr",
    "creat @/f14",
    "open @ tmpfile,rdwr",
    "open @ wronly",
    "open @/empty1 wronly",
    "open @/none2 wronly",
    "open @/f15 wronly",
    "open @/f16 rdwr,append",
    "open @/f17 wronly,trunc",
    "open @/f18 wronly,append,trunc",
    "open @/link3 rdwr,trunc",
    "open @/link4 wronly,nofollow",
    "write @/f19 new",
    "append @/f20 new",
    "truncate @/f21",
    "truncate @/link5",
    "truncate @/none",
    "truncate @/empty1",
    "mkdir @/new7",
    "mkdir @/f22",
    "symlink to @/new8",
    "symlink to @/f23",
    "link @/f24 out/new-of-theirs",
    "link out/r5 @/new9",
    "link out/r6 @/f24",
    "mkfifo @/new10",
    "mknod @/new11",
    "mknod @/f24",
    "bind_socket @/new12",
    "bind_socket @/f24",
];

/// Fills a directory, as the root that owns it then.
const FILL: &str = r#"
fill() {
    mkdir -p "$1"
    for n in $(seq 30); do echo old > "$1/f$n"; done
    for n in 1 2 3 4; do mkdir "$1/empty$n"; done
    for n in 1 2; do mkdir "$1/full$n"; touch "$1/full$n/x"; done
    for n in 1 2 3; do mkfifo "$1/fifo$n"; done
    for n in 1 2 3 4 5; do echo target > "$1/target$n"; ln -s target$n "$1/link$n"; done
    ln -s made-by-link "$1/dangling"
    chmod 666 "$1"/f1[0-9] "$1"/target* "$1"/fifo*
}
mine() { chown -hR 1000:1000 "$1"; }
fuse() {
    mkdir -p mnt
    "$STAGE/fuse" mnt 1000 1000 $1 < /dev/null > ../said 2>&1 &
    until grep -q ready ../said; do kill -0 $! || return 1; sleep 0.01; done
}
"#;

/// A place: what the steps call it, how it comes to be (by root, in the sandbox), how it is undone.
struct Place {
    path: &'static str,
    made: &'static str,
    undone: &'static str,
}

const fn place(path: &'static str, made: &'static str) -> Place {
    Place { path, made, undone: "" }
}

/// `ROOT` is the sandbox; `OF_ROOT`, `UNREADABLE`, `OTHER` are processes outside the tree (of root, of the user
/// but undumpable, of the user), `CHILD` one of the caller's own.
const PLACES: &[Place] = &[
    place("mine", "fill mine; mine mine"),
    place("theirs", "fill theirs"),
    place("ROOT/theirs", "fill theirs"),
    place("mine/way", "fill theirs; mkdir mine; mine mine; ln -s ../theirs mine/way"),
    place("mine", "fill mine; chown 1000:1000 mine"),
    place("sticky", "fill sticky; chown -hR 1001:1001 sticky; chown 0:0 sticky; chmod 1777 sticky"),
    place("ROOT/sticky", "fill sticky; chmod 1777 sticky"),
    place("sticky", "fill sticky; mine sticky; chown 0:0 sticky; chmod 1777 sticky"),
    place("sticky", "fill sticky; chown -hR 1001:1001 sticky; chown 1000:1000 sticky; chmod 1777 sticky"),
    place(
        "sticky/way",
        "fill m; mine m; mkdir sticky; ln -s ../m sticky/way; chown -h 1001 sticky/way; chmod 1777 sticky",
    ),
    place(
        "closed/open",
        "mkdir closed; fill closed/open; mine closed/open; chmod 777 closed/open; chmod 700 closed",
    ),
    place(
        "ROOT/closed/open",
        "mkdir closed; fill closed/open; mine closed/open; chmod 777 closed/open; chmod 700 closed",
    ),
    place("shared", "fill shared; mine shared; chown 1000:1001 shared; chmod 2777 shared"),
    Place {
        path: "kept",
        made: "fill kept; mine kept; chattr +i kept/f[0-9]* kept/target*",
        undone: "chattr -i kept/f[0-9]* kept/target*",
    },
    Place { path: "kept", made: "fill kept; mine kept; chattr +i kept", undone: "chattr -i kept" },
    Place {
        path: "grows",
        made: "fill grows; mine grows; chattr +a grows/f[0-9]* grows/target*",
        undone: "chattr -a grows/f[0-9]* grows/target*",
    },
    Place { path: "grows", made: "fill grows; mine grows; chattr +a grows", undone: "chattr -a grows" },
    Place {
        path: "ro",
        made: "fill real; mine real; mkdir ro; mount --bind real ro; mount -o remount,bind,ro ro",
        undone: "umount ro",
    },
    Place {
        path: "ro",
        made: "fill real; mkdir ro; mount --bind real ro; mount -o remount,bind,ro ro",
        undone: "umount ro",
    },
    Place { path: "mnt", made: "fuse", undone: "umount mnt" },
    Place { path: "mnt", made: "fuse 1001", undone: "umount mnt" },
    Place { path: "ROOT/mnt", made: "fuse", undone: "umount mnt" },
    Place { path: "way", made: "fuse; ln -s ROOT/mnt way", undone: "umount mnt" },
    Place { path: "/proc/self/cwd/mnt", made: "fuse", undone: "umount mnt" },
    place("/proc/OF_ROOT/rootROOT/mine", "fill mine; mine mine"),
    place("/proc/OF_ROOT/cwd/mine", "fill mine; mine mine"),
    place("/proc/UNREADABLE/rootROOT/mine", "fill mine; mine mine"),
    place("/proc/UNREADABLE/cwd/mine", "fill mine; mine mine"),
    place("/proc/OTHER/rootROOT/mine", "fill mine; mine mine"),
    place("/proc/OTHER/cwd/mine", "fill mine; mine mine"),
    place("/proc/OTHER/cwd/theirs", "fill theirs"),
    place("/proc/CHILD/rootROOT/mine", "fill mine; mine mine"),
    place("/proc/CHILD/cwd/mine", "fill mine; mine mine"),
    place("/proc/self/rootROOT/mine", "fill mine; mine mine"),
    place("/proc/self/cwd/mine", "fill mine; mine mine"),
    place("/proc/thread-self/cwd/theirs", "fill theirs"),
    place("way/mine", "fill mine; mine mine; ln -s /proc/OF_ROOT/cwd way"),
    place("way/mine", "fill mine; mine mine; ln -s /proc/OTHER/cwd way"),
    place("/proc/OF_ROOT", ""),
    place("/proc/OTHER", ""),
    place("/proc/self", ""),
    place("/proc/self/fd", ""),
    place("/proc/OF_ROOT/fd", ""),
    place("/proc/UNREADABLE/fd", ""),
    place("/proc/sys/kernel", ""),
];

/// Processes of procfs: opening what they show is judged by who opens it.
const PROC_FILES: &[&str] = &[
    "mem",
    "environ",
    "comm",
    "oom_score_adj",
    "coredump_filter",
    "clear_refs",
    "timerslack_ns",
    "uid_map",
    "setgroups",
    "attr/current",
    "fd/0",
    "fd/1",
    "cwd",
    "root",
    "exe",
    "ns/user",
    "task",
    "maps",
    "sched",
    "autogroup",
    "loginuid",
    "fdinfo/0",
    "map_files",
    "none",
];

/// Outside the tree, and ended with the value.
struct Others(Vec<(&'static str, Child)>);

impl Others {
    fn start(stage: &Stage, sandbox: &Sandbox) -> Self {
        let undumpable = sandbox.beside("undumpable");
        fs::write(&undumpable, "undumpable\nask\n").expect("steps");
        let mut of_root = Command::new("sleep");
        of_root.arg("600").current_dir(sandbox.root());
        let mut unreadable = stage.command(sandbox, &Mode::Bare, &stage.program("driver"));
        unreadable.arg(&undumpable).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut other = stage.command(sandbox, &Mode::Bare, "sleep".as_ref());
        other.arg("600");
        let mut others = Self(Vec::new());
        for (name, mut command) in [("OF_ROOT", of_root), ("UNREADABLE", unreadable), ("OTHER", other)] {
            others.0.push((name, command.spawn().expect("a process")));
        }
        // It has said that its first step is done, and that it waits.
        let said = others.0[1].1.stdout.as_mut().expect("a pipe");
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(said));
        assert_eq!(lines.next().expect("a line").expect("a line"), "0 0");
        others
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            // One that has ended already is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Undoes what would keep the sandbox from being removed.
struct Undo<'a>(&'a Stage, &'a Sandbox, &'a str);

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        // What was not done can't be undone.
        let _ = shell(self.0, self.1, self.2);
    }
}

fn shell(stage: &Stage, sandbox: &Sandbox, line: &str) -> std::io::Result<std::process::Output> {
    let mut shell = Command::new("bash");
    shell.env("STAGE", stage.program(""));
    shell.args(["-c", &format!("{FILL}\n{line}")]).current_dir(sandbox.root()).output()
}

type Files = BTreeMap<String, String>;

/// What lies below a directory: owner, mode and content of each.
fn files(dir: &Path) -> Files {
    let mut found = Files::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(here) = pending.pop() {
        for entry in fs::read_dir(&here).expect("a directory").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(dir).expect("below it").to_string_lossy().into_owned();
            let Ok(stat) = path.symlink_metadata() else {
                let list = listed_by_its_user(&path);
                let lines = list.lines().filter(|line| !line.starts_with("total"));
                found.extend(lines.map(|line| (format!("{name}: {line}"), "there".to_owned())));
                continue;
            };
            let kind = stat.file_type();
            let content = match () {
                () if kind.is_dir() => "directory".to_owned(),
                () if kind.is_symlink() => format!("to {:?}", fs::read_link(&path).expect("a symlink")),
                () if kind.is_fifo() => "fifo".to_owned(),
                () if kind.is_socket() => "socket".to_owned(),
                () => format!("{:?}", fs::read_to_string(&path).expect("text")),
            };
            // A directory's number of names follows from what is in it.
            let names = if kind.is_dir() { 1 } else { stat.nlink() };
            let text = format!("{}:{} {:o} x{names} {content}", stat.uid(), stat.gid(), stat.mode());
            found.insert(name, text);
            if kind.is_dir() {
                pending.push(path);
            }
        }
    }
    // What leads into /proc has another number in it in every run.
    found.remove("way");
    found
}

/// What a FUSE file system has that root may not look at.
fn listed_by_its_user(dir: &Path) -> String {
    let line = "ls -lnA --time-style=+ && grep -rs '' .";
    let line = format!("cd \"$1\" && {line}");
    let list = Command::new("sh").args(["-c", &line, "sh"]).arg(dir).uid(USER).gid(USER).output();
    String::from_utf8_lossy(&list.expect("a list").stdout).into_owned()
}

#[derive(Debug)]
struct Came {
    results: Vec<String>,
    before: Files,
    after: Files,
    remarks: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Bare,
    Outside,
    InZone,
}

/// Does the steps in a sandbox of their own.
fn does(stage: &Stage, place: &Place, steps: &[String], how: How) -> Came {
    let sandbox = Sandbox::new(Who::User);
    let root = sandbox.root();
    sandbox.hand_over();
    let others = Others::start(stage, &sandbox);
    let _undo = Undo(stage, &sandbox, place.undone);
    let named = |text: &str| {
        let text = text.replace("OF_ROOT", &others.0[0].1.id().to_string());
        let text = text.replace("UNREADABLE", &others.0[1].1.id().to_string());
        let text = text.replace("OTHER", &others.0[2].1.id().to_string());
        text.replace("ROOT", &root.to_string_lossy())
    };
    let out = "mkdir out out/d1 out/d2; for n in 1 2 3 4 5 6; do echo mine > out/r$n; done; mine out";
    let made = shell(stage, &sandbox, &format!("set -e; {out}; {}", named(place.made))).expect("a shell");
    assert!(made.status.success(), "{}: {made:?}", place.made);
    let before = files(&root);
    let script: String = steps.iter().map(|step| named(&step.replace('@', place.path)) + "\n").collect();
    fs::write(sandbox.beside("steps"), script).expect("the steps");
    let mode = match how {
        How::Bare => Mode::Bare,
        How::Outside => Mode::Guarded { zones: vec![sandbox.home()], policy: None },
        How::InZone => Mode::Guarded { zones: vec![root.clone()], policy: None },
    };
    let mut command = stage.command(&sandbox, &mode, "sh".as_ref());
    let line = "sleep 600 > /dev/null 2>&1 & trap \"kill $!; wait\" EXIT
        sed s/CHILD/$!/g ../steps > ../home/steps; $STAGE/driver ../home/steps";
    command.args(["-c", line]);
    let outcome = run(&sandbox, command);
    let result = |line: &str| named_error(line.rsplit(' ').next().unwrap_or_default());
    Came {
        results: outcome.stdout.lines().map(result).collect(),
        before,
        after: files(&root),
        remarks: outcome.stderr,
    }
}

fn named_error(result: &str) -> String {
    match result.parse::<i32>() {
        Ok(0) => "ok".to_owned(),
        Ok(n) => format!("{:?}", nix::errno::Errno::from_raw(-n)),
        Err(_) => result.to_owned(),
    }
}

/// What differs from bare and must not.
fn differences(steps: &[String], bare: &Came, guarded: &Came, how: How) -> Vec<String> {
    let mut wrong = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let of = |came: &Came| came.results.get(n).cloned().unwrap_or_else(|| "nothing".to_owned());
        let (expected, got) = (of(bare), of(guarded));
        let refused = how == How::InZone && expected == "ok" && got == "EPERM";
        if got != expected && !refused {
            wrong.push(format!("{step}: bare {expected}, guarded {got}"));
        }
    }
    let names = bare.after.keys().chain(guarded.after.keys()).chain(bare.before.keys());
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        let of = |files: &Files| files.get(name).cloned().unwrap_or_else(|| "nothing".to_owned());
        let (before, after) = (of(&bare.before), of(&bare.after));
        let got = of(&guarded.after);
        // In a zone what is there may also stay as it was.
        if got != after && !(how == How::InZone && got == before) {
            wrong.push(format!("{name}: before {before}; bare {after}; guarded {got}"));
        }
    }
    if !wrong.is_empty() && !guarded.remarks.is_empty() {
        wrong.push(guarded.remarks.clone());
    }
    wrong
}

fn same_as_bare(stage: &Stage, place: &Place, steps: &[String]) -> Vec<String> {
    let bare = does(stage, place, steps, How::Bare);
    assert_eq!(bare.results.len(), steps.len(), "{}: {}", place.path, bare.remarks);
    let mut wrong = Vec::new();
    for how in [How::Outside, How::InZone] {
        let guarded = does(stage, place, steps, how);
        let found = differences(steps, &bare, &guarded, how);
        wrong
            .extend(found.into_iter().map(|what| format!("{} ({}) {how:?}: {what}", place.path, place.made)));
    }
    wrong
}

fn everywhere(stage: &Stage) {
    let acts: Vec<String> = ACTS.iter().map(|act| (*act).to_owned()).collect();
    every(PLACES, |place| same_as_bare(stage, place, &acts));
}

fn in_procfs(stage: &Stage) {
    let of = |file: &&str| {
        ["wronly", "rdwr", "creat,wronly"]
            .map(|flags| format!("open @/{file} {flags}"))
            .into_iter()
            .chain([format!("truncate @/{file}")])
    };
    let steps: Vec<String> = PROC_FILES.iter().flat_map(of).collect();
    let places: Vec<Place> = [
        "/proc/OF_ROOT",
        "/proc/UNREADABLE",
        "/proc/OTHER",
        "/proc/CHILD",
        "/proc/self",
        "/proc/1",
        "/proc/OTHER/task/OTHER",
    ]
    .map(|path| place(path, ""))
    .into();
    every(&places, |place| same_as_bare(stage, place, &steps));
}

/// Root, to make the places.
fn rooted(stage: Option<Stage>) -> Option<Stage> {
    if is_root() {
        return stage;
    }
    require::skip("root", "to make places of others");
    None
}

#[test]
fn seccomp_an_embedded_helper_comes_to_what_bare_comes_to() {
    rooted(Stage::with_engine()).iter().for_each(everywhere);
}

#[test]
fn seccomp_the_systems_helper_comes_to_what_bare_comes_to() {
    rooted(Stage::with_system_helper()).iter().for_each(everywhere);
}

#[test]
fn seccomp_an_embedded_helper_opens_in_procfs_what_bare_opens() {
    rooted(Stage::with_engine()).iter().for_each(in_procfs);
}

#[test]
fn seccomp_the_systems_helper_opens_in_procfs_what_bare_opens() {
    rooted(Stage::with_system_helper()).iter().for_each(in_procfs);
}
