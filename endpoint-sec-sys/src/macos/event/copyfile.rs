//! `es_event_copyfile_t` (12.0): the system call, not `copyfile(3)`.

use crate::macos::file::File;
use crate::macos::token::StringToken;

/// The kernel copies a file.
#[doc(alias = "es_event_copyfile_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CopyFile {
    /// What is copied.
    pub source: *const File,
    /// What will be overwritten, or null.
    pub target_file: *const File,
    /// The directory of the copy.
    pub target_dir: *const File,
    /// The copy's name in it.
    pub target_name: StringToken,
    /// Permission bits.
    pub mode: u16,
    /// Flags of the call.
    pub flags: i32,
    /// Nothing yet.
    pub reserved: [u8; 56],
}

layout!(CopyFile, size 104, source at 0, target_file at 8, target_dir at 16, target_name at 24, mode at 40, flags at 44);
