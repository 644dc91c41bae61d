//! How much room a thing takes with all that is below it.

use super::descent::{Descent, TreeError};
use endpoint_sec::linux::handle::{Handle, Kind};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};

/// The bytes that the entry `name` of a directory takes on its disk, a file with several names counted once.
/// What can't be looked into, or goes meanwhile, counts nothing.
pub fn weigh(dir: BorrowedFd<'_>, name: &CStr) -> Result<u64, TreeError> {
    let mut at = Descent::begin(dir)?;
    let mut weight = Weight { bytes: 0, seen: HashSet::new() };
    let mut levels: Vec<Vec<CString>> = weight.add(&mut at, name)?.into_iter().collect();
    while let Some(names) = levels.last_mut() {
        match names.pop() {
            Some(name) => levels.extend(weight.add(&mut at, &name)?),
            None => {
                levels.pop();
                at.up()?;
            }
        }
    }
    Ok(weight.bytes)
}

struct Weight {
    bytes: u64,
    seen: HashSet<(u64, u64)>,
}

impl Weight {
    /// Adds one thing; goes down into a directory and tells what is in it.
    fn add(&mut self, at: &mut Descent, name: &CStr) -> Result<Option<Vec<CString>>, TreeError> {
        let (there, stat) = match at.look(name) {
            Ok(found) => found,
            Err(
                TreeError::Refused { errno: Errno::ENOENT | Errno::EACCES, .. } | TreeError::Mount { .. },
            ) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let directory = stat.kind == Kind::Directory;
        if directory || stat.nlink < 2 || self.seen.insert((stat.dev, stat.ino)) {
            let blocks = nix::sys::stat::fstat(&there).map_or(0, |found| found.st_blocks);
            self.bytes += u64::try_from(blocks).unwrap_or(0) * 512;
        }
        // What can't be searched can't be left again, either.
        if !directory || Handle::open_at(there.as_fd(), c"..", OFlag::O_NOFOLLOW).is_err() {
            return Ok(None);
        }
        at.down(name, there)?;
        Ok(Some(at.list().unwrap_or_default()))
    }
}
