//! Whether a repository holds this very content: decoded, and compared byte for byte.
//!
//! The hash only finds the object. What decides is what the object is made of, as it can be read today.

use super::objects::{self, MAX_OBJECT, Objects};
use super::{files, repository};
use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// What is looked for.
#[derive(Debug)]
pub(super) enum Sought {
    /// A regular file, open for reading.
    File(OwnedFd),
    /// A symlink's target.
    Link(Vec<u8>),
}

/// The files of an object of the repository with this common directory that has this content: its own, or a pack and
/// its index. `before`, in nanoseconds since the epoch: what is in directories that were born later does not count.
pub(super) fn holder(common: BorrowedFd<'_>, sought: Sought, before: Option<i128>) -> Option<Vec<File>> {
    let format = repository::format(common)?;
    let (size, content) = match sought {
        Sought::File(fd) => {
            let file = File::from(fd);
            (files::size_of(&file)?, Content::File(file))
        }
        Sought::Link(target) => (target.len() as u64, Content::Link(target)),
    };
    if size > MAX_OBJECT as u64 {
        return None;
    }
    let oid = format.blob(size, &mut Reader { content: &content, at: 0 })?;
    let objects = Objects::new(common, format, before)?;
    objects.any(&oid, |kind, bytes| kind == objects::Kind::Blob && content.is(bytes))
}

enum Content {
    File(File),
    Link(Vec<u8>),
}

impl Content {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(buffer, at),
            Self::Link(target) => {
                let rest = target.get(at as usize..).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
        }
    }

    fn is(&self, bytes: &[u8]) -> bool {
        let mut reader = Reader { content: self, at: 0 };
        let (mut buffer, mut rest) = (vec![0; 64 << 10], bytes);
        loop {
            match std::io::Read::read(&mut reader, &mut buffer) {
                Ok(0) => return rest.is_empty(),
                Ok(count) => match rest.strip_prefix(&buffer[..count]) {
                    Some(further) => rest = further,
                    None => return false,
                },
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }
}

/// From the beginning, wherever the descriptor's own position is: it may be another's, too.
struct Reader<'a> {
    content: &'a Content,
    at: u64,
}

impl std::io::Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.content.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}
