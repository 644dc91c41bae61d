//! `es_file_t` and the `struct stat` in it.

use crate::macos::token::StringToken;

/// `struct timespec`, as on 64-bit macOS.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timespec {
    /// Seconds.
    pub tv_sec: i64,
    /// Nanoseconds.
    pub tv_nsec: i64,
}

layout!(Timespec, size 16, tv_sec at 0, tv_nsec at 8);

/// `struct stat` with 64-bit inode numbers (`sys/stat.h`).
#[doc(alias = "stat")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Device.
    pub st_dev: i32,
    /// Type and permission bits.
    pub st_mode: u16,
    /// Number of hard links.
    pub st_nlink: u16,
    /// Inode.
    pub st_ino: u64,
    /// Owner.
    pub st_uid: u32,
    /// Group.
    pub st_gid: u32,
    /// Device number of a device file.
    pub st_rdev: i32,
    /// Last access.
    pub st_atimespec: Timespec,
    /// Last change of content.
    pub st_mtimespec: Timespec,
    /// Last change of status.
    pub st_ctimespec: Timespec,
    /// Creation.
    pub st_birthtimespec: Timespec,
    /// Bytes.
    pub st_size: i64,
    /// Blocks of 512 bytes.
    pub st_blocks: i64,
    /// Preferred size of a transfer.
    pub st_blksize: i32,
    /// `chflags(2)`.
    pub st_flags: u32,
    /// Generation of the inode.
    pub st_gen: u32,
    /// Reserved.
    pub st_lspare: i32,
    /// Reserved.
    pub st_qspare: [i64; 2],
}

// uid, rdev and the times follow from the four published offsets and the declared order.
layout!(Stat, size 144, st_dev at 0, st_mode at 4, st_nlink at 6, st_ino at 8, st_uid at 16, st_gid at 20, st_rdev at 24,
    st_atimespec at 32, st_birthtimespec at 80, st_size at 96, st_flags at 116, st_qspare at 128);

/// `es_file_t`: what the kernel says of a file that is there.
#[doc(alias = "es_file_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Absolute. Of a file with several links, any of its names.
    pub path: StringToken,
    /// Whether `path` was cut (at 16 KiB).
    pub path_truncated: bool,
    /// What `stat(2)` says.
    pub stat: Stat,
}

layout!(File, size 168, path at 0, path_truncated at 16, stat at 24);
