//! The policy file as a file: where it is, reading it within limits, and noticing that it has changed.

use super::error::PlanError;
use super::place;
use helper_daemon::policy::file::{MAX_BYTES, PolicyFile, parse};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where the policy is read from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    path: PathBuf,
    /// The symlinks through which its directory was reached.
    way: Vec<PathBuf>,
    /// Named by the person, so it must be there.
    named: bool,
    home: PathBuf,
}

/// Equal as long as the policy file has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(Option<Facts>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Facts {
    dev: u64,
    ino: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Source {
    pub(super) fn new(named: Option<&Path>, home: &Path, cwd: &Path) -> Self {
        let path = named.map_or_else(|| crate::state::default_policy(home), |path| cwd.join(path));
        let way = path.parent().map(place::links).unwrap_or_default();
        // Through which symlinks its directory was reached is settled now: one that the agent turns later
        // leads to no other policy in this session.
        let settled = path.parent().zip(path.file_name()).map(|(dir, name)| place::resolve(dir).0.join(name));
        let path = settled.unwrap_or(path);
        Self { path, way, named: named.is_some(), home: home.to_owned() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says; `None` when the default one is not there.
    pub(super) fn read(&self) -> Result<Option<PolicyFile>, PlanError> {
        let path = || self.path.clone();
        let unreadable = |source| PlanError::FileUnreadable { path: path(), source };
        // A fifo must not hold es-guard up, and a symlink that leads nowhere is not "no policy file".
        let opened = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(&self.path);
        let file = match opened {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound && self.named => {
                return Err(PlanError::FileMissing(path()));
            }
            Err(e) if e.kind() == ErrorKind::NotFound && self.path.symlink_metadata().is_err() => {
                return Ok(None);
            }
            Err(e) => return Err(self.other().unwrap_or_else(|| unreadable(e))),
        };
        if let Some(error) = self.other() {
            return Err(error);
        }
        let mut text = Vec::new();
        File::take(file, MAX_BYTES + 1).read_to_end(&mut text).map_err(unreadable)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(PlanError::FileTooLong { path: path() });
        }
        let broken = |mistake| PlanError::FileBroken { path: path(), mistake };
        parse(&text, &self.home).map(Some).map_err(broken)
    }

    /// The error for what is no regular file.
    fn other(&self) -> Option<PlanError> {
        let kind = self.path.metadata().ok()?.file_type();
        let found = match () {
            () if kind.is_file() => return None,
            () if kind.is_dir() => "a directory",
            () if kind.is_fifo() => "a fifo",
            () if kind.is_socket() => "a socket",
            () => "a device",
        };
        Some(PlanError::FileIsOther { path: self.path.clone(), found })
    }

    /// The file's name, where it leads if that is a symlink, and every symlink on the way to either.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        let mut places = vec![self.path.clone(), place::resolve(&self.path).0];
        places.extend(self.way.iter().cloned());
        places.extend(place::links(&self.path));
        places
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.path.metadata().ok().map(|found| Facts {
            dev: found.dev(),
            ino: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }))
    }
}

const O_NONBLOCK: i32 = nix::fcntl::OFlag::O_NONBLOCK.bits();
