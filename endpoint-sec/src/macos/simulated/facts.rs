//! What the simulated kernel says of a file.

use endpoint_sec_sys::macos::file::Stat;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub(super) path: PathBuf,
    pub(super) truncated: bool,
    pub(super) stat: Stat,
}

impl Facts {
    /// A regular file. Which one it is, is made from its path: two paths are two files.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::made_up(path.into(), 0o100_644)
    }

    /// A directory.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self::made_up(path.into(), 0o040_755)
    }

    /// A real one of this machine, not followed if it is a symlink.
    pub fn of(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let real = path.symlink_metadata()?;
        let stat = Stat {
            st_dev: real.dev() as i32,
            st_mode: real.mode() as u16,
            st_nlink: real.nlink() as u16,
            st_ino: real.ino(),
            st_uid: real.uid(),
            st_gid: real.gid(),
            st_size: real.size() as i64,
            ..Stat::default()
        };
        Ok(Self { path, truncated: false, stat })
    }

    /// The same file by another name.
    pub fn also_at(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = path.into();
        self.stat.st_nlink = 2;
        self
    }

    /// With a path of which only so much fits into a message.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        let kept = &self.path.as_os_str().as_bytes()[..bytes];
        self.path = PathBuf::from(std::ffi::OsStr::from_bytes(kept));
        self.truncated = true;
        self
    }

    /// Where.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory it is in.
    pub(super) fn parent(&self) -> Self {
        Self::directory(self.path.parent().unwrap_or(Path::new("/")))
    }

    fn made_up(path: PathBuf, mode: u16) -> Self {
        // FNV-1a: the same path is the same file in every run.
        let inode = path.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let stat = Stat {
            st_dev: 16_777_220,
            st_mode: mode,
            st_nlink: 1,
            st_ino: inode,
            st_uid: 501,
            ..Stat::default()
        };
        Self { path, truncated: false, stat }
    }
}

/// A name that something gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// It is taken.
    Existing(Facts),
    /// It is free.
    New {
        /// The directory.
        directory: Facts,
        /// The name in it.
        name: OsString,
    },
}

impl To {
    /// A free name, in a directory that is made up.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let directory = Facts::directory(path.parent().unwrap_or(Path::new("/")));
        Self::New { directory, name: path.file_name().unwrap_or_default().to_owned() }
    }

    /// By what is on this machine: taken or free.
    pub fn of(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        match Facts::of(path) {
            Ok(file) => Ok(Self::Existing(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let directory = Facts::of(path.parent().unwrap_or(Path::new("/")))?;
                Ok(Self::New { directory, name: path.file_name().unwrap_or_default().to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    /// The whole path.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Existing(file) => file.path.clone(),
            Self::New { directory, name } => directory.path.join(name),
        }
    }
}
