//! Framing and limits, of length and of time. It knows no message.

use endpoint_sec::unix::handoff;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Serialize, de::DeserializeOwned};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The longest frame, in bytes: a policy of some ten thousand zones.
pub const MAX_FRAME: usize = 4 << 20;

/// Why a frame could not be sent or received.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other side has closed.
    #[error("the other side has closed the connection")]
    Closed,
    /// The kernel refused.
    #[error("the connection failed: {0}")]
    Io(#[from] Errno),
    /// Longer than [`MAX_FRAME`].
    #[error("a frame of {0} bytes is longer than {MAX_FRAME}")]
    TooLong(usize),
    /// Not whole within the time that was [allowed](Channel::allow).
    #[error("nothing whole came through within {} seconds", .0.as_secs_f32())]
    TooSlow(Duration),
    /// Not a message of this protocol.
    #[error("a frame is no message: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// One end of a conversation.
#[derive(Debug)]
pub struct Channel {
    socket: UnixStream,
    received: Vec<OwnedFd>,
    limit: Option<Limit>,
}

/// A moment, and how long before it was set.
#[derive(Clone, Copy, Debug)]
struct Limit {
    by: Instant,
    allowed: Duration,
}

impl Limit {
    fn left(self) -> Result<PollTimeout, ChannelError> {
        let left = self.by.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ChannelError::TooSlow(self.allowed));
        }
        // Rounded up, or the last millisecond would be spent looking.
        Ok(PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX))
    }
}

/// A message as it travels.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, ChannelError> {
    let body = serde_json::to_vec(message)?;
    if body.len() > MAX_FRAME {
        return Err(ChannelError::TooLong(body.len()));
    }
    Ok([&(body.len() as u32).to_be_bytes()[..], &body].concat())
}

impl Channel {
    /// Over this socket.
    pub fn new(socket: UnixStream) -> Self {
        Self { socket, received: Vec::new(), limit: None }
    }

    /// The same conversation for another thread; only one of the two may receive.
    pub fn another(&self) -> Result<Self, ChannelError> {
        let refused = |e: std::io::Error| e.raw_os_error().map_or(Errno::EMFILE, Errno::from_raw);
        let socket = self.socket.try_clone().map_err(refused)?;
        Ok(Self::new(socket))
    }

    /// Everything that is sent and received from now on must be done within this time altogether, however
    /// often the other side lets a byte through; `None`: there is no hurry any more.
    pub fn allow(&mut self, time: Option<Duration>) {
        self.limit = time.map(|allowed| Limit { by: Instant::now() + allowed, allowed });
    }

