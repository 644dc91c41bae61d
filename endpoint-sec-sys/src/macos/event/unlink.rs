//! `es_event_unlink_t`: `unlink(2)` and `rmdir(2)`.

use crate::macos::file::File;

/// A name is removed. May come several times for one call.
#[doc(alias = "es_event_unlink_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Unlink {
    /// What has the name.
    pub target: *const File,
    /// The directory it is in.
    pub parent_dir: *const File,
    /// Nothing yet.
    pub reserved: [u8; 64],
}

layout!(Unlink, size 80, target at 0, parent_dir at 8);
