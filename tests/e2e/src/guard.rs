//! The programs under test, where everybody may execute them, how they are [started](Stage), what
//! [came](Outcome) of it, and how long that is [waited for](eventually).

mod outcome;
mod patience;

pub use outcome::{Outcome, denials, kept, ledgers, output, read, run};
pub use patience::{Watchdog, eventually, too_long};

use crate::require;
use crate::row::Who;
use crate::sandbox::{Sandbox, USER, is_root, publish};
use crate::system::SystemHelper;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// With es-guard or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Without.
    Bare,
    /// In a session with these zones, and with this policy file.
    Guarded {
        /// Absolute.
        zones: Vec<PathBuf>,
        /// `--policy`.
        policy: Option<PathBuf>,
    },
}

/// Where programs are found.
pub const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// The programs, copied to a place of their own.
#[derive(Debug)]
pub struct Stage {
    dir: tempfile::TempDir,
    engine: Option<String>,
    system: Option<SystemHelper>,
    /// `--engine`, where it is asked for.
    asked: Option<&'static str>,
}

impl Stage {
    /// Builds es-guard, copies it and the attacks, and tries the engine once.
    pub fn new() -> Self {
        let sandbox = Sandbox::new(Who::User);
        let dir = tempfile::Builder::new().prefix("es-guard-e2e-bin.").tempdir_in("/tmp").expect("a stage");
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir.path(), everybody).expect("a stage others may enter");
        for attack in env!("E2E_ATTACKS_NAMES").split(' ') {
            publish(&attacks().join(attack), &dir.path().join(attack));
        }
        let mut stage = Self { dir, engine: None, system: None, asked: None };
        stage.engine = stage.try_engine(&sandbox).err();
        stage
    }

    /// The same where guarded runs are possible. `None`, noted as a skip, where they are not.
    pub fn with_engine() -> Option<Self> {
        let stage = Self::new();
        stage.has_engine().then_some(stage)
    }

    /// One for each kind of helper: embedded, and with root the system's.
    pub fn of_every_helper() -> Vec<Self> {
        Self::with_engine().into_iter().chain(Self::with_system_helper()).collect()
    }

    /// One for each kind of helper, each with another user: an ordinary one with a helper of its own, root with the
    /// system's. For what takes long and depends on neither; that every user can have every helper, others show.
    pub fn of_every_helper_once() -> Vec<(Self, Who)> {
        let with_user = |stage: Self| {
            let who = if stage.is_embedded() { Who::User } else { Who::Root };
            (stage, who)
        };
        Self::of_every_helper().into_iter().map(with_user).collect()
    }

    /// The same with a system helper of its own, which every session uses. `None`, noted as a skip, without root.
    pub fn with_system_helper() -> Option<Self> {
        if !is_root() {
            require::skip("root", "a system helper is root's");
            return None;
        }
        let mut stage = Self::new();
        let socket = stage.program("helper.sock");
        let start = || SystemHelper::start(&stage.program("es-guard-helper"), &socket);
        stage.system = stage.has_engine().then(|| SystemHelper::named().unwrap_or_else(start));
        stage.system.is_some().then_some(stage)
    }

    /// The same whose sessions are judged in the kernel. `None`, noted as a skip, without root or where this kernel can't.
    #[cfg(target_os = "linux")]
    pub fn with_bpf_lsm() -> Option<Self> {
        let kernel = helper_daemon::engine::probe::bpf_lsm_of_the_kernel();
        if is_root() && !kernel.available {
            require::skip("bpf-lsm", &kernel.reasons.join("; "));
            return None;
        }
        Some(Self::with_system_helper()?.asking("bpf-lsm"))
    }

    /// The same whose sessions ask for this engine.
    pub fn asking(self, engine: &'static str) -> Self {
        Self { asked: Some(engine), ..self }
    }

    /// Starts the system helper anew, where the last one has been killed; over what that has pinned.
    pub fn start_system_helper(&mut self) {
        let (socket, program) = (self.program("helper.sock"), self.program("es-guard-helper"));
        self.system = Some(match self.system.as_mut().map(SystemHelper::leave) {
            Some(pins) => SystemHelper::start_over(&program, &socket, pins),
            None => SystemHelper::start(&program, &socket),
        });
    }

    /// Whether sessions have helpers of their own.
    pub fn is_embedded(&self) -> bool {
        self.system.is_none()
    }

    /// The system helper that sessions use, if there is one.
    pub fn system_helper(&mut self) -> Option<&mut SystemHelper> {
        self.system.as_mut()
    }

    fn try_engine(&self, sandbox: &Sandbox) -> Result<(), String> {
        for name in ["es-guard", "es-guard-helper"] {
            publish(&built(name)?, &self.program(name));
        }
        sandbox.hand_over();
        let mode = Mode::Guarded { zones: vec![sandbox.root()], policy: None };
        let mut command = self.command(sandbox, &mode, "true".as_ref());
        let output = command.output().map_err(|error| error.to_string())?;
        match output.status.code() {
            Some(0) => Ok(()),
            _ => Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// Whether guarded runs are possible; notes a skip when they are not.
    pub fn has_engine(&self) -> bool {
        if let Some(why) = &self.engine {
            require::skip("seccomp", why);
        }
        self.engine_is_there()
    }

    /// Whether guarded runs are possible.
    pub fn engine_is_there(&self) -> bool {
        self.engine.is_none()
    }

    /// The path of a program on the stage.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command in the sandbox, as its user, with nothing of the tester's environment.
    pub fn command(&self, sandbox: &Sandbox, mode: &Mode, program: &Path) -> Command {
        match mode {
            Mode::Bare => self.settle(sandbox, Command::new(program)),
            Mode::Guarded { zones, policy } => {
                let mut wrap = self.guard(sandbox, &["wrap", "--quiet"]);
                for zone in zones {
                    wrap.arg("--zone").arg(zone);
                }
                if let Some(policy) = policy {
                    wrap.arg("--policy").arg(policy);
                }
                wrap.arg("--").arg(program);
                wrap
            }
        }
    }

    /// es-guard with these arguments, in the same surroundings.
    pub fn guard(&self, sandbox: &Sandbox, args: &[&str]) -> Command {
        let mut guard = Command::new(self.program("es-guard"));
        if let Some((&"wrap", rest)) = args.split_first().filter(|_| !args.contains(&"--helper")) {
            guard.args(["wrap", "--helper"]).arg(self.helper());
            if let Some(engine) = self.asked.filter(|_| !args.contains(&"--engine")) {
                guard.args(["--engine", engine]);
            }
            guard.args(rest);
        } else {
            guard.args(args);
        }
        self.settle(sandbox, guard)
    }

    /// What stands before a guarded command in a line of shell.
    pub fn guard_words(&self, options: &str) -> String {
        let (guard, helper) = (self.program("es-guard"), self.helper());
        format!("{} wrap --helper {} {options} --", guard.display(), helper.display())
    }

    /// What `--helper` says: never the one that this machine may have.
    pub fn helper(&self) -> &Path {
        self.system.as_ref().map_or("none".as_ref(), |system| &system.socket)
    }

    fn settle(&self, sandbox: &Sandbox, mut command: Command) -> Command {
        command
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", sandbox.home())
            .env("ES_GUARD_HOME", sandbox.state())
            .env("LC_ALL", "C.UTF-8")
            .env("STAGE", self.dir.path())
            .current_dir(sandbox.root())
            .process_group(0)
            .stdin(Stdio::null());
        if is_root() && sandbox.who == Who::User {
            // Supplementary groups are cleared with the user.
            command.uid(USER).gid(USER);
        }
        command
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

/// A directory that has es-guard and the attacks already, for where there is no cargo: another user's
/// account, a virtual machine.
fn prebuilt() -> Option<PathBuf> {
    std::env::var_os("ES_GUARD_TEST_BIN").map(PathBuf::from)
}

/// The kernel's decision, as a program of its own.
pub fn judge_of_the_kernel() -> PathBuf {
    prebuilt().unwrap_or_else(|| env!("E2E_KERNEL").into()).join("judge")
}

fn attacks() -> PathBuf {
    prebuilt().unwrap_or_else(|| env!("E2E_ATTACKS").into())
}

/// A program: the one that is there already, or one built here, of the same profile as this test. No package is named:
/// with other features than `cargo run --bin` takes, what it depends on would be built once more.
fn built(name: &str) -> Result<PathBuf, String> {
    if let Some(there) = prebuilt() {
        return Ok(there.join(name));
    }
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    let profile_dir = test.ancestors().nth(2).ok_or("the test has no profile directory")?;
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--bin", name, "--profile", profile])
        .arg("--target-dir")
        .arg(profile_dir.parent().ok_or("the test has no target directory")?)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .status();
    match built {
        Ok(status) if status.success() => Ok(profile_dir.join(name)),
        Ok(status) => panic!("{name} does not build: {status}"),
        Err(error) => panic!("cargo: {error}"),
    }
}
