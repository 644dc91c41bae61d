//! Where the work is done, and how one piece of it is run bare, on the floor, and in a session.

use e2e::guard::{Mode, Stage};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, is_root};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// How a piece of work is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// Without es-guard.
    Bare,
    /// Trapped and continued, without a look.
    Floor,
    /// In a session, outside its zones.
    Outside,
    /// In a session, in its zone.
    Inside,
}

/// On which file system.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// `/dev/shm`.
    Tmpfs,
    /// `/tmp`, or `ES_GUARD_BENCH_DISK`.
    Disk,
}

/// Programs, and two directories on each file system: one a zone, one not.
pub(crate) struct Bench {
    stage: Stage,
    sandbox: Sandbox,
    tmpfs: tempfile::TempDir,
    disk: tempfile::TempDir,
}

impl Bench {
    /// Ready to run.
    ///
    /// # Panics
    /// When the engine does not work here.
    pub(crate) fn new() -> Self {
        let stage = Stage::new();
        assert!(stage.has_engine(), "seccomp user notification does not work here");
        let sandbox = Sandbox::new(if is_root() { Who::Root } else { Who::User });
        let disk = std::env::var_os("ES_GUARD_BENCH_DISK").unwrap_or("/tmp".into());
        let place = |dir: &Path| {
            let place = tempfile::Builder::new().prefix("es-guard-bench.").tempdir_in(dir).expect("a place");
            for name in ["zone", "free"] {
                std::fs::create_dir(place.path().join(name)).expect("a directory");
            }
            place
        };
        Self { stage, sandbox, tmpfs: place("/dev/shm".as_ref()), disk: place(disk.as_ref()) }
    }

    fn place(&self, place: Place) -> &Path {
        match place {
            Place::Tmpfs => self.tmpfs.path(),
            Place::Disk => self.disk.path(),
        }
    }

    /// The directory that a run works in: the same one bare and in the zone.
    fn dir(&self, run: Run, place: Place) -> PathBuf {
        self.place(place).join(if run == Run::Outside { "free" } else { "zone" })
    }

    fn command(&self, run: Run, place: Place, program: &Path) -> Command {
        let floor = Path::new(env!("E2E_BENCHES")).join("floor");
        let mode = match run {
            Run::Bare | Run::Floor => Mode::Bare,
            Run::Outside | Run::Inside => {
                Mode::Guarded { zones: vec![self.place(place).join("zone")], policy: None }
            }
        };
        let mut command = match run {
            Run::Floor => self.stage.command(&self.sandbox, &mode, &floor),
            _ => self.stage.command(&self.sandbox, &mode, program),
        };
        if run == Run::Floor {
            command.arg(program);
        }
        command.current_dir(self.dir(run, place));
        command
    }

    /// Nanoseconds from start to end of a program.
    pub(crate) fn time(&self, run: Run, place: Place, program: &Path, arguments: &[&OsStr]) -> f64 {
        let mut command = self.command(run, place, program);
        timed(command.args(arguments))
    }

    /// What `work` prints of `count` turns.
    pub(crate) fn work(&self, run: Run, place: Place, kind: &str, count: u32) -> f64 {
        let work = Path::new(env!("E2E_BENCHES")).join("work");
        let mut command = self.command(run, place, &work);
        command.arg(kind).arg(self.dir(run, place)).arg(count.to_string());
        figure(&mut command)
    }

    /// Nanoseconds that it takes to remove one of `count` older files in this directory of a zone with a stash.
    pub(crate) fn removals(&self, dir: &str, count: u32) -> f64 {
        let zone = self.dir(Run::Inside, Place::Disk);
        let dir = zone.join(dir);
        std::fs::create_dir_all(&dir).expect("a directory");
        for n in 0..count {
            std::fs::write(dir.join(n.to_string()), "old").expect("a file");
        }
        let policy = self.sandbox.beside("stash.json");
        let text = format!("{{\"protected_zones\": [{{\"path\": {zone:?}, \"on_delete\": \"stash\"}}]}}");
        std::fs::write(&policy, text).expect("a policy");
        let mode = Mode::Guarded { zones: Vec::new(), policy: Some(policy) };
        let work = Path::new(env!("E2E_BENCHES")).join("work");
        let mut command = self.stage.command(&self.sandbox, &mode, &work);
        command.current_dir(&zone).arg("unlinks").arg(&dir).arg(count.to_string());
        figure(&mut command)
    }

