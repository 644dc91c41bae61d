//! `es_event_create_t`: a file, directory, socket or anything else gets a name.

use crate::macos::file::File;
use crate::macos::token::StringToken;

/// A name is made.
#[doc(alias = "es_event_create_t")]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Create {
    /// `DESTINATION_*`; asked beforehand it is always a new path.
    pub destination_type: u32,
    /// Which part is there, `destination_type` says.
    pub destination: Destination,
    /// Nothing yet.
    pub reserved2: [u8; 16],
    /// From version 2 an access control list, which nobody here reads.
    pub reserved: [u8; 48],
}

// 8 + 32 + 16 + 48. The destination's parts follow from their types.
layout!(Create, size 104, destination_type at 0, destination at 8, reserved2 at 40, reserved at 56);

/// Where.
#[repr(C)]
#[derive(Clone, Copy)]
pub union Destination {
    /// What is there already.
    pub existing_file: *const File,
    /// What will be there.
    pub new_path: NewPath,
}

/// A free name, and what will have it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct NewPath {
    /// The directory.
    pub dir: *const File,
    /// The name in it.
    pub filename: StringToken,
    /// Type and permission bits.
    pub mode: u16,
}

layout!(NewPath, size 32, dir at 0, filename at 8, mode at 24);