    /// Sends one message, with copies of descriptors.
    pub fn send(&mut self, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> Result<(), ChannelError> {
        let bytes = encode(message)?;
        let mut sent = 0;
        while sent < bytes.len() {
            self.wait(PollFlags::POLLOUT)?;
            let fds = if sent == 0 { fds } else { &[] };
            match handoff::send_now(self.socket.as_fd(), &bytes[sent..], fds) {
                Err(Errno::EAGAIN) => {}
                done => sent += done.map_err(closed)?,
            }
        }
        Ok(())
    }

    /// Waits for one message and the descriptors that came with it.
    pub fn receive<M: DeserializeOwned>(&mut self) -> Result<(M, Vec<OwnedFd>), ChannelError> {
        let mut length = [0; 4];
        self.fill(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_FRAME {
            return Err(ChannelError::TooLong(length));
        }
        let mut body = vec![0; length];
        self.fill(&mut body)?;
        Ok((serde_json::from_slice(&body)?, std::mem::take(&mut self.received)))
    }

    /// Asks, and waits for the answer. Whoever turns a connection away says why before anything is asked: what
    /// is said by one that has closed is the answer, too.
    pub fn ask<M: DeserializeOwned>(
        &mut self,
        question: &impl Serialize,
        fds: &[BorrowedFd<'_>],
    ) -> Result<M, ChannelError> {
        match self.send(question, fds) {
            Ok(()) | Err(ChannelError::Closed) => Ok(self.receive()?.0),
            Err(error) => Err(error),
        }
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), ChannelError> {
        let mut done = 0;
        while done < into.len() {
            self.wait(PollFlags::POLLIN)?;
            let (count, fds) = match handoff::receive_now(self.socket.as_fd(), &mut into[done..]) {
                Err(Errno::EAGAIN) => continue,
                received => received.map_err(closed)?,
            };
            if count == 0 {
                return Err(ChannelError::Closed);
            }
            self.received.extend(fds);
            done += count;
        }
        Ok(())
    }

    /// Waits until the socket is ready, or the time is over.
    fn wait(&self, how: PollFlags) -> Result<(), ChannelError> {
        loop {
            let left = self.limit.map_or(Ok(PollTimeout::NONE), Limit::left)?;
            match poll(&mut [PollFd::new(self.socket.as_fd(), how)], left) {
                Ok(0) | Err(Errno::EINTR) => {}
                ready => return ready.map(drop).map_err(ChannelError::from),
            }
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn closed(errno: Errno) -> ChannelError {
    if errno == Errno::EPIPE || errno == Errno::ECONNRESET { ChannelError::Closed } else { errno.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pair() -> (Channel, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        (Channel::new(here), there)
    }

    #[test]
    fn messages_arrive_whole_and_in_order_with_their_descriptors() {
        let (mut here, there) = pair();
        let mut there = Channel::new(there);
        let file = tempfile::tempfile().unwrap();
        here.send(&"one", &[file.as_fd()]).unwrap();
        here.send(&"two", &[]).unwrap();
        let (text, fds) = there.receive::<String>().unwrap();
        assert_eq!((text.as_str(), fds.len()), ("one", 1));
        let (text, fds) = there.receive::<String>().unwrap();
        assert_eq!((text.as_str(), fds.len()), ("two", 0));
    }

    #[test]
    fn a_frame_that_is_too_long_torn_or_foreign_is_refused() {
        let (mut here, mut there) = pair();
        there.write_all(&u32::MAX.to_be_bytes()).unwrap();
        assert!(matches!(here.receive::<String>(), Err(ChannelError::TooLong(_))));
        let (mut here, mut there) = pair();
        there.write_all(&[0, 0, 0, 9, b'x']).unwrap();
        drop(there);
        assert!(matches!(here.receive::<String>(), Err(ChannelError::Closed)));
        let (mut here, mut there) = pair();
        there.write_all(&[0, 0, 0, 1, b'x']).unwrap();
        assert!(matches!(here.receive::<String>(), Err(ChannelError::Malformed(_))));
    }

    /// Ends when the time is over, though the other side never rests for as long.
    #[test]
    fn a_byte_now_and_then_buys_no_time() {
        let time = Duration::from_millis(200);
        let (mut here, mut there) = pair();
        here.allow(Some(time));
        there.write_all(&[0, 1]).unwrap();
        let drips = std::thread::spawn(move || {
            while there.write_all(&[0]).is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        assert!(matches!(here.receive::<String>(), Err(ChannelError::TooSlow(allowed)) if allowed == time));
        drop(here);
        drips.join().unwrap();
    }

    #[test]
    fn silence_and_ears_that_are_closed_end_with_the_time() {
        let (mut here, _there) = pair();
        here.allow(Some(Duration::from_millis(20)));
        assert!(matches!(here.receive::<String>(), Err(ChannelError::TooSlow(_))));
        let (mut here, _there) = pair();
        here.allow(Some(Duration::from_millis(20)));
        assert!(matches!(here.send(&"x".repeat(MAX_FRAME - 2), &[]), Err(ChannelError::TooSlow(_))));
    }

    #[test]
    fn a_reason_that_was_left_before_closing_is_the_answer() {
        let (mut here, mut there) = pair();
        there.write_all(&encode(&"too many").unwrap()).unwrap();
        drop(there);
        assert_eq!(here.ask::<String>(&"may I?", &[]).unwrap(), "too many");
        assert!(matches!(here.ask::<String>(&"and now?", &[]), Err(ChannelError::Closed)));
    }
}
