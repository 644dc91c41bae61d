//! The embedded helper's life: register, fork the agent, arm, prove, guard, end with the tree.

use super::books::Books;
use super::child::{self, Word, kind};
use super::stops::Stops;
use super::{Command, tree};
use crate::engine::Witness;
use crate::engine::seccomp::Seccomp;
use crate::ledger::{PolicyRecord, Record, start_of};
use crate::policy::Policy;
use crate::policy::judge::Reason;
use crate::protocol::{
    Channel, Event, ExitStatus, Failure, FailureKind, PROTOCOL_VERSION, Register, Request,
};
use endpoint_sec::linux::filter::Program;
use endpoint_sec::linux::listener::Listener;
use endpoint_sec::linux::process::{self, PidFd, close_all_but, fork};
use endpoint_sec::linux::wait::{Change, Waiting, next_change};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

const ENGINE: &str = "seccomp";

/// Runs the helper. Returns its exit status, which nobody reads.
pub(super) fn run(mut channel: Channel, command: &Command) -> i32 {
    match begin(&mut channel, command) {
        Ok(session) => session.guard(channel),
        Err(failure) => {
            let _ = channel.send(&Event::Failed(failure), &[]);
            1
        }
    }
}

/// A session whose agent runs.
struct Session {
    agent: Pid,
    stops: Arc<Stops>,
    engine: Seccomp,
    books: Arc<Books>,
    policy: Policy,
}

fn failed(detail: impl std::fmt::Display) -> Failure {
    Failure { kind: FailureKind::Guard, detail: detail.to_string() }
}

fn begin(channel: &mut Channel, command: &Command) -> Result<Session, Failure> {
    let (register, ledger, denials) = registration(channel)?;
    let options = Seccomp::filter_options().map_err(failed)?;
    let program = Program::new(options);
    nix::sys::prctl::set_child_subreaper(true).map_err(failed)?;
    let (here, there) = UnixStream::pair().map_err(failed)?;
    // Forked before this process makes itself unreadable, or the child would be so until it executes.
    let agent = fork(|| child::run(&there, &program, &register.canary, &register.control, command))
        .map_err(failed)?;
    drop(there);
    let done = retreat(channel, &here, &ledger, &denials)
        .map_err(failed)
        .and_then(|()| arm(channel, &here, *register, ledger, denials, agent));
    if done.is_err() {
        let _ = nix::sys::signal::kill(agent, Signal::SIGKILL);
    }
    done
}

fn registration(channel: &mut Channel) -> Result<(Box<Register>, File, File), Failure> {
    let (request, fds) = channel.receive::<Request>().map_err(failed)?;
    let Request::Register(register) = request else { return Err(failed("expected a registration")) };
    if register.protocol != PROTOCOL_VERSION {
        return Err(failed(format!("expected protocol {PROTOCOL_VERSION}, found {}", register.protocol)));
    }
    let Ok([ledger, denials]) = <[_; 2]>::try_from(fds) else {
        return Err(failed("expected two descriptors"));
    };
    Ok((register, ledger.into(), denials.into()))
}

/// Steps back from the terminal and from everything that was inherited: the agent's pipes close when the agent
/// closes them, no key press reaches this process, and no process of the tree can read it.
fn retreat(channel: &Channel, child: &UnixStream, ledger: &File, denials: &File) -> Result<(), Errno> {
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
    close_all_but(&[channel.as_fd(), child.as_fd(), ledger.as_fd(), denials.as_fd(), null.as_fd()])?;
    nix::unistd::chdir("/")?;
    // The agent's limit is not this process's: it holds a descriptor for each process that it knows.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    nix::sys::prctl::set_dumpable(false)
}

fn arm(
    channel: &mut Channel,
    child: &UnixStream,
    register: Register,
    ledger: File,
    denials: File,
    agent: Pid,
) -> Result<Session, Failure> {
    let Register { session, policy, canary, .. } = register;
    let listener = match child::hear(child) {
        Some((Word::Armed, Some(listener))) => Listener::new(listener),
        Some((Word::NotArmed(errno, kind), _)) => return Err(not_armed(errno, kind)),
        _ => return Err(failed("the armed process has died")),
    };
    let books = Arc::new(Books::new(ledger, denials, session.id.clone(), canary));
    let witness: Arc<dyn Witness> = books.clone();
    let engine = Seccomp::start(listener, policy.clone(), witness)
        .map_err(|error| Failure { kind: FailureKind::Engine, detail: error.to_string() })?;
    prove(child, &books)?;
    let pidfd = PidFd::open(agent).map_err(failed)?;
    let wrap = PidFd::open(nix::unistd::getppid()).ok();
    let event = Event::Armed { pid: agent.as_raw(), engine: ENGINE.into() };
    channel.send(&event, &[pidfd.as_fd()]).map_err(failed)?;
    let Ok((Request::Go, _)) = channel.receive::<Request>() else { return Err(failed("wrap has gone")) };
    let zones = policy.visible_zones().map(|zone| zone.path.to_string_lossy().into_owned());
    books.write(start_of(&session, ENGINE, agent.as_raw(), zones));
    books.overrides_changed(&Policy::default(), &policy);
    child::say(child, Word::Execute, None).map_err(failed)?;
    match child::hear(child) {
        // The socket closed on exec.
        None => Ok(Session { agent, stops: Arc::new(Stops::new(pidfd, wrap)), engine, books, policy }),
        Some((Word::NotExecuted(errno), _)) => Err(not_executed(&books, Errno::from_raw(errno))),
        Some(_) => Err(failed("the armed process spoke out of turn")),
    }
}

