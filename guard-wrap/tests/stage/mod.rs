//! A place to run `es-guard` in: a home of its own, a project, a state folder.
#![allow(dead_code, reason = "each test file uses a part")]

use helper_daemon::deeds::{Deed, OwnRecord};
use helper_daemon::denial::Denial;
use helper_daemon::ledger::{Counts, End, Ledger, Record, Start};
use helper_daemon::policy::judge::Reason;
use helper_daemon::policy::operation::Op;
use helper_daemon::session::SessionId;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Who may do nothing when the tests run as root.
const NOBODY: u32 = 65534;

pub(crate) struct Stage {
    _dir: tempfile::TempDir,
    pub(crate) home: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) project: PathBuf,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        set_mode(&home, 0o755);
        let (state, project) = (home.join("state"), home.join("proj"));
        std::fs::create_dir_all(home.join(".codex")).unwrap();
        std::fs::create_dir(&project).unwrap();
        Self { _dir: dir, home, state, project }
    }

    pub(crate) fn policy_path(&self) -> PathBuf {
        self.home.join(".codex/es_policy.json")
    }

    pub(crate) fn write_policy(&self, text: impl AsRef<[u8]>) {
        std::fs::write(self.policy_path(), text).unwrap();
    }

    /// `es-guard`, here and with nothing of the surroundings.
    pub(crate) fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.project).stdin(Stdio::null());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &self.home).env("ES_GUARD_HOME", &self.state).env("TZ", "UTC");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        finish(self.command(Path::new(env!("CARGO_BIN_EXE_es-guard")), args))
    }

    pub(crate) fn run_with(&self, variable: &str, value: impl AsRef<OsStr>, args: &[&str]) -> Run {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_es-guard")), args);
        command.env(variable, value);
        finish(command)
    }

    /// Another program, in the same surroundings.
    pub(crate) fn finish_command(&self, program: &str, args: &[&str]) -> Run {
        finish(self.command(Path::new(program), args))
    }

    /// As somebody whom permissions hold back: as `nobody` when this is root.
    pub(crate) fn run_unprivileged(&self, args: &[&str]) -> Run {
        if !nix::unistd::geteuid().is_root() {
            return self.run(args);
        }
        // Where it was built may be closed to others.
        let copy = self.home.join("es-guard");
        // By another process: while this one has a file open for writing, a child that another thread forks
        // has it too, and it can't be executed.
        let made = Command::new("cp").arg(env!("CARGO_BIN_EXE_es-guard")).arg(&copy).status().unwrap();
        assert!(made.success());
        set_mode(&copy, 0o755);
        let mut command = self.command(&copy, args);
        command.uid(NOBODY).gid(NOBODY);
        finish(command)
    }

    /// `wrap` with these options: it must start nothing, say why, and leave no ledger.
    pub(crate) fn refused(&self, run: impl FnOnce(&Self, &[&str]) -> Run, options: &[&str]) -> String {
        let marker = self.home.join("marker");
        let command = ["--", "touch", marker.to_str().unwrap()];
        let args: Vec<&str> = ["wrap"].iter().chain(options).chain(&command).copied().collect();
        let run = run(self, &args);
        assert_eq!((run.status, run.out.as_str()), (125, ""), "{run:?}");
        assert!(!marker.exists(), "something was started");
        let ledgers = std::fs::read_dir(self.state.join("sessions")).map_or(0, |found| found.count());
        assert_eq!(ledgers, 0, "a ledger was left behind");
        run.err
    }

    pub(crate) fn ledger_path(&self, id: &str) -> PathBuf {
        self.state.join(format!("sessions/{id}.jsonl"))
    }

    /// A ledger with these denials; `end` when the session has ended.
    pub(crate) fn write_ledger(&self, id: &str, denials: &[Denial], end: Option<Counts>) {
        std::fs::create_dir_all(self.state.join("sessions")).unwrap();
        let file = std::fs::File::create(self.ledger_path(id)).unwrap();
        let mut ledger = Ledger::new(file, SessionId::parse(id).unwrap());
        let now = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let start = Start {
            version: "0.1.0".into(),
            engine: "seccomp".into(),
            argv: vec!["codex".into(), "--yes".into()],
            cwd: text(&self.project),
            pid: 10,
            zones: vec![text(&self.project)],
        };
        ledger.append(Record::SessionStart(start), now);
        for denial in denials {
            ledger.append(Record::Denial(denial.into()), now);
        }
        if let Some(counts) = end {
            ledger.append(Record::SessionEnd(End { status: Some(0), counts }), now);
        }
        assert_eq!(ledger.lost(), 0);
    }

    /// Adds to a ledger, before its end if it has one, what the session did with names of its own in the project.
    pub(crate) fn write_own(&self, id: &str, deeds: &[Deed], counts: Counts) {
        self.write_ledger(id, &[], None);
        let file = std::fs::File::options().append(true).open(self.ledger_path(id)).unwrap();
        let mut ledger = Ledger::new(file, SessionId::parse(id).unwrap());
        let now = "2026-01-02T03:04:06.789Z".parse().unwrap();
        let own = OwnRecord { deeds: deeds.iter().map(Into::into).collect(), short_lived: 1532, unlisted: 1 };
        ledger.append(Record::Own(own), now);
        ledger.append(Record::SessionEnd(End { status: Some(0), counts }), now);
    }

    pub(crate) fn denial(&self, path: &str) -> Denial {
        Denial {
            op: Op::Unlink,
            path: self.project.join(path),
            dest: None,
            zone: self.project.clone(),
            reason: Reason::Removed,
            pid: 11,
            exe: "/usr/bin/rm".into(),
            argv: vec!["rm".into(), path.into()],
            cwd: self.project.clone(),
        }
    }

    pub(crate) fn moved(&self, path: &str, dest: &str) -> Denial {
        let exe = "/usr/bin/mv".into();
        Denial { op: Op::Rename, dest: Some(dest.into()), reason: Reason::MovedOut, exe, ..self.denial(path) }
    }

    /// Text with what differs from run to run taken out.
    pub(crate) fn steady(&self, text: &str) -> String {
        text.replace(self.home.to_str().unwrap(), "[HOME]")
    }
}

pub(crate) fn counts(denied: u64) -> Counts {
    Counts { denied, ..Counts::default() }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn finish(mut command: Command) -> Run {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { status: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}
