//! What the agent's process and its helper tell each other before it is the agent: messages of three numbers, over a
//! socket that closes when the program begins.

use endpoint_sec::unix::{handoff, wait};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// What the child tells, and what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Child: armed; the listener comes along. Without one: it waits to be armed by the kernel.
    Armed,
    /// Child: arming failed, with this error and kind.
    NotArmed(i32, i32),
    /// Helper: try the canaries.
    Prove,
    /// Child: what removing the protected and the other file answered; 0 for success.
    Proof(i32, i32),
    /// Helper: become the agent.
    Execute,
    /// Child: that failed.
    NotExecuted(i32),
}

const LENGTH: usize = 12;

impl Word {
    fn encode(self) -> [u8; LENGTH] {
        let numbers = match self {
            Word::Armed => [1, 0, 0],
            Word::NotArmed(errno, kind) => [2, errno, kind],
            Word::Prove => [3, 0, 0],
            Word::Proof(canary, control) => [4, canary, control],
            Word::Execute => [5, 0, 0],
            Word::NotExecuted(errno) => [6, errno, 0],
        };
        let mut bytes = [0; LENGTH];
        for (slot, number) in bytes.chunks_exact_mut(4).zip(numbers) {
            slot.copy_from_slice(&number.to_ne_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8; LENGTH]) -> Option<Self> {
        let number = |at: usize| i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Some(match number(0) {
            1 => Word::Armed,
            2 => Word::NotArmed(number(4), number(8)),
            3 => Word::Prove,
            4 => Word::Proof(number(4), number(8)),
            5 => Word::Execute,
            6 => Word::NotExecuted(number(4)),
            _ => return None,
        })
    }
}

/// Says a word.
pub(super) fn say(socket: &UnixStream, word: Word, listener: Option<&OwnedFd>) -> Result<(), Errno> {
    let fds: Vec<_> = listener.iter().map(AsFd::as_fd).collect();
    handoff::send(socket.as_fd(), &word.encode(), &fds).map(drop)
}

/// Hears a word; `None` when the other side is gone.
pub(super) fn hear(socket: &UnixStream) -> Option<(Word, Option<OwnedFd>)> {
    let mut bytes = [0; LENGTH];
    match handoff::receive(socket.as_fd(), &mut bytes) {
        Ok((LENGTH, fds)) => Some((Word::decode(&bytes)?, fds.into_iter().next())),
        _ => None,
    }
}

/// How many milliseconds the child may be silent until it is looked at.
const PATIENCE: u8 = 20;

/// Hears a word of the child that is being armed. Until its program is about to begin, nobody is told of stops: a
/// child that was stopped is continued.
pub(super) fn hear_awake(socket: &UnixStream, child: Pid) -> Option<(Word, Option<OwnedFd>)> {
    while is_silent(socket) {
        // It is this process's child and was not waited for, so it is no other's number.
        let _ = kill(child, Signal::SIGCONT);
    }
    hear(socket)
}

/// Hears whether the child could execute its program: `None` when it did, or something has become of it before that,
/// which whoever waits for it learns.
pub(super) fn hear_executed(socket: &UnixStream, child: Pid) -> Option<Word> {
    while is_silent(socket) {
        if wait::has_change(child) != Ok(false) {
            return None;
        }
    }
    hear(socket).map(|(word, _)| word)
}

fn is_silent(socket: &UnixStream) -> bool {
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut fds, PollTimeout::from(PATIENCE)), Ok(0) | Err(Errno::EINTR))
}
