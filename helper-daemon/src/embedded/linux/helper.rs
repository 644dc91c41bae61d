//! The embedded helper's life: register, fork the agent, arm, prove, guard, end with the tree.

use super::child::{self, kind};
use super::tree::Below;
use crate::desk::counter::Counter;
use crate::desk::trees::Line;
use crate::embedded::proof::prove;
use crate::embedded::registration::{described, not_executed, registration};
use crate::embedded::retreat::step_back;
use crate::embedded::stops::Stops;
use crate::embedded::watch::{Session, live};
use crate::embedded::words::{self, Word};
use crate::embedded::{Command, Door, Judge, porter};
use crate::engine::seccomp::{Stance, Ward};
use crate::git::clerk::Clerk;
use crate::guard::{Child, Guard, Local, Post, Records, Remote, failed};
use crate::protocol::{Channel, Description, Event, Failure, FailureKind, Request, Wanted};
use endpoint_sec::linux::filter::Program;
use endpoint_sec::linux::process::{PidFd, close_all_but, fork};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// Runs the helper. Returns its exit status, which nobody reads.
pub(in crate::embedded) fn run(channel: Channel, command: &Command, judge: Judge) -> i32 {
    live(channel, judge, |channel, judge, door| begin(channel, command, judge, door))
}

fn begin(
    channel: &mut Channel,
    command: &Command,
    judge: Judge,
    door: Option<&Arc<Door>>,
) -> Result<Session, Failure> {
    let (register, records) = registration(channel)?;
    let program = match (&judge, register.engine) {
        (Judge::Here(_), Some(_)) => return Err(needs_the_systems_helper()),
        (Judge::Here(_), None) => Some(Program::new(Post::filter_options()?)),
        (Judge::System(_), wanted) if Wanted::is_filtered(wanted) => {
            Some(Program::new(Post::filter_options_of_the_system()))
        }
        (Judge::System(_), _) => None,
    };
    nix::sys::prctl::set_child_subreaper(true).map_err(failed)?;
    let (here, there) = UnixStream::pair().map_err(failed)?;
    // Forked before this process makes itself unreadable, or the child would be so until it executes.
    let agent = fork(|| child::run(&there, program.as_ref(), &register.canary, &register.control, command))
        .map_err(failed)?;
    drop(there);
    let done = retreat(channel, &here, &records, (&judge, door)).map_err(failed).and_then(|()| {
        let (mut clerks, mut asked) = (None, None);
        let guard: Arc<dyn Guard> = match judge {
            Judge::Here(_) => {
                // A signal to the agent's group is for the agent, which `wrap` shares that group with.
                let wards = Ward::new(nix::unistd::getppid()).into_iter().collect();
                // Before this process has a second thread.
                let clerk = Clerk::start().map_err(failed)?;
                clerks = Some(clerk.pid());
                let description = described(&register, agent);
                let post = Post { stance: Stance::Yields, wards, clerk };
                let local = Arc::new(Local::new(register, records, post));
                asked = door.map(|door| (door.clone(), local.clone(), description));
                local
            }
            Judge::System(system) => Arc::new(Remote::new(system, register, records)),
        };
        let (stops, engine) = arm(channel, &here, &*guard, agent, program.is_some())?;
        if let Some((door, local, description)) = asked {
            let counter = Counter::new(local, Description { engine, ..description });
            porter::open(door, counter, Line::below_this_process).map_err(failed)?;
        }
        Ok(Session { agent, stops: Arc::new(stops), guard, rest: Box::new(Below { clerk: clerks }) })
    });
    if done.is_err() {
        let _ = nix::sys::signal::kill(agent, Signal::SIGKILL);
    }
    done
}

/// Steps back, so that no process of the tree can read this one.
fn retreat(
    channel: &Channel,
    child: &UnixStream,
    records: &Records,
    (judge, door): (&Judge, Option<&Arc<Door>>),
) -> Result<(), Errno> {
    let mut keep = vec![channel.as_fd(), child.as_fd()];
    keep.extend(records.fds());
    keep.extend(door.iter().flat_map(|door| door.fds()));
    if let Judge::System(system) = judge {
        keep.push(system.as_fd());
    }
    step_back(&keep, close_all_but)?;
    nix::sys::prctl::set_dumpable(false)
}

fn arm(
    channel: &mut Channel,
    child: &UnixStream,
    guard: &dyn Guard,
    agent: Pid,
    filtered: bool,
) -> Result<(Stops, String), Failure> {
    let listener = match words::hear_awake(child, agent) {
        Some((Word::Armed, listener)) if listener.is_some() == filtered => listener,
        Some((Word::NotArmed(errno, kind), _)) => return Err(not_armed(errno, kind)),
        _ => return Err(failed("the armed process has died")),
    };
    let pidfd = PidFd::open(agent).map_err(failed)?;
    let held = pidfd.as_fd().try_clone_to_owned().map_err(failed)?;
    let engine = guard.arm(match listener {
        Some(listener) => Child::Filtered { listener, held },
        None => Child::Waiting { held },
    })?;
    prove(child, agent, guard)?;
    let wrap = PidFd::open(nix::unistd::getppid()).ok();
    let event = Event::Armed { pid: agent.as_raw(), engine: engine.clone() };
    channel.send(&event, &[pidfd.as_fd()]).map_err(failed)?;
    let Ok((Request::Go, _)) = channel.receive::<Request>() else { return Err(failed("wrap has gone")) };
    guard.begin(agent.as_raw())?;
    words::say(child, Word::Execute, None).map_err(failed)?;
    match words::hear_executed(child, agent) {
        // The socket closed on exec.
        None => Ok((Stops::new(agent, pidfd, wrap), engine)),
        Some(Word::NotExecuted(errno)) => Err(not_executed(guard, Errno::from_raw(errno))),
        Some(_) => Err(failed("the armed process spoke out of turn")),
    }
}

fn needs_the_systems_helper() -> Failure {
    let detail = "the engine bpf-lsm is the system's helper's alone, as loading it needs root: install it (sudo es-guard \
                  helper install), or take another engine: --engine seccomp"
        .to_owned();
    Failure { kind: FailureKind::Engine, detail }
}

fn not_armed(errno: i32, why: i32) -> Failure {
    let errno = Errno::from_raw(errno);
    let detail = match why {
        kind::LISTENING_ALREADY => {
            "this process already runs under a seccomp listener (another es-guard, or a sandbox): \
             the kernel allows one. Start the agent from outside it"
                .to_owned()
        }
        kind::UNSUPPORTED => {
            format!("this kernel has no seccomp user notification as needed ({errno}): Linux 5.19 or later")
        }
        _ => format!("the kernel refused the seccomp filter: {errno}"),
    };
    Failure { kind: FailureKind::Engine, detail }
}
