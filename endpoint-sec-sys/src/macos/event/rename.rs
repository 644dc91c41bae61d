//! `es_event_rename_t`: `rename(2)`, `renamex_np(2)` with its swap, and their like.

use crate::macos::file::File;
use crate::macos::token::StringToken;

/// A name is changed. May come several times for one call.
#[doc(alias = "es_event_rename_t")]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Rename {
    /// What has the name.
    pub source: *const File,
    /// `DESTINATION_*`.
    pub destination_type: u32,
    /// Which part is there, `destination_type` says.
    pub destination: Destination,
    /// Nothing yet.
    pub reserved: [u8; 64],
}

layout!(Rename, size 104, source at 0, destination_type at 8, destination at 16, reserved at 40);

/// The new name.
#[repr(C)]
#[derive(Clone, Copy)]
pub union Destination {
    /// What has it now, and will be gone.
    pub existing_file: *const File,
    /// Nothing has it.
    pub new_path: NewPath,
}

/// A free name.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct NewPath {
    /// The directory.
    pub dir: *const File,
    /// The name in it.
    pub filename: StringToken,
}

layout!(NewPath, size 24, dir at 0, filename at 8);
