//! What no table of acts can show: directories that are swapped under a call, a file system that stalls,
//! processes of a tree that have become another user. Nothing happens that bare would refuse.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Stage, denials, eventually, run};
use e2e::require::{self, Pace, pace};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, USER, is_root};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

fn stages() -> Vec<Stage> {
    if !is_root() {
        require::skip("root", "to make what is somebody else's");
        return Vec::new();
    }
    let mut stages = vec![Stage::new()];
    stages.retain(Stage::has_engine);
    stages.extend(Stage::with_system_helper());
    stages
}

fn outside(sandbox: &Sandbox) -> Mode {
    Mode::Guarded { zones: vec![sandbox.home()], policy: None }
}

/// What runs a program as the ordinary user, whoever starts it.
fn as_the_user(line: &str) -> String {
    format!("setpriv --reuid {USER} --regid {USER} --clear-groups -- {line}")
}

#[test]
fn seccomp_a_directory_swapped_for_a_symlink_leads_nobody_astray() {
    let tries = match pace() {
        Pace::Long => 300_000,
        Pace::Normal => 3_000,
        Pace::Slow => 600,
    };
    for (stage, who) in stages().iter().flat_map(|stage| [Who::User, Who::Root].map(|who| (stage, who))) {
        let sandbox = Sandbox::new(Who::User);
        let (mine, theirs) = (sandbox.root().join("mine"), sandbox.beside("theirs"));
        fs::create_dir_all(mine.join("a/b/c")).expect("directories");
        sandbox.hand_over();
        fs::create_dir_all(theirs.join("a/b/c")).expect("directories");
        fs::write(theirs.join("a/b/c/f"), "precious").expect("a file");
        let mut sandbox = sandbox;
        sandbox.who = who;
        let swap = format!("$STAGE/swap {} {} {tries}", mine.display(), theirs.display());
        let mut command = stage.command(&sandbox, &outside(&sandbox), "sh".as_ref());
        command.args(["-c", &if who == Who::Root { as_the_user(&swap) } else { swap }]);
        let outcome = run(&sandbox, command);
        let done = outcome.stdout.trim().strip_prefix("done ").and_then(|n| n.parse::<u32>().ok());
        assert!(done.is_some_and(|done| done > 0), "as {who:?}: {outcome:?}");
        let names: Vec<_> = fs::read_dir(theirs.join("a/b/c")).expect("a directory").flatten().collect();
        assert_eq!(names.len(), 1, "as {who:?}: {names:?}");
        assert_eq!(fs::read(theirs.join("a/b/c/f")).expect("a file"), b"precious", "as {who:?}");
    }
}

/// Acts of a process of root's session that has become an ordinary user, below a directory that is closed to it.
const CLOSED: [&str; 9] = [
    "unlink closed/open/f1",
    "rmdir closed/open/d",
    "rename closed/open/f2 out",
    "rename mine closed/open/new1",
    "open closed/open/f3 wronly,trunc",
    "open closed/open/new2 creat,wronly",
    "truncate closed/open/f4",
    "mkdir closed/open/new3",
    "link closed/open/f5 out2",
];

#[test]
fn seccomp_who_has_become_another_user_goes_where_that_user_may() {
    for (stage, in_zone) in stages().iter().flat_map(|stage| [false, true].map(|zone| (stage, zone))) {
        let sandbox = Sandbox::new(Who::Root);
        let open = sandbox.root().join("closed/open");
        fs::create_dir_all(open.join("d")).expect("directories");
        for n in 1..=5 {
            fs::write(open.join(format!("f{n}")), "old").expect("a file");
        }
        fs::write(sandbox.root().join("mine"), "mine").expect("a file");
        let line = format!(
            "chown -R {USER}:{USER} . && chown 0:0 closed && chmod 700 closed && chmod 777 closed/open ."
        );
        let made = Command::new("sh").args(["-c", &line]).current_dir(sandbox.root()).status();
        assert!(made.is_ok_and(|status| status.success()));
        fs::write(sandbox.beside("steps"), CLOSED.join("\n")).expect("the steps");
        let zones = vec![if in_zone { sandbox.root() } else { sandbox.home() }];
        let mode = Mode::Guarded { zones, policy: None };
        let mut command = stage.command(&sandbox, &mode, "sh".as_ref());
        command.args(["-c", &as_the_user("$STAGE/driver ../steps")]);
        let outcome = run(&sandbox, command);
        let refused = (0..CLOSED.len()).map(|n| format!("{n} -13\n")).collect::<String>();
        assert_eq!(outcome.stdout, refused, "in a zone: {in_zone}: {}", outcome.stderr);
        assert_eq!(fs::read_dir(&open).expect("a directory").count(), 6);
        assert!((1..=5).all(|n| fs::read(open.join(format!("f{n}"))).is_ok_and(|text| text == b"old")));
    }
}

