//! The directory that a thing goes back to. It is reached from the root name by name, and no symlink on the way
//! is followed: what was a directory then may be somebody's trap now.

use endpoint_sec::linux::handle::{Handle, Kind};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, mkdirat};
use std::ffi::{CStr, CString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Why a thing can't go back to its place.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlaceError {
    #[error("{} is a symlink now: put it back elsewhere, with --to", .0.display())]
    Symlink(PathBuf),
    #[error("{} is no directory now: move it away, or put it back elsewhere, with --to", .0.display())]
    NoDirectory(PathBuf),
    #[error("{} is no path of a thing", .0.display())]
    Nameless(PathBuf),
    #[error("{}: {errno}", path.display())]
    Refused { path: PathBuf, errno: Errno },
}

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) dir: Handle,
    pub(super) name: CString,
    /// The directories that were made on the way.
    pub(super) made: Vec<PathBuf>,
}

impl Place {
    /// Finds a place; `None` where its directory is not there.
    pub(super) fn find(path: &Path) -> Result<Option<Self>, PlaceError> {
        Self::reach(path, false)
    }

    /// Finds a place, and makes the directories that are missing on the way.
    pub(super) fn make(path: &Path) -> Result<Self, PlaceError> {
        let refused = || PlaceError::Refused { path: path.to_owned(), errno: Errno::ENOENT };
        Self::reach(path, true)?.ok_or_else(refused)
    }

    fn reach(path: &Path, make: bool) -> Result<Option<Self>, PlaceError> {
        let nameless = || PlaceError::Nameless(path.to_owned());
        let name =
            path.file_name().and_then(|name| CString::new(name.as_bytes()).ok()).ok_or_else(nameless)?;
        let mut at = PathBuf::from("/");
        let refused = |path: &Path, errno| PlaceError::Refused { path: path.to_owned(), errno };
        let mut dir = Handle::open(&at).map_err(|errno| refused(&at, errno))?;
        let mut made = Vec::new();
        for component in path.parent().unwrap_or(Path::new("/")).components() {
            let name = match component {
                Component::Normal(name) => CString::new(name.as_bytes()).map_err(|_| nameless())?,
                Component::RootDir => continue,
                _ => return Err(nameless()),
            };
            at.push(component);
            let opened = match enter(&dir, &name) {
                Err(Errno::ENOENT) if !make => return Ok(None),
                Err(Errno::ENOENT) => {
                    let all = Mode::S_IRWXU | Mode::S_IRWXG | Mode::S_IRWXO;
                    match mkdirat(&dir, name.as_c_str(), all) {
                        Ok(()) => made.push(at.clone()),
                        Err(Errno::EEXIST) => {}
                        Err(errno) => return Err(refused(&at, errno)),
                    }
                    enter(&dir, &name)
                }
                opened => opened,
            };
            dir = opened.map_err(|errno| match (errno, dir.stat_entry(&name).map(|stat| stat.kind)) {
                (Errno::ENOTDIR | Errno::ELOOP, Ok(Kind::Symlink)) => PlaceError::Symlink(at.clone()),
                (Errno::ENOTDIR, _) => PlaceError::NoDirectory(at.clone()),
                _ => refused(&at, errno),
            })?;
        }
        Ok(Some(Self { dir, name, made }))
    }

    /// What is there, a symlink not being followed.
    pub(super) fn thing(&self) -> Result<Option<Handle>, Errno> {
        look(&self.dir, &self.name)
    }
}

/// What has a name in a directory, a symlink not being followed.
pub(super) fn look(dir: &Handle, name: &CStr) -> Result<Option<Handle>, Errno> {
    match Handle::open_at(dir.as_fd(), name, OFlag::O_NOFOLLOW) {
        Ok(thing) => Ok(Some(thing)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn enter(dir: &Handle, name: &CStr) -> Result<Handle, Errno> {
    Handle::open_at(dir.as_fd(), name, OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY)
}
