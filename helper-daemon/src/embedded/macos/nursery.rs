//! Where the agent's process comes from: from this very program, suspended.

use super::child::{CHILD, numbers};
use super::orders::Agent;
use super::{passed_on, this_program};
use crate::embedded::retreat::step_back;
use crate::guard::failed;
use crate::protocol::{Failure, Register};
use endpoint_sec::macos::{AuditToken, Framework, Launch, Suspended};
use endpoint_sec::unix::descriptors::close_all_but;
use nix::errno::Errno;
use nix::sys::signal::SigSet;
use nix::unistd::{Pid, getppid};
use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;

/// Where it comes from. A test has another one.
pub trait Nursery {
    /// The framework: macOS, or a simulation of it.
    fn framework(&self) -> Result<Framework, Failure>;

    /// Who `wrap` is; `None` once it has gone.
    fn wrap(&self, framework: &Framework) -> Option<AuditToken>;

    /// Starts the child suspended; it is told what to do over this socket.
    fn begin(
        &self,
        framework: &Framework,
        socket: UnixStream,
        register: &Register,
    ) -> Result<Box<dyn Infant>, Failure>;

    /// Steps back from the terminal and from what was inherited, once the child has it. These are kept.
    fn step_back(&self, keep: &[BorrowedFd<'_>]) -> Result<(), Errno>;
}

/// A child that is suspended. It is killed when this is dropped.
pub trait Infant {
    /// Its process id. It is this process's child.
    fn pid(&self) -> Pid;

    /// Who it is.
    fn token(&self) -> AuditToken;

    /// Lets it go on.
    fn go_on(self: Box<Self>) -> Result<(), Errno>;
}

/// This system's.
pub(super) struct Real {
    pub(super) agent: Agent,
    /// The process group of `wrap`, and so the agent's.
    pub(super) group: Pid,
}

struct Waits {
    suspended: Suspended,
    token: AuditToken,
}

impl Nursery for Real {
    fn framework(&self) -> Result<Framework, Failure> {
        Framework::load().map_err(failed)
    }

    fn wrap(&self, framework: &Framework) -> Option<AuditToken> {
        framework.token_of(getppid().as_raw())
    }

    fn begin(
        &self,
        framework: &Framework,
        socket: UnixStream,
        register: &Register,
    ) -> Result<Box<dyn Infant>, Failure> {
        let path = |path: &std::path::Path| CString::new(path.as_os_str().as_bytes());
        let word = |word: &str| CString::new(word);
        let number = socket.as_raw_fd();
        let own = [
            word("es-guard"),
            word(CHILD),
            word(&number.to_string()),
            word(&numbers(&self.agent.ignored)),
            path(&register.canary),
            path(&register.control),
        ];
        let mut argv = own.into_iter().collect::<Result<Vec<_>, _>>().map_err(failed)?;
        argv.extend(self.agent.command.argv.iter().cloned());
        let launch = Launch {
            program: &this_program().map_err(failed)?,
            argv: &argv,
            env: &self.agent.command.env,
            group: self.group,
            blocked: self.agent.command.signals,
            // It ignores itself what it is to ignore.
            by_default: SigSet::all(),
            descriptors: &passed_on(number).map_err(failed)?,
        };
        let suspended = launch.suspended().map_err(failed)?;
        let token = framework.token_of(suspended.pid().as_raw());
        let token = token.ok_or_else(|| failed("the child's audit token can't be had"))?;
        Ok(Box::new(Waits { suspended, token }))
    }

    fn step_back(&self, keep: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        step_back(keep, close_all_but)
    }
}

impl Infant for Waits {
    fn pid(&self) -> Pid {
        self.suspended.pid()
    }

    fn token(&self) -> AuditToken {
        self.token
    }

    fn go_on(self: Box<Self>) -> Result<(), Errno> {
        self.suspended.go_on().map(drop)
    }
}