/// A FUSE file system of the ordinary user's, mounted in the sandbox as `mnt`, and unmounted with the value.
struct Fuse {
    server: Child,
    says: std::io::Lines<BufReader<ChildStdout>>,
    hears: ChildStdin,
    at: std::path::PathBuf,
}

impl Fuse {
    /// Everything on it has so many names, as it tells. `None`, noted as a skip, where there is no FUSE.
    fn mounted(stage: &Stage, sandbox: &Sandbox, names: u32) -> Option<Self> {
        let at = sandbox.root().join("mnt");
        fs::create_dir(&at).expect("a directory");
        sandbox.hand_over();
        if !Path::new("/dev/fuse").exists() {
            require::skip("fuse", "there is no /dev/fuse");
            return None;
        }
        let user = USER.to_string();
        let mut server = Command::new(stage.program("fuse"));
        let server = server.arg(&at).args([&user, &user]).env("NLINK", names.to_string());
        let server = server.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = server.spawn().expect("a file system");
        let mut says = BufReader::new(server.stdout.take().expect("a pipe")).lines();
        let hears = server.stdin.take().expect("a pipe");
        assert_eq!(says.next().expect("a word").expect("a word"), "ready");
        Some(Self { server, says, hears, at })
    }

    fn stalls(&mut self) {
        assert_eq!(self.says.next().expect("a word").expect("a word"), "stalled");
    }

    fn goes_on(&mut self) {
        self.hears.write_all(b"\n").expect("it listens");
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        // Killed first: a mount whose server has gone answers everybody.
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = Command::new("umount").arg("-l").arg(&self.at).output();
    }
}

#[test]
fn seccomp_a_stalling_fuse_mount_holds_up_who_uses_it_and_nobody_else() {
    for stage in &stages() {
        let sandbox = Sandbox::new(Who::User);
        let Some(mut fuse) = Fuse::mounted(stage, &sandbox, 1) else { return };
        for dir in ["zone", "aside"] {
            fs::create_dir(sandbox.root().join(dir)).expect("a directory");
        }
        fs::write(sandbox.root().join("zone/old"), "old").expect("a file");
        let chown = Command::new("chown")
            .args(["1000:1000", "zone", "aside", "zone/old"])
            .current_dir(sandbox.root())
            .status();
        assert!(chown.is_ok_and(|status| status.success()));
        let mode = Mode::Guarded { zones: vec![sandbox.root().join("zone")], policy: None };
        let mut agent = Agent::start(stage.command(&sandbox, &mode, "sh".as_ref()));
        for act in ["rm mnt/stall-1", "sh -c 'exec 3<> mnt/stall-2'"] {
            agent.is_told(&format!("{act} & A=$!"));
            fuse.stalls();
            for other in ["touch aside/x && rm aside/x", "touch zone/own && rm zone/own", "echo y > aside/y"]
            {
                assert_eq!(agent.does(other), 0, "{act}: {other}");
            }
            assert_ne!(agent.does("rm zone/old"), 0);
            fuse.goes_on();
            assert_eq!(agent.does("wait $A"), 0, "{act}");
        }
        assert_ne!(agent.does("test -e mnt/stall-1"), 0);
        assert_eq!(agent.does("rm mnt/f1 && mv mnt/f2 mnt/n && echo new > mnt/f3 && grep -qx new mnt/f3"), 0);
        assert!(agent.ends().0.success());
        assert_eq!(denials(&sandbox).len(), 2);
    }
}

#[test]
fn seccomp_a_zone_on_a_fuse_mount_is_protected() {
    // Some such file systems tell no number of names, as if everything had been removed.
    for (stage, names) in stages().iter().flat_map(|stage| [(stage, 1), (stage, 0)]) {
        let sandbox = Sandbox::new(Who::User);
        let Some(_fuse) = Fuse::mounted(stage, &sandbox, names) else { return };
        let mode = Mode::Guarded { zones: vec![sandbox.root().join("mnt")], policy: None };
        let mut agent = Agent::start(stage.command(&sandbox, &mode, "sh".as_ref()));
        for refused in ["rm mnt/f1", "rmdir mnt/empty1", "mv mnt/f2 .", "mv -T mnt/f3 mnt/f4"] {
            assert_ne!(agent.does(refused), 0, "{refused}, of {names} names");
        }
        for done in [
            "touch mnt/own && rm mnt/own",
            "echo new > mnt/f5",
            "mkdir mnt/d && rmdir mnt/d",
            "mv mnt/f6 mnt/f7x",
        ] {
            assert_eq!(agent.does(done), 0, "{done}, of {names} names");
        }
        assert!(agent.ends().0.success());
        eventually("the denials", || denials(&sandbox).len() == 4);
    }
}