/// No session runs unprotected: what the policy protects must be denied for that reason, and what it does not
/// protect must go.
fn prove(child: &UnixStream, books: &Books) -> Result<(), Failure> {
    let unproven = |what: String| failed(format!("the guard does not hold here: {what}"));
    child::say(child, Word::Prove, None).map_err(failed)?;
    let Some((Word::Proof(canary, control), _)) = child::hear(child) else {
        return Err(unproven("the armed process has died while trying to remove a protected file".into()));
    };
    let said =
        |errno: i32| if errno == 0 { "success".to_owned() } else { Errno::from_raw(errno).to_string() };
    let recorded = books.end_proof();
    if canary != Errno::EPERM as i32 {
        return Err(unproven(format!("removing a protected file gave {}, expected EPERM", said(canary))));
    }
    if recorded != Some(Reason::Removed) {
        let found = recorded.map_or("nothing", Reason::word);
        return Err(unproven(format!(
            "the denial was recorded as {found}, expected {}",
            Reason::Removed.word()
        )));
    }
    if control != 0 {
        return Err(unproven(format!(
            "removing an unprotected file gave {}, expected success",
            said(control)
        )));
    }
    Ok(())
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

fn not_executed(books: &Books, errno: Errno) -> Failure {
    let (kind, status) = match errno {
        Errno::ENOENT => (FailureKind::NotFound, 127),
        _ => (FailureKind::NotExecutable, 126),
    };
    books.close(Some(status));
    Failure { kind, detail: errno.desc().to_owned() }
}

impl Session {
    /// Guards until no process of the tree is left.
    fn guard(self, mut channel: Channel) -> i32 {
        let Session { agent, stops, engine, books, mut policy } = self;
        let mut requests = match channel.another() {
            Ok(channel) => channel,
            Err(_) => return 1,
        };
        let engine = Arc::new(engine);
        let (for_requests, judged) = (books.clone(), engine.clone());
        let answered = stops.clone();
        let listens = std::thread::Builder::new().name("requests".into()).spawn(move || {
            // When wrap is gone the last policy stays in force.
            while let Ok((request, _)) = requests.receive::<Request>() {
                match request {
                    Request::Policy { policy: new, detail } => {
                        judged.set_policy(new.clone());
                        for_requests.policy_replaced(&policy, &new, detail);
                        policy = new;
                    }
                    Request::PolicyRefused { detail } => {
                        for_requests.write(Record::Policy(PolicyRecord { change: "refused".into(), detail }));
                    }
                    Request::Awake => answered.wrap_answers(),
                    Request::Register(_) | Request::Go => {}
                }
            }
        });
        let status = wait_for_tree(agent, &stops, &mut channel, &books, &engine);
        drop(listens);
        status
    }
}

/// Waits for every process of the tree, tells of the agent's stops and its end, and closes the books.
fn wait_for_tree(agent: Pid, stops: &Stops, channel: &mut Channel, books: &Books, engine: &Seccomp) -> i32 {
    let mut ended: Option<ExitStatus> = None;
    let code = |status: ExitStatus| match status {
        ExitStatus::Code(code) => code,
        ExitStatus::Signal(signal) => 128 + signal,
    };
    let mut told = false;
    loop {
        // Once the agent has ended, whatever else has is reaped before its end is told.
        let waiting = if ended.is_some() && !told { Waiting::Not } else { Waiting::ForOne };
        let tell = |channel: &mut Channel, status, left| {
            let _ = channel.send(&Event::Exited { status, counts: books.counts(), left }, &[]);
        };
        match next_change(None, waiting) {
            Ok(Some((pid, change))) if pid == agent => match change {
                Change::Stopped(signal) => {
                    stops.agent_stopped();
                    let _ = channel.send(&Event::Stopped { signal }, &[]);
                }
                // Somebody continued the agent alone: wrap, which stopped with it, goes on too.
                Change::Continued => stops.agent_goes_on(),
                Change::Exited(code) => {
                    ended = Some(ExitStatus::Code(code));
                    stops.agent_goes_on();
                }
                Change::Killed(signal) => {
                    ended = Some(ExitStatus::Signal(signal));
                    stops.agent_goes_on();
                }
            },
            Ok(None) => {
                if let Some(status) = ended {
                    engine.settle();
                    tell(channel, status, tree::count_below(std::process::id()));
                    told = true;
                }
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => {
                engine.settle();
                books.close(ended.map(code));
                if let (Some(status), false) = (ended, told) {
                    tell(channel, status, 0);
                }
                return 0;
            }
        }
    }
}
