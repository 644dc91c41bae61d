//! One connection at the door: what came of its question so far, and what of the answer is still to be sent. Nothing
//! here waits.

use endpoint_sec::unix::handoff;
use nix::errno::Errno;
use nix::poll::PollFlags;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A length as it travels.
const HEAD: usize = 4;

/// Who has come.
pub(super) struct Visitor<P> {
    pub(super) number: u64,
    pub(super) process: P,
    socket: UnixStream,
    pub(super) stage: Stage,
    /// Until when it must be done with what it does; `None`: it waits for an answer.
    pub(super) patience: Option<Instant>,
}

/// How far it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// So much of the question has come.
    Asks(Vec<u8>),
    /// The question.
    Asked(Vec<u8>),
    /// Its answer is not there yet.
    Waits,
    /// So much of the answer is to be sent.
    IsTold(Vec<u8>),
    /// It has gone, or is done.
    Over,
}

impl<P> Visitor<P> {
    pub(super) fn new(number: u64, socket: UnixStream, process: P, patience: Duration) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let patience = Some(Instant::now() + patience);
        Ok(Self { number, process, socket, stage: Stage::Asks(Vec::new()), patience })
    }

    /// What is to be waited for on its socket.
    pub(super) fn awaits(&self) -> PollFlags {
        match self.stage {
            Stage::Asks(_) => PollFlags::POLLIN,
            Stage::IsTold(_) => PollFlags::POLLOUT,
            // That it has gone is told always.
            Stage::Asked(_) | Stage::Waits | Stage::Over => PollFlags::empty(),
        }
    }

    /// Goes on as far as is possible now. A question has at most `room` bytes.
    pub(super) fn attend(&mut self, room: usize) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Asks(come) => self.hear(come, room),
            Stage::IsTold(left) => self.tell(left),
            // Nothing is to come from it: it has gone.
            Stage::Waits => Stage::Over,
            other => other,
        };
    }

    fn hear(&self, mut come: Vec<u8>, room: usize) -> Stage {
        let mut bytes = [0; 4096];
        loop {
            // Nothing is read beyond the question; descriptors that came along are closed.
            let wanted = match length(&come) {
                None => HEAD - come.len(),
                Some(length) if length > room => return Stage::Over,
                Some(length) if come.len() == HEAD + length => return Stage::Asked(come.split_off(HEAD)),
                Some(length) => HEAD + length - come.len(),
            };
            let wanted = wanted.min(bytes.len());
            match handoff::receive_now(self.socket.as_fd(), &mut bytes[..wanted]) {
                Ok((0, _)) => return Stage::Over,
                Ok((count, _)) => come.extend(&bytes[..count]),
                Err(Errno::EAGAIN) => return Stage::Asks(come),
                Err(_) => return Stage::Over,
            }
        }
    }

    fn tell(&self, mut left: Vec<u8>) -> Stage {
        while !left.is_empty() {
            match handoff::send_now(self.socket.as_fd(), &left, &[]) {
                Ok(count) => drop(left.drain(..count)),
                Err(Errno::EAGAIN) => return Stage::IsTold(left),
                Err(_) => return Stage::Over,
            }
        }
        Stage::Over
    }

    /// It is to be told this, which it takes within this time.
    pub(super) fn is_told(&mut self, words: &[u8], patience: Duration) {
        self.stage = Stage::IsTold([&(words.len() as u32).to_be_bytes()[..], words].concat());
        self.patience = Some(Instant::now() + patience);
    }

    /// It waits until somebody tells it.
    pub(super) fn waits(&mut self) {
        self.stage = Stage::Waits;
        self.patience = None;
    }
}

impl<P> AsFd for Visitor<P> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn length(come: &[u8]) -> Option<usize> {
    let (head, _) = come.split_first_chunk::<HEAD>()?;
    Some(u32::from_be_bytes(*head) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    const ROOM: usize = 64 << 10;

    fn visitor() -> (Visitor<()>, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        (Visitor::new(1, here, (), Duration::from_secs(60)).unwrap(), there)
    }

    #[test]
    fn a_question_comes_together_and_nothing_after_it_is_read() {
        let (mut visitor, mut there) = visitor();
        visitor.attend(ROOM);
        assert_eq!(visitor.stage, Stage::Asks(Vec::new()));
        for part in [&[0, 0][..], &[0, 2, b'{'], b"}more"] {
            assert_eq!(visitor.awaits(), PollFlags::POLLIN);
            there.write_all(part).unwrap();
            visitor.attend(ROOM);
        }
        assert_eq!(visitor.stage, Stage::Asked(b"{}".to_vec()));
    }

    #[test]
    fn one_that_is_too_long_or_cut_short_is_none() {
        let (mut visitor_, mut there) = visitor();
        there.write_all(&(ROOM as u32 + 1).to_be_bytes()).unwrap();
        visitor_.attend(ROOM);
        assert_eq!(visitor_.stage, Stage::Over);
        let (mut visitor, mut there) = visitor();
        there.write_all(&[0, 0, 0, 9, b'x']).unwrap();
        drop(there);
        visitor.attend(ROOM);
        assert_eq!(visitor.stage, Stage::Over);
    }

    #[test]
    fn an_answer_is_sent_as_it_is_taken() {
        let (mut visitor, mut there) = visitor();
        let words = vec![b'x'; 1 << 20];
        visitor.is_told(&words, Duration::from_secs(60));
        visitor.attend(ROOM);
        assert!(matches!(visitor.stage, Stage::IsTold(_)));
        let reads = std::thread::spawn(move || {
            let mut taken = vec![0; 4 + (1 << 20)];
            there.read_exact(&mut taken).unwrap();
            taken
        });
        while visitor.stage != Stage::Over {
            visitor.attend(ROOM);
            std::thread::yield_now();
        }
        assert_eq!(reads.join().unwrap()[4..], words);
    }

    #[test]
    fn one_that_waits_is_told_or_goes() {
        let (mut visitor, there) = visitor();
        visitor.waits();
        assert_eq!((visitor.awaits(), visitor.patience), (PollFlags::empty(), None));
        drop(there);
        visitor.attend(ROOM);
        assert_eq!(visitor.stage, Stage::Over);
    }
}
