//! `es_event_clone_t`: `clonefile(2)`.

use crate::macos::file::File;
use crate::macos::token::StringToken;

/// A file shares its content with a new one.
#[doc(alias = "es_event_clone_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Clone {
    /// What is cloned.
    pub source: *const File,
    /// The directory of the clone.
    pub target_dir: *const File,
    /// The clone's name in it.
    pub target_name: StringToken,
    /// Nothing yet.
    pub reserved: [u8; 64],
}

// The size is published; the offsets are two pointers and a string.
layout!(Clone, size 96, source at 0, target_dir at 8, target_name at 16);
