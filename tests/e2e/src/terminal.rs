//! A terminal with an interactive shell in it, driven by keystrokes.
//!
//! The shell expands `$G` to nothing or to a guarded run, so that bare and guarded the very same keys are
//! pressed, and everything that appears must be the same.

use crate::guard::{Stage, Watchdog, eventually, too_long};
use crate::row::Who;
use crate::sandbox::{Sandbox, USER, is_root};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};

/// What the outer shell says when it waits for a line.
pub const PROMPT: &str = "outer$ ";

/// The key that interrupts.
pub const CTRL_C: &str = "\x03";
/// The key that ends the input.
pub const CTRL_D: &str = "\x04";
/// The key that stops; see [`Terminal::stops`].
const CTRL_Z: &str = "\x1a";
/// The key that quits.
pub const CTRL_BACKSLASH: &str = "\x1c";

/// A terminal.
#[derive(Debug)]
pub struct Terminal {
    shell: Child,
    master: File,
    seen: Vec<u8>,
    looked: usize,
    _watchdog: Watchdog,
}

impl Terminal {
    /// Opens one of 24 lines and 80 columns and waits for the first prompt. `$G` guards `zone` when `guarded`.
    pub fn open(stage: &Stage, sandbox: &Sandbox, guarded: bool) -> Self {
        // No other process may keep it: it is hung up when it is closed here.
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal that can be opened");
        let name = ptsname_r(&master).expect("a terminal's name");
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits());
        let slave = options.open(name).expect("a terminal's other side");
        if is_root() && sandbox.who == Who::User {
            std::os::unix::fs::fchown(&slave, Some(USER), None).expect("a terminal of one's own");
        }
        stty(&slave, &["rows", "24", "cols", "80"]);
        let guard = stage.guard_words(&format!("--quiet --zone {}", sandbox.root().join("zone").display()));
        let stdio = || Stdio::from(slave.try_clone().expect("a descriptor"));
        // A controlling terminal is taken by the leader of a new session. Whoever runs the tests may have keys
        // of it ignored.
        let mut command = stage.command(sandbox, &crate::guard::Mode::Bare, "setsid".as_ref());
        command
            .args([
                "--ctty",
                "--wait",
                "env",
                "--default-signal",
                "bash",
                "--norc",
                "--noprofile",
                "--noediting",
                "-i",
            ])
            .env("PS1", PROMPT)
            .env("TERM", "vt100")
            .env("G", if guarded { guard } else { String::new() })
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio());
        let shell = command.spawn().unwrap_or_else(|error| panic!("setsid: {error}"));
        let watchdog = Watchdog::of(shell.id());
        drop((command, slave));
        let mut terminal = Self {
            shell,
            master: File::from(OwnedFd::from(master)),
            seen: Vec::new(),
            looked: 0,
            _watchdog: watchdog,
        };
        terminal.shows(PROMPT);
        terminal
    }

    /// Presses keys.
    pub fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("a terminal that takes keys");
    }

    /// Types a line and waits until `text` appears.
    pub fn line(&mut self, line: &str, text: &str) {
        self.types(line);
        self.types("\r");
        self.shows(text);
    }

    /// Types a line and waits for the outer shell's next prompt.
    pub fn command(&mut self, line: &str) {
        self.line(line, PROMPT);
    }

    /// Presses keys and waits until `text` appears.
    pub fn keys(&mut self, keys: &str, text: &str) {
        self.types(keys);
        self.shows(text);
    }

    /// Waits until `text` appears after what was waited for before.
    pub fn shows(&mut self, text: &str) {
        loop {
            let rest = &self.seen[self.looked..];
            if let Some(at) = rest.windows(text.len()).position(|window| window == text.as_bytes()) {
                self.looked += at + text.len();
                return;
            }
            if !self.more() {
                panic!("{text:?} does not appear:\n{}", String::from_utf8_lossy(&self.seen));
            }
        }
    }

    /// Everything that has appeared.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Presses Ctrl-Z and waits for the shell's prompt. A shell hears of the first process of its job that is
    /// stopped; the others are waited for: one that is not yet could still read what is typed next.
    pub fn stops(&mut self, prompt: &str) {
        self.keys(CTRL_Z, prompt);
        eventually("the whole job is stopped", || !half_stopped(self.shell.id()));
    }

    /// Changes the height of the window, once whoever is in the foreground waits: a program that is about to
    /// may miss it, bare as well.
    pub fn resize(&self, rows: u16) {
        let waits = |member: &Member| !member.foreground || member.state == "S";
        eventually("the foreground waits", || session(self.shell.id()).iter().all(waits));
        stty(&self.master, &["rows", &rows.to_string()]);
    }

    /// Leaves the shell: everything that was on the screen.
    pub fn close(mut self) -> String {
        self.types("exit\r");
        while self.more() {}
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Hangs up, as when a window is closed.
    pub fn hang_up(self) {
        let Self { mut shell, master, .. } = self;
        drop(master);
        shell.wait().expect("the shell's end");
    }

    /// Looks at the screen again; false when nothing more comes.
    fn more(&mut self) -> bool {
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(too_long()).unwrap_or(PollTimeout::MAX);
        if poll(&mut fds, patience) != Ok(1) {
            return false;
        }
        let mut bytes = [0; 4096];
        // EIO when the last process has closed it.
        match self.master.read(&mut bytes) {
            Ok(length @ 1..) => self.seen.extend(&bytes[..length]),
            _ => return false,
        }
        true
    }
}

/// A process that has the terminal.
struct Member {
    /// As proc_pid_stat(5) has it.
    state: String,
    group: String,
    /// Whether its group is the one that keys go to.
    foreground: bool,
}

/// The processes of the session that this process, `setsid`, has begun.
fn session(setsid: u32) -> Vec<Member> {
    let stat = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // State, parent, group, session, terminal, and the group in the foreground come after the name.
        let fields = stat.rsplit_once(") ")?.1.split(' ').take(6).map(str::to_owned);
        <[String; 6]>::try_from(fields.collect::<Vec<_>>()).ok()
    };
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let member = |pid: &str| {
        let [state, _, group, session, _, foreground] = stat(pid)?;
        let [_, parent, ..] = stat(&session)?;
        (parent == setsid.to_string()).then(|| Member { state, foreground: foreground == group, group })
    };
    processes.filter_map(|process| member(process.file_name().to_str()?)).collect()
}

/// Whether there is a process group of which only a part is stopped.
fn half_stopped(setsid: u32) -> bool {
    let mut members = session(setsid);
    members.retain(|member| !matches!(&*member.state, "Z" | "X"));
    let (stopped, running): (Vec<_>, Vec<_>) = members.iter().partition(|member| member.state == "T");
    stopped.iter().any(|stopped| running.iter().any(|running| running.group == stopped.group))
}

/// Sets a terminal. One number of its size at a time: each is a call, and a signal to who runs there.
fn stty(terminal: &File, args: &[&str]) {
    let stdin = Stdio::from(terminal.try_clone().expect("a descriptor"));
    let status = Command::new("stty").args(args).stdin(stdin).status();
    assert!(status.is_ok_and(|status| status.success()), "stty {args:?}");
}
