//! `es_event_link_t`: `link(2)`.

use crate::macos::file::File;
use crate::macos::token::StringToken;

/// A file gets another name.
#[doc(alias = "es_event_link_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The file.
    pub source: *const File,
    /// The directory of the new name.
    pub target_dir: *const File,
    /// The new name in it.
    pub target_filename: StringToken,
    /// Nothing yet.
    pub reserved: [u8; 64],
}

// The size is published; the offsets are two pointers and a string.
layout!(Link, size 96, source at 0, target_dir at 8, target_filename at 16);
