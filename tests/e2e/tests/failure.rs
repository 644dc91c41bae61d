//! What goes wrong around a session: full disks, hung file systems, crowds, limits. Verdicts stay right, and
//! what is lost is told.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Stage, denials, eventually, ledgers, output, read, run};
use e2e::require::{self, Pace, pace};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, USER, everyone, is_root};
use std::fs;
use std::process::{Command, Output};

/// With a zone `zone` in which so many old files are.
fn sandbox(who: Who, files: usize) -> Sandbox {
    let sandbox = Sandbox::new(who);
    fs::create_dir(sandbox.root().join("zone")).expect("a zone");
    for n in 0..files {
        fs::write(sandbox.root().join(format!("zone/old-{n}")), "old").expect("a file");
    }
    sandbox.hand_over();
    sandbox
}

fn old_files(sandbox: &Sandbox) -> usize {
    let files = fs::read_dir(sandbox.root().join("zone")).expect("the zone").flatten();
    let old = files.filter(|file| file.file_name().to_string_lossy().starts_with("old-"));
    old.filter(|file| fs::read(file.path()).is_ok_and(|content| content == b"old")).count()
}

fn guarded(stage: &Stage, sandbox: &Sandbox, options: &[&str], program: &[&str]) -> Command {
    let mut command = stage.guard(sandbox, &["wrap", "--zone", "zone"]);
    command.args(options).arg("--").args(program);
    command
}

/// A guarded shell that is given a line, as everything else is these limits.
fn limited(stage: &Stage, sandbox: &Sandbox, limits: &str, agent: &str) -> Output {
    let line = format!("{limits}; {} sh -c '{agent}'", stage.guard_words("--zone zone"));
    output(stage.command(sandbox, &Mode::Bare, "bash".as_ref()).args(["-c", &line]))
}

fn seccomp_everyone(play: impl Fn(&Stage, Who)) {
    if let Some(stage) = Stage::with_engine() {
        everyone().into_iter().for_each(|who| play(&stage, who));
    }
}

