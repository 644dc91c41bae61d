//! What a session's worker and the one who holds the kernel's tables say to one another: packets of a kind and bytes, on
//! a socket of their own. The worker asks one thing at a time, and each is answered once; what the kernel tells comes in
//! between.

use endpoint_sec::unix::handoff;
use nix::errno::Errno;
use std::os::fd::{BorrowedFd, OwnedFd};

/// The longest packet. A record of the kernel's fits.
pub const MAX_WORD: usize = 64 << 10;
/// The longest table.
pub const MAX_TABLE: usize = 4 << 20;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Worker: a part of a table. Not answered.
    Part,
    /// Worker: that was the table, judge by it. Bytes: its version, four of them.
    Judge,
    /// Worker: the process that it told of is to be guarded from now on.
    Arm,
    /// Worker: pass on what there is.
    Settle,
    /// Holder: done.
    Done,
    /// Holder: not done. Bytes: why, in words.
    Refused,
    /// Holder: a record. Bytes: as the kernel has it.
    Record,
    /// Holder: how much was denied of which nothing more can be told. Bytes: what had no room in the kernel since the
    /// session began, eight of them; what had none at the holder since that was told last, as many.
    Lost,
    /// Holder: how many removals and moves of its own the kernel has let through since the session began. Bytes: eight.
    Own,
    /// Holder: the last process of the tree has ended.
    Empty,
}

impl Kind {
    const ALL: [Kind; 10] = [
        Kind::Part,
        Kind::Judge,
        Kind::Arm,
        Kind::Settle,
        Kind::Done,
        Kind::Refused,
        Kind::Record,
        Kind::Lost,
        Kind::Own,
        Kind::Empty,
    ];
}

/// Says a word: `EAGAIN` where there is no room for it now, on a socket that does not wait.
pub fn say(socket: BorrowedFd<'_>, kind: Kind, bytes: &[u8]) -> Result<(), Errno> {
    if bytes.len() >= MAX_WORD {
        return Err(Errno::EMSGSIZE);
    }
    let number = Kind::ALL.iter().position(|known| *known == kind).unwrap_or_default() as u8;
    let mut packet = Vec::with_capacity(bytes.len() + 1);
    packet.push(number);
    packet.extend_from_slice(bytes);
    handoff::send(socket, &packet, &[]).map(drop)
}

/// Hears a word; `Ok(None)`: the other side is gone, or spoke what is no word.
pub fn hear(socket: BorrowedFd<'_>) -> Result<Option<(Kind, Vec<u8>)>, Errno> {
    let mut packet = vec![0; MAX_WORD];
    let (length, _fds): (usize, Vec<OwnedFd>) = handoff::receive(socket, &mut packet)?;
    packet.truncate(length);
    let Some(&first) = packet.first() else { return Ok(None) };
    packet.remove(0);
    Ok(Kind::ALL.get(usize::from(first)).map(|kind| (*kind, packet)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use std::os::fd::AsFd;

    #[test]
    fn every_word_comes_as_it_was_said_and_nonsense_is_the_end() {
        let (here, there) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        for kind in Kind::ALL {
            say(here.as_fd(), kind, b"bytes").unwrap();
            assert_eq!(hear(there.as_fd()).unwrap(), Some((kind, b"bytes".to_vec())));
        }
        handoff::send(here.as_fd(), &[99], &[]).unwrap();
        assert_eq!(hear(there.as_fd()).unwrap(), None);
        assert_eq!(say(here.as_fd(), Kind::Part, &vec![0; MAX_WORD]), Err(Errno::EMSGSIZE));
        drop(here);
        assert_eq!(hear(there.as_fd()).unwrap(), None);
    }
}
