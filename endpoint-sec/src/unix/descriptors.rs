//! Descriptors: which there are, and closing what is not needed.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The descriptors that a program executed by this process inherits.
pub fn inherited() -> std::io::Result<Vec<RawFd>> {
    let mut all = open()?;
    all.retain(|number| {
        // SAFETY:
        // - only what the kernel says of a number is looked at; one that was closed meanwhile is `EBADF`.
        let flags = fcntl(unsafe { BorrowedFd::borrow_raw(*number) }, FcntlArg::F_GETFD);
        flags.is_ok_and(|flags| !FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC))
    });
    Ok(all)
}

/// A descriptor that this program was started with, by its number. It, and what comes back, close on exec.
pub fn given(number: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY:
    // - only a copy is made of it, and a mark set: whoever it belongs to keeps it. A number that is no descriptor is
    //   `EBADF`.
    let given = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(given, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    let copy = fcntl(given, FcntlArg::F_DUPFD_CLOEXEC(3))?;
    // SAFETY:
    // - the kernel has just returned this descriptor; nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Closes every descriptor from 3 on that is not in `keep`.
///
/// For a process that owns none of them by type, and has a single thread.
pub fn close_all_but(keep: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let keep: Vec<RawFd> = keep.iter().map(AsRawFd::as_raw_fd).collect();
    let all = open().map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
    for number in all.into_iter().filter(|number| *number >= 3 && !keep.contains(number)) {
        // SAFETY:
        // - the contract: descriptors that are used later are in `keep`. The one that the list was read by is closed
        //   already, which is `EBADF` here.
        unsafe { libc::close(number) };
    }
    Ok(())
}

fn open() -> std::io::Result<Vec<RawFd>> {
    let names = std::fs::read_dir("/dev/fd")?.flatten();
    let mut all: Vec<RawFd> = names.filter_map(|name| name.file_name().to_str()?.parse().ok()).collect();
    all.sort_unstable();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn what_closes_on_exec_is_not_inherited() {
        let file = tempfile::tempfile().unwrap();
        let number = file.as_raw_fd();
        assert!(!inherited().unwrap().contains(&number));
        fcntl(file.as_fd(), FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        assert!(inherited().unwrap().contains(&number));
        fcntl(file.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    }
}
