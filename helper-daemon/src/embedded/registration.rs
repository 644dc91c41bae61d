//! What a helper is asked to guard, and what it says of it.

use crate::guard::{Guard, Records, failed};
use crate::ledger::Counts;
use crate::protocol::{Channel, Description, Failure, FailureKind, PROTOCOL_VERSION, Register, Request};
use nix::errno::Errno;
use nix::unistd::Pid;

/// What others than `wrap` are told of the session.
pub(super) fn described(register: &Register, agent: Pid) -> Description {
    Description {
        session: register.session.clone(),
        user: nix::unistd::geteuid().as_raw(),
        agent: agent.as_raw(),
        engine: String::new(),
        zones: Vec::new(),
        requests: Default::default(),
        began: jiff::Timestamp::now().as_second(),
        counts: Counts::default(),
    }
}

/// Hears it.
pub(super) fn registration(channel: &mut Channel) -> Result<(Register, Records), Failure> {
    let (request, fds) = channel.receive::<Request>().map_err(failed)?;
    let Request::Register(register) = request else { return Err(failed("expected a registration")) };
    if register.protocol != PROTOCOL_VERSION {
        return Err(failed(format!("expected protocol {PROTOCOL_VERSION}, found {}", register.protocol)));
    }
    let fds = fds.try_into().map_err(|_| failed("expected four descriptors"))?;
    Ok((*register, Records::received(fds)))
}

/// The agent's program could not be executed.
pub(super) fn not_executed(guard: &dyn Guard, errno: Errno) -> Failure {
    let (kind, status) = match errno {
        Errno::ENOENT => (FailureKind::NotFound, 127),
        _ => (FailureKind::NotExecutable, 126),
    };
    guard.close(Some(status));
    Failure { kind, detail: errno.desc().to_owned() }
}
