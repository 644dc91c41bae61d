//! What steps come to, bare and guarded, and how these differ: results, and the files afterwards with their
//! owners and modes.

use crate::guard::{Mode, Stage, run};
use crate::places::{FILL, Place};
use crate::require;
use crate::row::Who;
use crate::sandbox::{Sandbox, USER};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

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

/// Who does the steps.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Whose session it is in.
    pub session: Who,
    /// What stands before its command line, with which it becomes another.
    pub becomes: &'static str,
}

impl Caller {
    /// The ordinary user's own.
    pub const USER: Self = Self { session: Who::User, becomes: "" };
}

type Files = BTreeMap<String, String>;

/// What lies below a directory: owner, mode and content of each.
fn files(dir: &Path) -> Files {
    let mut found = Files::new();
    let device = dir.metadata().expect("a directory").dev();
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
            // Procfs is nobody's to change.
            if stat.dev() != device {
                continue;
            }
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
    let line = "if cd \"$1\"; then ls -lnA --time-style=+ && grep -rs '' .; else stat -c '%a %u %g %s' \"$1\"; cat \"$1\"; fi";
    let list = Command::new("sh").args(["-c", line, "sh"]).arg(dir).uid(USER).gid(USER).output();
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
fn does(stage: &Stage, caller: Caller, place: &Place, steps: &[String], how: How) -> Came {
    let sandbox = Sandbox::new(caller.session);
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
    // Before that the child is a shell, and has this one's output still.
    let line = "sleep 600 > /dev/null 2>&1 & trap \"kill $!; wait\" EXIT
        until read -r name < /proc/$!/comm && [ \"$name\" = sleep ]; do :; done
        sed s/CHILD/$!/g ../steps > ../home/steps";
    command.args(["-c", &format!("{line}; {} $STAGE/driver ../home/steps", caller.becomes)]);
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

/// What comes to something else when it is guarded, outside all zones and in one.
///
/// # Panics
/// When it can't be done bare.
pub fn same_as_bare(stage: &Stage, caller: Caller, place: &Place, steps: &[String]) -> Vec<String> {
    let bare = does(stage, caller, place, steps, How::Bare);
    assert_eq!(bare.results.len(), steps.len(), "{}: {}", place.path, bare.remarks);
    assert!(!bare.results.contains(&"ENOTCONN".to_owned()), "{}: its server has gone", place.path);
    let mut wrong = Vec::new();
    for how in [How::Outside, How::InZone] {
        let guarded = does(stage, caller, place, steps, how);
        let found = differences(steps, &bare, &guarded, how);
        wrong
            .extend(found.into_iter().map(|what| format!("{} ({}) {how:?}: {what}", place.path, place.made)));
    }
    wrong
}

/// Whether this machine has what a place needs; notes a skip where it has not.
pub fn can_be_made(stage: &Stage, place: &Place) -> bool {
    let sandbox = Sandbox::new(Who::User);
    let (what, line) = match place.made {
        made if made.contains("chattr") => ("chattr", "touch f && chattr +i f && chattr -i f"),
        made if made.contains("fuse") => ("fuse", "fuse && umount mnt"),
        made if made.contains("mount") => ("root", "mkdir m && mount --bind m m && umount m"),
        _ => return true,
    };
    let tried = shell(stage, &sandbox, line).expect("a shell");
    if !tried.status.success() {
        require::skip(what, &format!("{line}: {tried:?}"));
    }
    tried.status.success()
}
