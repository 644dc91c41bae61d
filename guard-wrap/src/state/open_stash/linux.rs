//! On Linux a folder can be open as a place only.

use nix::fcntl::OFlag;

/// How it is opened.
pub(super) const FOLDER: OFlag = OFlag::O_PATH;
