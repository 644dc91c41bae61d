//! The embedded helper's door: a socket in the user's state folder, at which the session is asked by others than
//! `wrap`.
//!
//! `wrap` makes it before it starts the helper, which takes it along and removes it when the session is over. A door
//! at which nobody answers was left by a helper that was killed.

#[cfg_attr(target_os = "linux", path = "door/linux.rs")]
#[cfg_attr(target_os = "macos", path = "door/macos.rs")]
mod system;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// A socket that somebody may connect to.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    folder: OwnedFd,
    name: OsString,
}

impl Door {
    /// Makes one of this name in a folder, for this user alone. The process must have a single thread: its mask for
    /// new files is another one for a moment.
    pub fn make(path: &Path) -> io::Result<Self> {
        let (folder, name) = place(path)?;
        let mask = umask(Mode::from_bits_truncate(0o177));
        let bound = at(&folder, &name, path, |path| UnixListener::bind(path));
        umask(mask);
        let listener = bound?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, folder, name })
    }

    /// One that another process of es-guard has made, and handed over.
    pub(super) fn taken(listener: UnixListener, folder: OwnedFd, name: OsString) -> Self {
        Self { listener, folder, name }
    }

    /// Its name in its folder.
    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    /// What must stay open.
    pub(super) fn fds(&self) -> [BorrowedFd<'_>; 2] {
        [self.listener.as_fd(), self.folder.as_fd()]
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// Removes it: nobody is to come any more.
    pub fn remove(&self) {
        // One that stays is known by that nobody answers.
        let _ = unlinkat(&self.folder, self.name.as_os_str(), UnlinkatFlags::NoRemoveDir);
    }
}

/// Connects to a door, however long its path is.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    let (folder, name) = place(path)?;
    at(&folder, &name, path, |path| UnixStream::connect(path))
}

fn place(path: &Path) -> io::Result<(OwnedFd, OsString)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let flags = system::FOLDER | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok((open(folder, flags, Mode::empty())?, name.to_owned()))
}

/// Does something with the socket's path, or where that is too long, with a shorter one to the same place.
fn at<T>(
    folder: &OwnedFd,
    name: &OsString,
    path: &Path,
    act: impl Fn(&Path) -> io::Result<T>,
) -> io::Result<T> {
    if path.as_os_str().as_bytes().len() <= system::LONGEST {
        return act(path);
    }
    act(&system::shorter(folder, name)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_door_is_its_users_alone_and_has_room_for_any_path() {
        let dir = tempfile::tempdir().unwrap();
        for folder in [dir.path().to_owned(), dir.path().join("x".repeat(system::ROOM))] {
            std::fs::create_dir_all(&folder).unwrap();
            let path = folder.join("20260102-030405-abcd.sock");
            let door = Door::make(&path).unwrap();
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            connect(&path).unwrap();
            assert!(Door::make(&path).is_err());
            let another = folder.join("another");
            drop(Door::make(&another).unwrap());
            // A process that another test forks has it, too, until it executes or ends.
            let mut comes = (0..1000).map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(5));
                connect(&another).map_err(|error| error.kind())
            });
            assert!(comes.any(|came| came.err() == Some(io::ErrorKind::ConnectionRefused)));
            door.remove();
            assert!(!path.exists());
        }
    }
}
