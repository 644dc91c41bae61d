//! Which guarded tree a process is in, by the tree that the Endpoint Security engine keeps.
//!
//! A process is known by the token that it had when it connected. One that has ended since, or has executed another
//! program, is looked for in vain: it is taken to be inside. One that the engine has not heard of yet is looked for
//! among its ancestors, as the news of its beginning may be on their way.
//!
//! There may be trees of other helpers. Whoever has an es-guard among its ancestors is *confined*: not known to be in a
//! tree, and not known to be in none. What an agent has others do for it, launchd above all, no such look finds.

use super::standing::{Standing, Trees, Visiting};
use crate::engine::endpoint_security::Engine;
use crate::session::SessionId;
use endpoint_sec::macos::{AuditToken, Framework};
use nix::errno::Errno;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;

/// The tree of one session.
pub struct Enrolled {
    /// What knows processes.
    pub framework: Framework,
    /// What keeps the tree.
    pub engine: Arc<Engine>,
    /// The session.
    pub session: SessionId,
}

/// A process that has connected.
pub struct Process {
    token: AuditToken,
    exe: PathBuf,
}

impl Visiting for Process {
    fn uid(&self) -> u32 {
        self.token.effective_user()
    }

    fn pid(&self) -> i32 {
        self.token.pid()
    }

    fn exe(&self) -> PathBuf {
        self.exe.clone()
    }
}

impl Trees for Enrolled {
    type Process = Process;

    fn process(&self, connection: BorrowedFd<'_>) -> Result<Process, Errno> {
        let token = self.framework.peer(connection)?;
        Ok(Process { token, exe: self.framework.executable(token).unwrap_or_default() })
    }

    fn standing(&self, process: &Process) -> Standing<()> {
        let (who, uid) = (process.token, process.uid());
        let above = self.framework.ancestors(who);
        let of_it = std::iter::once(who).chain(above.iter().copied()).any(|who| self.may_be_inside(who));
        // Last: what was found of it was found of this one only if it is still this one now.
        let gone = self.framework.token_of(who.pid()) != Some(who);
        let inside = if of_it || gone { vec![()] } else { Vec::new() };
        Standing { uid, inside, unknown: false, confined: self.is_below_an_es_guard(&above) }
    }
}

impl Enrolled {
    /// Whether it is of this session, of another of the engine's, or nobody can tell.
    fn may_be_inside(&self, who: AuditToken) -> bool {
        !matches!(self.engine.session_of(who), Ok(None))
    }

    fn is_below_an_es_guard(&self, above: &[AuditToken]) -> bool {
        let executable = |who: AuditToken| self.framework.executable(who);
        let own = self.framework.own_token().and_then(executable);
        own.is_none() || above.iter().any(|who| executable(*who) == own)
    }
}
