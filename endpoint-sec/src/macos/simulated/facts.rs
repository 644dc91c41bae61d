//! What the simulated kernel says of a file.

use crate::macos::file::FileId;
use endpoint_sec_sys::macos::file::{Stat, Timespec};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

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
            st_ctimespec: Timespec { tv_sec: real.ctime(), tv_nsec: real.ctime_nsec() },
            st_birthtimespec: real.created().map(since_1970).unwrap_or_default(),
            ..Stat::default()
        };
        Ok(Self { path, truncated: false, stat })
    }

    /// Which file it is.
    pub fn id(&self) -> FileId {
        FileId { device: self.stat.st_dev, inode: self.stat.st_ino }
    }

    /// The same file, at another place now.
    pub fn at(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = path.into();
        self
    }

    /// The same file by another name, too.
    pub fn also_at(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = path.into();
        self.stat.st_nlink = 2;
        self
    }

    /// As it is after its content or attributes were changed at this time, in seconds since 1970.
    pub fn changed_at(mut self, seconds: i64) -> Self {
        self.stat.st_ctimespec = Timespec { tv_sec: seconds, tv_nsec: 0 };
        self
    }

    /// Another one of the same inode, made at this time, in seconds since 1970.
    pub fn born_at(mut self, seconds: i64) -> Self {
        self.stat.st_birthtimespec = Timespec { tv_sec: seconds, tv_nsec: 0 };
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

fn since_1970(time: SystemTime) -> Timespec {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timespec { tv_sec: since.as_secs() as i64, tv_nsec: i64::from(since.subsec_nanos()) }
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
