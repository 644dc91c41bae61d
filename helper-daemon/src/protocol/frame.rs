//! Framing and limits. It knows no message.

use endpoint_sec::linux::handoff;
use nix::errno::Errno;
use serde::{Serialize, de::DeserializeOwned};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

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
    /// Not a message of this protocol.
    #[error("a frame is no message: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// One end of a conversation.
#[derive(Debug)]
pub struct Channel {
    socket: UnixStream,
    received: Vec<OwnedFd>,
}

impl Channel {
    /// Over this socket.
    pub fn new(socket: UnixStream) -> Self {
        Self { socket, received: Vec::new() }
    }

    /// The same conversation for another thread; only one of the two may receive.
    pub fn another(&self) -> Result<Self, ChannelError> {
        let refused = |e: std::io::Error| e.raw_os_error().map_or(Errno::EMFILE, Errno::from_raw);
        let socket = self.socket.try_clone().map_err(refused)?;
        Ok(Self::new(socket))
    }

    /// Sends one message, with copies of descriptors.
    pub fn send(&mut self, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> Result<(), ChannelError> {
        let body = serde_json::to_vec(message)?;
        if body.len() > MAX_FRAME {
            return Err(ChannelError::TooLong(body.len()));
        }
        let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
        bytes.extend(body);
        let mut sent = handoff::send(self.socket.as_fd(), &bytes, fds).map_err(closed)?;
        while sent < bytes.len() {
            sent += handoff::send(self.socket.as_fd(), &bytes[sent..], &[]).map_err(closed)?;
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

    fn fill(&mut self, into: &mut [u8]) -> Result<(), ChannelError> {
        let mut done = 0;
        while done < into.len() {
            let (count, fds) = handoff::receive(self.socket.as_fd(), &mut into[done..])?;
            if count == 0 {
                return Err(ChannelError::Closed);
            }
            self.received.extend(fds);
            done += count;
        }
        Ok(())
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
}