    /// Nanoseconds of a session in which one removal is refused, with its explanation or without.
    pub(crate) fn refused(&self, explained: bool) -> f64 {
        let zone = self.dir(Run::Inside, Place::Disk);
        std::fs::write(zone.join("old"), "old").expect("a file");
        let zone = zone.display().to_string();
        let silent: &[&str] = if explained { &[] } else { &["--no-explain"] };
        let words = [&["wrap", "--quiet"], silent, &["--zone", &zone, "--", "rm", "old"]].concat();
        let mut command = self.stage.guard(&self.sandbox, &words);
        command.current_dir(&zone);
        let begin = Instant::now();
        let output = command.output().expect("a session");
        let taken = begin.elapsed();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), said.contains("es-guard: blocked")),
            (Some(1), explained),
            "{said}"
        );
        taken.as_nanos() as f64
    }

    /// Nanoseconds that cargo takes to build one of this workspace's crates and what it needs anew, in a copy that lies in
    /// the zone.
    pub(crate) fn cargo_build(&self, run: Run) -> f64 {
        let copy = self.dir(run, Place::Disk).join("workspace");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        if !copy.exists() {
            let mut clone = Command::new("git");
            timed(clone.args(["clone", "-q"]).arg(&workspace).arg(&copy));
        }
        let target = copy.join("target");
        if target.exists() {
            std::fs::remove_dir_all(&target).expect("the last build goes");
        }
        let mut build = self.command(run, Place::Disk, env!("CARGO").as_ref());
        for name in ["PATH", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
            build.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        let home = std::env::var_os("HOME").expect("a home, where cargo keeps crates");
        build.env("HOME", home).args(["build", "--quiet", "--offline", "-p", "endpoint-sec"]);
        timed(build.current_dir(copy))
    }

    /// A repository of so many files, made once.
    pub(crate) fn repository(&self, files: usize) -> PathBuf {
        let source = self.disk.path().join("free/source");
        if source.exists() {
            return source;
        }
        for n in 0..files {
            let dir = source.join(format!("d{}", n / 50));
            std::fs::create_dir_all(&dir).expect("a directory");
            let line = format!("file {n}\n");
            std::fs::write(dir.join(format!("f{n}")), line.repeat(200)).expect("a file");
        }
        for arguments in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "all"]] {
            let mut git = Command::new("git");
            git.arg("-C").arg(&source).args(["-c", "user.name=b", "-c", "user.email=b@example.com"]);
            timed(git.args(arguments));
        }
        source
    }

    /// Nanoseconds of a clone with its checkout.
    pub(crate) fn git_clone(&self, run: Run, source: &Path) -> f64 {
        let clone = self.dir(run, Place::Disk).join("clone");
        if clone.exists() {
            std::fs::remove_dir_all(&clone).expect("the last clone goes");
        }
        let from = format!("file://{}", source.display());
        self.time(
            run,
            Place::Disk,
            "git".as_ref(),
            &["clone".as_ref(), "-q".as_ref(), from.as_ref(), clone.as_ref()],
        )
    }
}

/// What a command prints.
fn figure(command: &mut Command) -> f64 {
    let output = command.stderr(Stdio::inherit()).output().expect("work");
    let figure = String::from_utf8_lossy(&output.stdout);
    figure.trim().parse().unwrap_or_else(|_| panic!("{command:?} prints {figure:?}"))
}

fn timed(command: &mut Command) -> f64 {
    command.stdin(Stdio::null());
    let begin = Instant::now();
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let taken = begin.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    taken.as_nanos() as f64
}
