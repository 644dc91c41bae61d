//! `es_event_exchangedata_t`: `exchangedata(2)`.

use crate::macos::file::File;

/// Two files exchange their content.
#[doc(alias = "es_event_exchangedata_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ExchangeData {
    /// One.
    pub file1: *const File,
    /// The other.
    pub file2: *const File,
    /// Nothing yet.
    pub reserved: [u8; 64],
}

// Not published: two pointers and 64 reserved bytes, as in an unlink, which is.
layout!(ExchangeData, size 80, file1 at 0, file2 at 8);
