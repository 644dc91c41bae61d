//! A system helper of a test's own, at a socket of its own.

use crate::guard::eventually;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// An account that every Debian has and nobody uses.
pub const ACCOUNT: &str = "daemon";

/// A running helper, which ends with the value.
#[derive(Debug)]
pub struct SystemHelper {
    /// Where it listens.
    pub socket: PathBuf,
    child: Child,
}

impl SystemHelper {
    /// Starts one and waits until it answers.
    pub fn start(program: &Path, socket: &Path) -> Self {
        let mut child = Command::new(program)
            .arg("--socket")
            .arg(socket)
            .args(["--account", ACCOUNT])
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a system helper");
        eventually("the helper listens", || {
            assert!(child.try_wait().expect("its status").is_none(), "the helper has ended");
            UnixStream::connect(socket).is_ok()
        });
        Self { socket: socket.to_owned(), child }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as nothing could be prepared for.
    pub fn kill(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for SystemHelper {
    fn drop(&mut self) {
        self.kill();
    }
}
