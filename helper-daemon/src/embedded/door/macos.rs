//! On macOS a socket's path has to be short.

use nix::fcntl::OFlag;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// The longest path that a socket's address has room for (`unix(4)`), with its end.
pub(super) const LONGEST: usize = 103;
/// There is nothing less than reading it.
pub(super) const FOLDER: OFlag = OFlag::O_RDONLY;
/// How much longer a path may be.
#[cfg(test)]
pub(super) const ROOM: usize = 1;

/// There is no other path.
pub(super) fn shorter(_: &OwnedFd, name: &OsString) -> io::Result<PathBuf> {
    let name = name.to_string_lossy();
    let why = format!(
        "a socket's path has at most {LONGEST} bytes, and that of {name} has more: set ES_GUARD_HOME to a shorter one"
    );
    Err(io::Error::new(io::ErrorKind::InvalidFilename, why))
}
