//! On macOS a folder that is open can be read.

use nix::fcntl::OFlag;

/// How it is opened.
pub(super) const FOLDER: OFlag = OFlag::O_RDONLY;
