//! On Linux a place has a short name, however deep it lies: that of a descriptor of it.

use nix::fcntl::OFlag;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

/// The longest path that a socket's address has room for (`unix(7)`), with its end.
pub(super) const LONGEST: usize = 107;
/// As a place only.
pub(super) const FOLDER: OFlag = OFlag::O_PATH;
/// How much longer a path may be.
#[cfg(test)]
pub(super) const ROOM: usize = 200;

/// A short path to a name in a folder.
pub(super) fn shorter(folder: &OwnedFd, name: &OsString) -> io::Result<PathBuf> {
    Ok(PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))
}
