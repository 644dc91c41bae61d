//! Loose objects: a file each, compressed, with kind and size at its head.

use super::super::files;
use super::super::format::Oid;
use super::{Kind, MAX_OBJECT, Object, inflate};
use std::os::fd::BorrowedFd;

/// Longer than any head.
const MAX_HEAD: usize = 32;

/// Reads the file that should have this object.
pub(super) fn read(store: BorrowedFd<'_>, oid: &Oid) -> Option<Object> {
    let hex = oid.hex();
    let (file, _) = files::open_file(store, format!("{}/{}", &hex[..2], &hex[2..]).as_bytes())?;
    let mut bytes = inflate::at(&file, 0, MAX_OBJECT + MAX_HEAD)?;
    let end = bytes.iter().take(MAX_HEAD).position(|&byte| byte == 0)?;
    let (kind, size) = std::str::from_utf8(&bytes[..end]).ok()?.split_once(' ')?;
    let kind = match kind {
        "commit" => Kind::Commit,
        "tree" => Kind::Tree,
        "blob" => Kind::Blob,
        "tag" => Kind::Tag,
        _ => return None,
    };
    let size: usize = size.parse().ok()?;
    bytes.drain(..=end);
    (bytes.len() == size).then(|| Object { kind, bytes, files: vec![file] })
}