/// A guarded run whose state folder is a small disk of its own, in a mount namespace; what `after` says is run
/// there too. Nothing where nobody may mount.
fn on_a_small_disk(stage: &Stage, sandbox: &Sandbox, wrap: &[&str], agent: &str) -> Option<Command> {
    let own = |args: &[&str]| {
        let mut command = if is_root() {
            Command::new("unshare")
        } else {
            stage.command(sandbox, &Mode::Bare, "unshare".as_ref())
        };
        command.args(args);
        command
    };
    let options = if is_root() { ["-m"] } else { ["-rm"] };
    if !own(&[options[0], "true"]).output().is_ok_and(|output| output.status.success()) {
        require::skip("root", "to mount a small disk");
        return None;
    }
    let drop_to = match sandbox.who {
        Who::User if is_root() => format!("setpriv --reuid {USER} --regid {USER} --clear-groups"),
        _ => String::new(),
    };
    let line = format!(
        "mount -t tmpfs -o size=64k,mode=777 none \"$ES_GUARD_HOME\" || exit 77
         (until [ -e began ]; do sleep 0.01; done; head -c 1M /dev/zero > \"$ES_GUARD_HOME/filler\"; touch full) 2> /dev/null &
         {drop_to} {} sh -c '{agent}'; s=$?
         {drop_to} {} sessions show; exit $s",
        stage.guard_words(&format!("--zone zone {}", wrap.join(" "))),
        stage.program("es-guard").display(),
    );
    let mut command = own(&[options[0], "sh", "-c", &line]);
    let like = stage.command(sandbox, &Mode::Bare, "true".as_ref());
    command.env_clear().envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(sandbox.root());
    Some(command)
}

#[test]
fn seccomp_a_disk_that_fills_up_loses_records_and_nothing_else() {
    seccomp_everyone(|stage, who| {
        for options in [["--engine", "auto"].as_slice(), &["--quiet"], &["--json"]] {
            let sandbox = sandbox(who, 60);
            let agent = "touch began; until [ -e full ]; do sleep 0.01; done; rm -f zone/old-*; echo rm $?
                touch zone/own && rm zone/own && echo own $?; exit 3";
            let Some(mut command) = on_a_small_disk(stage, &sandbox, options, agent) else { return };
            let output = command.output().expect("a run");
            let (out, told) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(out.contains("rm 1\nown 0\n"), "{out}{told}");
            assert_eq!(output.status.code(), Some(3), "{told}");
            assert_eq!(old_files(&sandbox), 60);
            // Said at the end, loudly, even when es-guard is told to be quiet.
            match options {
                ["--json"] => {
                    let line = told.lines().find(|line| line.starts_with('{')).expect("a report");
                    let report: serde_json::Value = serde_json::from_str(line).expect("JSON");
                    assert_eq!(report["denied"], 60);
                    assert!(report["lost"].as_u64().is_some_and(|lost| lost >= 60), "{line}");
                }
                _ => assert!(
                    told.contains("records NOT WRITTEN (disk full?): this list is incomplete"),
                    "{told}"
                ),
            }
            if options[0] == "--engine" {
                assert!(told.contains("blocked 60 operations"), "{told}");
            }
        }
    });
}

#[test]
fn seccomp_a_file_size_limit_loses_records_and_nothing_else() {
    seccomp_everyone(|stage, who| {
        let sandbox = sandbox(who, 60);
        // In blocks of 1024 bytes, for everything that is written from here on.
        let output = limited(stage, &sandbox, "ulimit -f 4", "rm -f zone/old-* 2> /dev/null; exit 3");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert_eq!(old_files(&sandbox), 60);
        assert!(told.contains("blocked 60 operations"), "{told}");
        assert!(told.contains("NOT WRITTEN"), "{told}");
    });
}

/// The agent's limits are not the helper's, as far as the kernel lets it: what it can't do, it refuses.
#[test]
fn seccomp_tight_limits_never_open_the_guard() {
    seccomp_everyone(|stage, who| {
        for limits in
            ["ulimit -n 24", "ulimit -Sn 12", "ulimit -v 400000", "ulimit -s 256", "ulimit -l 0; ulimit -c 0"]
        {
            let sandbox = sandbox(who, 20);
            let agent = "for i in 1 2 3 4 5 6 7 8 9; do rm -f zone/old-$i & done; rm -f zone/old-*; wait";
            let output = limited(stage, &sandbox, limits, agent);
            assert_eq!(old_files(&sandbox), 20, "{limits}: {}", String::from_utf8_lossy(&output.stderr));
        }
    });
}

#[test]
fn seccomp_a_crowd_of_processes() {
    seccomp_everyone(|stage, who| {
        let sandbox = sandbox(who, 200);
        let line = "for i in $(seq 0 199); do
                (for j in 1 2 3 4 5; do
                    echo x > zone/own-$i-$j && mv zone/own-$i-$j zone/moved-$i-$j && rm zone/moved-$i-$j || echo lost
                    rm -f zone/old-$i 2> /dev/null && echo gone
                done) &
            done; wait; echo done";
        let outcome = run(&sandbox, guarded(stage, &sandbox, &[], &["sh", "-c", line]));
        assert_eq!(outcome.stdout, "done\n");
        assert_eq!(old_files(&sandbox), 200);
        assert_eq!(fs::read_dir(sandbox.root().join("zone")).expect("the zone").count(), 200);
        assert_eq!(outcome.denials.len(), 1000);
        assert!(outcome.stderr.contains("blocked 1000 operations"), "{}", outcome.stderr);
    });
}

#[test]
fn seccomp_the_summary_of_a_thousand_denials_fits_a_screen() {
    seccomp_everyone(|stage, who| {
        let sandbox = sandbox(who, 1000);
        let line = "rm -f zone/old-* 2> /dev/null; exit 3";
        let outcome = run(&sandbox, guarded(stage, &sandbox, &[], &["sh", "-c", line]));
        assert_eq!((outcome.status.code(), outcome.denials.len()), (Some(3), 1000));
        let (banner, summary) = outcome.stderr.split_once('\n').expect("lines");
        assert!(banner.starts_with("es-guard: guarding "), "{banner}");
        assert!(summary.starts_with("es-guard: blocked 1000 operations\n"), "{summary}");
        assert!(summary.lines().count() < 24, "{summary}");
        let ledger = ledgers(&sandbox).pop().expect("a ledger");
        let next = format!("es-guard sessions show {}\n", ledger.file_stem().expect("a name").display());
        assert!(summary.contains(&*ledger.to_string_lossy()) && summary.ends_with(&next), "{summary}");
        // The command that is named shows every one of them.
        let shown = stage.guard(&sandbox, &["sessions", "show", "last"]).output().expect("a run").stdout;
        let shown = String::from_utf8_lossy(&shown).into_owned();
        assert!(shown.contains("blocked  1000 operations") && shown.contains("old-999"), "{shown}");
    });
}

#[test]
fn seccomp_both_json_forms_say_the_same() {
    seccomp_everyone(|stage, who| {
        let sandbox = sandbox(who, 2);
        let line = "echo out; rm -f zone/old-0; mv zone/old-1 .; exit 3";
        let outcome = run(&sandbox, guarded(stage, &sandbox, &["--json"], &["sh", "-c", line]));
        assert_eq!(outcome.stdout, "out\n");
        let report = outcome.stderr.lines().last().expect("a report");
        let wrap: serde_json::Value = serde_json::from_str(report).expect("JSON");
        assert_eq!((&wrap["status"], &wrap["denied"], &wrap["left"]), (&3.into(), &2.into(), &0.into()));
        assert_eq!(wrap["engine"], "seccomp");
        assert_eq!(wrap["denials"][1]["reason"], "moved-out");
        assert_eq!(denials(&sandbox).len(), 2);
        let shown = stage.guard(&sandbox, &["sessions", "show", "--json"]).output().expect("a run").stdout;
        let shown: serde_json::Value = serde_json::from_slice(&shown).expect("JSON");
        for key in ["session", "engine", "zones", "status", "denied", "lost", "ledger", "denials"] {
            assert_eq!(shown[key], wrap[key], "{key}");
        }
        let listed = stage.guard(&sandbox, &["sessions", "list", "--json"]).output().expect("a run").stdout;
        let listed: serde_json::Value = serde_json::from_slice(&listed).expect("JSON");
        assert_eq!((&listed[0]["session"], &listed[0]["blocked"]), (&wrap["session"], &2.into()));
    });
}

/// Names come and go; what is remembered of them goes with them.
#[test]
fn seccomp_the_helper_stays_small() {
    seccomp_everyone(|stage, who| {
        let sandbox = sandbox(who, 1);
        let mut agent = Agent::start(guarded(stage, &sandbox, &["--quiet"], &["sh"]));
        let pairs = if pace() == Pace::Slow { 5_000 } else { 50_000 };
        assert_eq!(agent.does(&format!("\"$STAGE/churn\" zone {pairs}")), 0);
        let most = agent.says("awk '/^VmHWM/ { print $2 }' /proc/$PPID/status");
        let most: u64 = most.parse().expect("kilobytes");
        assert!(most <= 20 << 10, "{most} kB after {pairs} pairs");
        assert!(agent.ends().0.success());
        let ledger = ledgers(&sandbox).pop().expect("a ledger");
        eventually("the session's end", || read(&ledger).end().is_some());
        let end = read(&ledger).end().map(|(_, end)| end.counts.own_removed);
        assert_eq!(end, Some(pairs));
    });
}

/// A file system outside the zones that does not answer holds up who uses it, and nobody else.
#[test]
fn seccomp_a_hung_file_system_holds_nobody_else_up() {
    if !is_root() {
        return require::skip("root", "to freeze a file system");
    }
    let Some(stage) = Stage::with_engine() else { return };
    let sandbox = sandbox(Who::Root, 1);
    let image = sandbox.beside("image");
    let hung = sandbox.root().join("hung");
    fs::create_dir(&hung).expect("a directory");
    let made = Command::new("sh")
        .args(["-c", "truncate -s 16M \"$0\" && mkfs.ext4 -q \"$0\" && mount -o loop \"$0\" \"$1\""])
        .args([&image, &hung])
        .output();
    if !made.as_ref().is_ok_and(|output| output.status.success()) {
        return require::skip("root", &format!("a loop mount: {made:?}"));
    }
    let frozen = Frozen(hung.clone());
    let mut agent = Agent::start(guarded(&stage, &sandbox, &[], &["sh"]));
    let names = "hung/own-1 hung/own-2 hung/own-3 hung/own-4 hung/own-5 hung/own-6 hung/own-7 hung/own-8";
    assert_eq!(agent.does(&format!("touch {names} outside zone/own")), 0);
    Frozen::tool("-f", &hung);
    agent.is_told(&format!("for f in {names}; do rm $f & done"));
    // Outside the zone, and in it.
    for line in ["rm outside", "touch outside && rm outside", "rm zone/own", "touch zone/own && rm zone/own"]
    {
        assert_eq!(agent.does(line), 0, "{line}");
    }
    assert_eq!(agent.does("rm -f zone/old-0"), 1);
    assert!(hung.join("own-1").exists());
    Frozen::tool("-u", &hung);
    assert_eq!(agent.does("wait"), 0);
    assert!(!hung.join("own-1").exists());
    assert!(agent.ends().0.success());
    drop(frozen);
}

/// A file system that is thawed and unmounted at the end, whatever happens.
struct Frozen(std::path::PathBuf);

impl Frozen {
    fn tool(option: &str, path: &std::path::Path) {
        let status = Command::new("fsfreeze").arg(option).arg(path).status();
        assert!(status.is_ok_and(|status| status.success()), "fsfreeze {option}");
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // Whether it is frozen still is not known here.
        let _ = Command::new("fsfreeze").arg("-u").arg(&self.0).output();
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}
