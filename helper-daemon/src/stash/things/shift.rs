//! Giving a thing another name in another directory, where nothing has that name yet.

use super::looks::set_mode;
use endpoint_sec::linux::handle::{Handle, Kind};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, renameat, renameat2};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};
use std::ffi::CStr;
use std::os::fd::BorrowedFd;

/// Moves the entry `name` of one directory to the new entry `new` of another, a directory that can't be written
/// too.
///
/// # Errors
/// `EEXIST` where there is something of that name, `EXDEV` where the other directory is on another mount; what
/// renameat2(2) says.
pub fn shift(from: BorrowedFd<'_>, name: &CStr, to: BorrowedFd<'_>, new: &CStr) -> Result<(), Errno> {
    match renameat2(from, name, to, new, RenameFlags::RENAME_NOREPLACE) {
        // A directory has a new parent to note, for which it must be writable.
        Err(Errno::EACCES) => opened_up(from, name, to, new),
        // The file system can't.
        Err(Errno::EINVAL) => without_replacing(from, name, to, new),
        moved => moved,
    }
}

fn opened_up(from: BorrowedFd<'_>, name: &CStr, to: BorrowedFd<'_>, new: &CStr) -> Result<(), Errno> {
    let there = Handle::open_at(from, name, OFlag::O_NOFOLLOW)?;
    let stat = there.stat()?;
    if stat.kind != Kind::Directory || stat.mode & 0o200 != 0 {
        return Err(Errno::EACCES);
    }
    set_mode(&there, stat.mode | 0o700)?;
    let moved = renameat2(from, name, to, new, RenameFlags::RENAME_NOREPLACE);
    set_mode(&there, stat.mode)?;
    moved
}

/// Two steps where the file system has no way in one. Killed in between, a file has two names.
fn without_replacing(from: BorrowedFd<'_>, name: &CStr, to: BorrowedFd<'_>, new: &CStr) -> Result<(), Errno> {
    match linkat(from, name, to, new, AtFlags::empty()) {
        Ok(()) => unlinkat(from, name, UnlinkatFlags::NoRemoveDir),
        // A directory, or no hard links either: between the look and the act only an empty directory is replaced.
        Err(Errno::EPERM | Errno::EOPNOTSUPP) => match Handle::open_at(to, new, OFlag::O_NOFOLLOW) {
            Err(Errno::ENOENT) => renameat(from, name, to, new),
            Err(errno) => Err(errno),
            Ok(_) => Err(Errno::EEXIST),
        },
        Err(errno) => Err(errno),
    }
}
