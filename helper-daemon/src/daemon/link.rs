//! What the monitor and its workers say to each other: a kind, and bytes that the monitor never looks into.

use endpoint_sec::linux::handoff;
use nix::errno::Errno;
use std::os::fd::{BorrowedFd, OwnedFd};

/// The longest message: it travels in one packet.
pub const MAX_MESSAGE: usize = 64 << 10;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Worker: a session is armed. Bytes: its name. Comes with a pidfd of the process that its tree hangs below.
    Armed,
    /// Worker: may my peer register a session? Monitor: [`Kind::End`] or [`Kind::Refused`].
    MayRegister,
    /// Worker: which session is my peer inside? Monitor: [`Kind::Inside`] or [`Kind::Refused`].
    Where,
    /// Monitor: inside this one. Bytes: its name; none, if it is in no tree.
    Inside,
    /// Worker: the tree is empty, and the session over.
    Over,
    /// Worker: which sessions are there?
    List,
    /// Monitor: describe yourself.
    Describe,
    /// Worker: a description. Monitor: that of one session, passed on.
    Description,
    /// Monitor: that was all.
    End,
    /// Worker: a question to a session, as [`asking::Ask`](super::asking::Ask) has it.
    Ask,
    /// Monitor: the same, to the session's worker, as [`asking::Asked`](super::asking::Asked).
    Asked,
    /// Worker: the answer, as [`asking::Answer`](super::asking::Answer). Monitor: its words, passed on.
    Answer,
    /// Worker: write a session's tables into the kernel. Bytes: one of [`Asked`], with a link for that and a pidfd of the
    /// child; or of a worker that has come back the session's number and the version of its table, four of them each, with
    /// the link alone. What follows is said there, in [`words`](crate::engine::bpf_lsm::words).
    InKernel,
    /// Monitor: no answer. Bytes: why, one of [`RefusalCode`](crate::protocol::RefusalCode).
    Refused,
}

/// How much a session wants to be judged in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It is guarded so or not at all.
    Needed,
    /// It can do without.
    IfItCan,
}

impl Asked {
    pub(super) fn of(bytes: &[u8]) -> Self {
        if bytes == [Asked::IfItCan as u8] { Asked::IfItCan } else { Asked::Needed }
    }
}

impl Kind {
    const ALL: [Kind; 14] = [
        Kind::Armed,
        Kind::MayRegister,
        Kind::Where,
        Kind::Inside,
        Kind::Over,
        Kind::List,
        Kind::Describe,
        Kind::Description,
        Kind::End,
        Kind::Ask,
        Kind::Asked,
        Kind::Answer,
        Kind::Refused,
        Kind::InKernel,
    ];

    fn byte(self) -> u8 {
        Self::ALL.iter().position(|kind| *kind == self).unwrap_or_default() as u8
    }
}

/// One message.
#[derive(Debug)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The descriptors that came with it.
    pub fds: Vec<OwnedFd>,
}

/// Sends one message over a sequenced-packet socket.
pub fn send(socket: BorrowedFd<'_>, kind: Kind, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    if bytes.len() >= MAX_MESSAGE {
        return Err(Errno::EMSGSIZE);
    }
    let mut packet = vec![kind.byte()];
    packet.extend_from_slice(bytes);
    handoff::send(socket, &packet, fds).map(drop)
}

/// Receives one message; `Ok(None)`: the other side is gone, or spoke what is no message.
pub fn receive(socket: BorrowedFd<'_>) -> Result<Option<Message>, Errno> {
    let mut packet = vec![0; MAX_MESSAGE];
    let (length, fds) = handoff::receive(socket, &mut packet)?;
    let Some((&first, bytes)) = packet[..length].split_first() else { return Ok(None) };
    let kind = Kind::ALL.get(usize::from(first)).copied();
    Ok(kind.map(|kind| Message { kind, bytes: bytes.to_vec(), fds }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use std::os::fd::AsFd;

    #[test]
    fn messages_keep_their_bounds_and_what_is_none_ends_the_conversation() {
        let (here, there) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        send(here.as_fd(), Kind::List, b"", &[]).unwrap();
        send(here.as_fd(), Kind::Description, b"{}", &[here.as_fd()]).unwrap();
        assert_eq!(receive(there.as_fd()).unwrap().unwrap().kind, Kind::List);
        let second = receive(there.as_fd()).unwrap().unwrap();
        assert_eq!(
            (second.kind, second.bytes.as_slice(), second.fds.len()),
            (Kind::Description, &b"{}"[..], 1)
        );
        handoff::send(here.as_fd(), &[99], &[]).unwrap();
        assert!(receive(there.as_fd()).unwrap().is_none());
        assert_eq!(send(here.as_fd(), Kind::Description, &vec![0; MAX_MESSAGE], &[]), Err(Errno::EMSGSIZE));
    }
}
