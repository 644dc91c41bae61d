//! What the kernel says of a file that is there.

use crate::macos::message::Malformed;
use endpoint_sec_sys::macos::{file as sys, token::StringToken};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Which file it is, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// Device.
    pub device: i32,
    /// Inode.
    pub inode: u64,
}

/// A file that is there.
#[doc(alias = "es_file_t")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    path: PathBuf,
    truncated: bool,
    /// Which file.
    pub id: FileId,
    /// Type and permission bits.
    pub mode: u16,
    /// Its names. With more than one, the path is any of them: compare `id`, too.
    pub links: u16,
    /// Owner.
    pub user: u32,
    /// When it was made, in seconds and nanoseconds since 1970: tells it from a later one of the same inode.
    pub born: (i64, i64),
    /// When its content, names or attributes were changed last.
    pub changed: (i64, i64),
}

impl File {
    /// Absolute, without symlinks, as the disk has it. `None` where the kernel cut it: what is not known whole
    /// cannot be judged.
    pub fn path(&self) -> Option<&Path> {
        (!self.truncated).then_some(&*self.path)
    }

    /// As far as it is known, for a record.
    pub fn path_as_told(&self) -> &Path {
        &self.path
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    /// Whether it is a regular file.
    pub fn is_regular(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }

    /// Reads it out of a message.
    ///
    /// # Safety
    /// `raw` is null or a file of a message that is alive.
    pub(crate) unsafe fn read(raw: *const sys::File, what: &'static str) -> Result<Self, Malformed> {
        // SAFETY:
        // - the caller vouches for what is not null; this structure does not grow with the version.
        let raw = unsafe { raw.as_ref() }.ok_or(Malformed::Missing(what))?;
        Ok(Self {
            // SAFETY:
            // - the text is of the same message.
            path: unsafe { text(raw.path) }.into(),
            truncated: raw.path_truncated,
            id: FileId { device: raw.stat.st_dev, inode: raw.stat.st_ino },
            mode: raw.stat.st_mode,
            links: raw.stat.st_nlink,
            user: raw.stat.st_uid,
            born: moment(raw.stat.st_birthtimespec),
            changed: moment(raw.stat.st_ctimespec),
        })
    }
}

fn moment(time: sys::Timespec) -> (i64, i64) {
    (time.tv_sec, time.tv_nsec)
}

/// Reads text out of a message.
///
/// # Safety
/// `token` is of a message that is alive.
pub(crate) unsafe fn text(token: StringToken) -> OsString {
    if token.data.is_null() || token.length == 0 {
        return OsString::new();
    }
    // SAFETY:
    // - the caller vouches that the message, which owns the bytes, is alive; nobody writes to it.
    // - `data` is not null, and has `length` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(token.data.cast::<u8>(), token.length) };
    OsStr::from_bytes(bytes).to_owned()
}
