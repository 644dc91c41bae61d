//! The clerk's own processes: one that never reads a repository, and a reader for each line that it starts anew
//! when one has died.
//!
//! A reader has the user's rights and no more, can't be read or traced by that user's other processes, and ends
//! when a question takes too long or too much memory.

use super::super::holds::holder;
use super::super::tracker::Tracker;
use super::wire::{Answer, Asked, DIED, MAX};
use super::{LINES, PATIENCE};
use endpoint_sec::linux::handle::Handle;
use endpoint_sec::linux::handoff;
use endpoint_sec::linux::process::{
    self, PidFd, close_all_but, default_signal, fork, ignore_signal, keep_reading_only,
};
use endpoint_sec::linux::wait::{Waiting, next_change};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{RLIM_INFINITY, Resource, UsageWho, getrusage, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::os::fd::{AsFd, OwnedFd};

/// The most memory that a reader may take: decoding has several copies of the largest object.
const MEMORY: u64 = 2 << 30;

/// One line of questions.
struct Desk<'a> {
    line: &'a OwnedFd,
    patience: u32,
    reader: Option<(Pid, PidFd)>,
}

/// Serves the lines until the guard has closed them. `began`, in nanoseconds since the epoch: see [`holder`].
/// Returns the process's exit status.
pub(super) fn run(lines: &[OwnedFd; LINES], began: i128) -> i32 {
    match retreat(lines).and_then(|()| serve(lines, began)) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// Lets go of everything that was inherited, and of every privilege.
fn retreat(lines: &[OwnedFd; LINES]) -> Result<(), Errno> {
    nix::sys::prctl::set_dumpable(false)?;
    let _ = nix::sys::prctl::set_name(c"es-guard-clerk");
    // Standard input and output are connections of the guard's, which end when they are closed everywhere.
    nix::unistd::dup2_stdin(&lines[0])?;
    nix::unistd::dup2_stdout(&lines[0])?;
    close_all_but(&lines.each_ref().map(AsFd::as_fd))?;
    nix::unistd::chdir("/")?;
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGTSTP] {
        ignore_signal(signal)?;
    }
    default_signal(Signal::SIGXCPU)?;
    default_signal(Signal::SIGCHLD)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY)?;
    keep_reading_only()?;
    // A change of credentials may have made it readable again.
    nix::sys::prctl::set_dumpable(false)
}

fn serve(lines: &[OwnedFd; LINES], began: i128) -> Result<(), Errno> {
    let desk = |(line, patience)| Desk { line, patience, reader: None };
    let mut desks: Vec<Desk<'_>> = lines.iter().zip(PATIENCE).map(desk).collect();
    loop {
        // A line is looked at while it has no reader, a reader until it ends; the guard's end is always seen.
        let mut watched = Vec::new();
        for desk in &desks {
            let wanted = if desk.reader.is_none() { PollFlags::POLLIN } else { PollFlags::empty() };
            watched.push(PollFd::new(desk.line.as_fd(), wanted));
            let reader = desk.reader.as_ref().map(|(_, pidfd)| pidfd.as_fd());
            watched.extend(reader.map(|pidfd| PollFd::new(pidfd, PollFlags::POLLIN)));
        }
        match poll(&mut watched, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            polled => polled?,
        };
        let closed = |fd: &PollFd<'_>| fd.revents().is_none_or(|seen| seen.contains(PollFlags::POLLHUP));
        if watched.iter().any(closed) {
            // Whoever reads still, reads for nobody: it ends with this process.
            return Ok(());
        }
        drop(watched);
        for desk in &mut desks {
            desk.turn(began)?;
        }
    }
}

impl Desk<'_> {
    /// Starts a reader where one is needed, and takes the end of one that has died.
    fn turn(&mut self, began: i128) -> Result<(), Errno> {
        match &self.reader {
            None if is_asked(self.line)? => {
                let (line, patience) = (self.line, self.patience);
                let reader = fork(|| read(line, patience, began)).map_err(|_| Errno::EAGAIN)?;
                self.reader = Some((reader, PidFd::open(reader)?));
            }
            Some((reader, pidfd)) if pidfd.has_ended() => {
                next_change(Some(*reader), Waiting::ForOne)?;
                self.reader = None;
                // Nobody else will say so to who waits for it.
                let _ = handoff::send(self.line.as_fd(), &Answer::No.encode(DIED), &[]);
            }
            _ => {}
        }
        Ok(())
    }
}

fn is_asked(line: &OwnedFd) -> Result<bool, Errno> {
    poll(&mut [PollFd::new(line.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).map(|ready| ready > 0)
}

/// A reader: answers until the line is closed.
fn read(line: &OwnedFd, patience: u32, began: i128) -> i32 {
    if nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).is_err() {
        return 1;
    }
    let mut tracker = Tracker::default();
    let mut message = [0; MAX];
    loop {
        let Ok((count, fds)) = handoff::receive(line.as_fd(), &mut message) else { return 1 };
        if count == 0 {
            return 0;
        }
        let Some((number, asked)) = Asked::decode(&message[..count], fds) else { return 1 };
        if limit(patience).is_err() {
            return 1;
        }
        let answered = match asked {
            Asked::Tracked { dir, name } => match tracker.ask(&Handle::from_fd(dir), &name) {
                Some((kind, common)) => say(line, number, kind.into(), &[common]),
                None => say(line, number, Answer::No, &[]),
            },
            Asked::Holds { common, sought } => {
                let files = holder(common.as_fd(), sought, Some(began));
                let answer = if files.is_some() { Answer::Held } else { Answer::No };
                let files: Vec<_> = files.iter().flatten().map(AsFd::as_fd).collect();
                say(line, number, answer, &files)
            }
        };
        if answered.is_err() {
            return 1;
        }
    }
}

/// How long it may compute from now on, in seconds. (A file system that hangs only keeps it from its work: whoever
/// waits for the answer does not wait for ever.)
fn limit(patience: u32) -> Result<(), Errno> {
    let used = getrusage(UsageWho::RUSAGE_SELF)?;
    let used = used.user_time().tv_sec() + used.system_time().tv_sec();
    setrlimit(Resource::RLIMIT_CPU, used as u64 + u64::from(patience) + 1, RLIM_INFINITY)
}

fn say(
    line: &OwnedFd,
    number: u64,
    answer: Answer,
    fds: &[std::os::fd::BorrowedFd<'_>],
) -> Result<(), Errno> {
    handoff::send(line.as_fd(), &answer.encode(number), fds).map(drop)
}

/// Starts the clerk's process beside this one.
pub(super) fn start(lines: [OwnedFd; LINES], began: i128) -> Result<Pid, process::ForkError> {
    process::fork_unseen(move || run(&lines, began))
}
