//! `es_event_truncate_t`: `truncate(2)`. One that comes with an open is in the open's flags.

use crate::macos::file::File;

/// A file is cut or extended by its path.
#[doc(alias = "es_event_truncate_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Truncate {
    /// The file.
    pub target: *const File,
    /// Nothing yet.
    pub reserved: [u8; 64],
}

// Not published: a pointer and 64 reserved bytes, as in a fork, which is.
layout!(Truncate, size 72, target at 0);
