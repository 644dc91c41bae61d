//! A system helper of a test's own, at a socket of its own.

use crate::guard::eventually;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// An account that every Debian has and nobody uses.
pub const ACCOUNT: &str = "daemon";

/// A running helper, which ends with the value.
#[derive(Debug)]
pub struct SystemHelper {
    /// Where it listens.
    pub socket: PathBuf,
    /// `None`: it is not the test's own.
    child: Option<Child>,
    /// Where it pins what it loads into the kernel.
    pub pins: PathBuf,
}

/// Each helper of a test's own pins in a folder of its own.
static PINS: AtomicU32 = AtomicU32::new(0);

impl SystemHelper {
    /// The one that `ES_GUARD_TEST_HELPER` names, which is there already.
    pub fn named() -> Option<Self> {
        let socket = std::env::var_os("ES_GUARD_TEST_HELPER")?.into();
        Some(Self { socket, child: None, pins: "/sys/fs/bpf/es-guard".into() })
    }

    /// Starts one and waits until it answers.
    pub fn start(program: &Path, socket: &Path) -> Self {
        let (pid, number) = (std::process::id(), PINS.fetch_add(1, Ordering::SeqCst));
        Self::start_over(program, socket, format!("/sys/fs/bpf/es-guard-test-{pid}-{number}").into())
    }

    /// The same, over what an earlier one has pinned there.
    pub fn start_over(program: &Path, socket: &Path, pins: PathBuf) -> Self {
        let mut child = Command::new(program)
            .arg("--socket")
            .arg(socket)
            .args(["--account", ACCOUNT])
            .arg("--state")
            .arg(socket.with_extension("state"))
            .arg("--bpf")
            .arg(&pins)
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a system helper");
        eventually("the helper listens", || {
            assert!(child.try_wait().expect("its status").is_none(), "the helper has ended");
            UnixStream::connect(socket).is_ok()
        });
        Self { socket: socket.to_owned(), child: Some(child), pins }
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it is not the test's own.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a helper of the test's own").id()
    }

    /// Whether it is the test's own.
    pub fn is_own(&self) -> bool {
        self.child.is_some()
    }

    /// Kills the process that listens, as nothing could be prepared for. What judges sessions lives on.
    pub fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            // One that has ended already is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What it has pinned is another one's from now on.
    pub fn leave(&mut self) -> PathBuf {
        self.kill();
        self.child = None;
        std::mem::take(&mut self.pins)
    }

    /// Kills every process of it.
    pub fn kill_all(&mut self) {
        let workers = self.child.as_ref().map(|child| children(child.id())).unwrap_or_default();
        self.kill();
        for worker in workers {
            let _ = nix::sys::signal::kill(Pid::from_raw(worker), Signal::SIGKILL);
        }
    }
}

/// The processes whose parent is this one.
pub fn children(pid: u32) -> Vec<i32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

impl Drop for SystemHelper {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        let own = self.is_own();
        self.kill_all();
        #[cfg(target_os = "linux")]
        if own && let Err(error) = helper_daemon::daemon::unload(&self.pins) {
            eprintln!("{}: {error}", self.pins.display());
        }
    }
}

/// Bytes that a helper of this process id, with its workers, has in memory and shares with no other process.
pub fn private_memory(helper: u32) -> u64 {
    let of = |pid: i32| {
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("a map");
        let private = rollup.lines().filter_map(|line| line.strip_prefix("Private_"));
        let kilobytes = private.filter(|line| line.starts_with(['C', 'D']));
        let kilobytes = kilobytes.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kilobytes.sum::<u64>() << 10
    };
    children(helper).into_iter().chain([helper as i32]).map(of).sum()
}

/// Sets the soft limit of a process: of `nofile` or `nproc`, as `prlimit(1)` names them.
pub fn limit(pid: u32, resource: &str, at: usize) {
    prlimit(pid, format!("--{resource}={at}:"));
}

/// Sets both limits of a process, for good.
pub fn hard_limit(pid: u32, resource: &str, at: usize) {
    prlimit(pid, format!("--{resource}={at}:{at}"));
}

fn prlimit(pid: u32, limit: String) {
    let status = Command::new("prlimit").arg("--pid").arg(pid.to_string()).arg(limit).status();
    assert!(status.is_ok_and(|status| status.success()), "prlimit of {pid}");
}
