//! Noticing that places moved: mounts that come and go, directories that are renamed by somebody outside.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

/// A second watch on the same inode adds to the first instead of replacing it.
const ADD_TO_MASK: AddWatchFlags = AddWatchFlags::from_bits_retain(libc::IN_MASK_ADD);

/// Watches this process's mount namespace and a set of directories.
#[derive(Debug)]
pub struct Changes {
    mounts: File,
    /// `None` where the user has no inotify instance left: then names count as changed at every look.
    names: Option<Inotify>,
}

/// What has changed since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Something was mounted, moved or unmounted.
    pub mounts: bool,
    /// A watched directory was moved or removed, or a name in it came or went.
    pub names: bool,
}

impl Changes {
    /// Starts watching the mounts.
    pub fn new() -> Result<Self, Errno> {
        let mounts = File::open("/proc/self/mountinfo")
            .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::ENOENT)))?;
        Ok(Self { mounts, names: Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok() })
    }

    /// Watches a directory or file: that it is moved or removed.
    pub fn watch_self(&self, path: &Path) -> Result<(), Errno> {
        let flags = AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_DELETE_SELF | ADD_TO_MASK;
        self.add_watch(path, flags)
    }

    /// Watches a directory for names that come or go: a zone may appear in it.
    pub fn watch_names(&self, path: &Path) -> Result<(), Errno> {
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF
            | ADD_TO_MASK;
        self.add_watch(path, flags)
    }

    fn add_watch(&self, path: &Path, flags: AddWatchFlags) -> Result<(), Errno> {
        self.names.as_ref().ok_or(Errno::EMFILE)?.add_watch(path, flags).map(drop)
    }

    /// What has changed since the last call. One system call when nothing has.
    ///
    /// A mount table read *after* this has said `mounts: false` may be older than the call, never newer; a
    /// handle opened before the call keeps its mount's id from being used again.
    pub fn look(&self) -> Changed {
        let Some(names) = &self.names else { return Changed { mounts: true, names: true } };
        let mut fds = [
            PollFd::new(self.mounts.as_fd(), PollFlags::POLLPRI),
            PollFd::new(names.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::ZERO) {
            Ok(0) => return Changed { mounts: false, names: false },
            Ok(_) => {}
            Err(_) => return Changed { mounts: true, names: true },
        }
        let set = |fd: &PollFd<'_>| fd.revents().is_none_or(|flags| !flags.is_empty());
        let changed = Changed { mounts: set(&fds[0]), names: set(&fds[1]) };
        if changed.names {
            while names.read_events().is_ok_and(|events| !events.is_empty()) {}
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_directory_is_noticed_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        let changes = Changes::new().unwrap();
        changes.watch_self(&dir.path().join("a")).unwrap();
        changes.look();
        assert!(!changes.look().names);
        std::fs::rename(dir.path().join("a"), dir.path().join("b")).unwrap();
        assert!(changes.look().names);
        assert!(!changes.look().names);
    }
}
