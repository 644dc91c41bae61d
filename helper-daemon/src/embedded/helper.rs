//! The embedded helper's life: register, fork the agent, arm, prove, guard, end with the tree.

use super::child::{self, Word, kind};
use super::proof::prove;
use super::stops::Stops;
use super::watch::Session;
use super::{Command, Door, Judge, porter};
use crate::desk::counter::Counter;
use crate::engine::seccomp::{Stance, Ward};
use crate::git::clerk::Clerk;
use crate::guard::{Guard, Local, Post, Records, Remote, failed};
use crate::ledger::Counts;
use crate::protocol::{
    Channel, Description, Event, Failure, FailureKind, PROTOCOL_VERSION, Register, Request,
};
use endpoint_sec::linux::filter::Program;
use endpoint_sec::linux::process::{self, PidFd, close_all_but, fork};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// Runs the helper. Returns its exit status, which nobody reads.
pub(super) fn run(mut channel: Channel, command: &Command, mut judge: Judge) -> i32 {
    let door = judge.take_door().map(Arc::new);
    let status = match begin(&mut channel, command, judge, door.as_ref()) {
        Ok(session) => session.guard(channel),
        Err(failure) => {
            let _ = channel.send(&Event::Failed(failure), &[]);
            1
        }
    };
    if let Some(door) = door {
        door.remove();
    }
    status
}

fn begin(
    channel: &mut Channel,
    command: &Command,
    judge: Judge,
    door: Option<&Arc<Door>>,
) -> Result<Session, Failure> {
    let (register, records) = registration(channel)?;
    let options = match &judge {
        Judge::Here(_) => Local::filter_options()?,
        Judge::System(_) => Remote::filter_options(),
    };
    let program = Program::new(options);
    nix::sys::prctl::set_child_subreaper(true).map_err(failed)?;
    let (here, there) = UnixStream::pair().map_err(failed)?;
    // Forked before this process makes itself unreadable, or the child would be so until it executes.
    let agent = fork(|| child::run(&there, &program, &register.canary, &register.control, command))
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
        let (stops, engine) = arm(channel, &here, &*guard, agent)?;
        if let Some((door, local, description)) = asked {
            let counter = Counter::new(local, Description { engine, ..description });
            porter::open(door, counter).map_err(failed)?;
        }
        Ok(Session { agent, clerk: clerks, stops: Arc::new(stops), guard })
    });
    if done.is_err() {
        let _ = nix::sys::signal::kill(agent, Signal::SIGKILL);
    }
    done
}

/// What others than `wrap` are told of the session.
fn described(register: &Register, agent: Pid) -> Description {
    Description {
        session: register.session.clone(),
        user: nix::unistd::geteuid().as_raw(),
        agent: agent.as_raw(),
        engine: String::new(),
        zones: Vec::new(),
        began: jiff::Timestamp::now().as_second(),
        counts: Counts::default(),
    }
}

fn registration(channel: &mut Channel) -> Result<(Register, Records), Failure> {
    let (request, fds) = channel.receive::<Request>().map_err(failed)?;
    let Request::Register(register) = request else { return Err(failed("expected a registration")) };
    if register.protocol != PROTOCOL_VERSION {
        return Err(failed(format!("expected protocol {PROTOCOL_VERSION}, found {}", register.protocol)));
    }
    let fds = fds.try_into().map_err(|_| failed("expected four descriptors"))?;
    Ok((*register, Records::received(fds)))
}

/// Steps back from the terminal and from everything that was inherited: the agent's pipes close when the agent
/// closes them, no key press reaches this process, and no process of the tree can read it.
fn retreat(
    channel: &Channel,
    child: &UnixStream,
    records: &Records,
    (judge, door): (&Judge, Option<&Arc<Door>>),
) -> Result<(), Errno> {
    nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
    for signal in Signal::iterator() {
        if !matches!(
            signal,
            Signal::SIGKILL
                | Signal::SIGSTOP
                | Signal::SIGCHLD
                | Signal::SIGSEGV
                | Signal::SIGBUS
                | Signal::SIGILL
                | Signal::SIGFPE
                | Signal::SIGABRT
        ) {
            process::ignore_signal(signal)?;
        }
    }
    // Whoever ignores it, as a parent may have it, never learns how a child ended.
    process::default_signal(Signal::SIGCHLD)?;
    let null = nix::fcntl::open(
        "/dev/null",
        nix::fcntl::OFlag::O_RDWR | nix::fcntl::OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    )?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    let mut keep = vec![channel.as_fd(), child.as_fd(), null.as_fd()];
    keep.extend(records.fds());
    keep.extend(door.iter().flat_map(|door| door.fds()));
    if let Judge::System(system) = judge {
        keep.push(system.as_fd());
    }
    close_all_but(&keep)?;
    nix::unistd::chdir("/")?;
    // The agent's limit is not this process's: it holds a descriptor for each process that it knows.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    nix::sys::prctl::set_dumpable(false)
}

fn arm(
    channel: &mut Channel,
    child: &UnixStream,
    guard: &dyn Guard,
    agent: Pid,
) -> Result<(Stops, String), Failure> {
    let listener = match child::hear_awake(child, agent) {
        Some((Word::Armed, Some(listener))) => listener,
        Some((Word::NotArmed(errno, kind), _)) => return Err(not_armed(errno, kind)),
        _ => return Err(failed("the armed process has died")),
    };
    let pidfd = PidFd::open(agent).map_err(failed)?;
    let engine = guard.arm(listener, &pidfd)?;
    prove(child, agent, guard)?;
    let wrap = PidFd::open(nix::unistd::getppid()).ok();
    let event = Event::Armed { pid: agent.as_raw(), engine: engine.clone() };
    channel.send(&event, &[pidfd.as_fd()]).map_err(failed)?;
    let Ok((Request::Go, _)) = channel.receive::<Request>() else { return Err(failed("wrap has gone")) };
    guard.begin(agent.as_raw())?;
    child::say(child, Word::Execute, None).map_err(failed)?;
    match child::hear_executed(child, agent) {
        // The socket closed on exec.
        None => Ok((Stops::new(agent, pidfd, wrap), engine)),
        Some(Word::NotExecuted(errno)) => Err(not_executed(guard, Errno::from_raw(errno))),
        Some(_) => Err(failed("the armed process spoke out of turn")),
    }
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

fn not_executed(guard: &dyn Guard, errno: Errno) -> Failure {
    let (kind, status) = match errno {
        Errno::ENOENT => (FailureKind::NotFound, 127),
        _ => (FailureKind::NotExecutable, 126),
    };
    guard.close(Some(status));
    Failure { kind, detail: errno.desc().to_owned() }
}
