//! The bytes of a file into another: shared where the file system can, and holes stay holes.

use nix::errno::Errno;
use nix::fcntl::copy_file_range;
use nix::unistd::{Whence, ftruncate, lseek64};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The most that one call copies: it can't be interrupted.
const AT_ONCE: usize = 128 << 20;
/// The room for bytes that go through this process.
const BUFFER: usize = 256 << 10;

/// Copies the first `size` bytes; less where the file is cut meanwhile.
pub(super) fn copy(from: &File, to: &File, size: i64) -> Result<(), Errno> {
    ftruncate(to, size)?;
    let mut at = 0;
    while let Some((start, end)) = data(from, at, size)? {
        let mut done = start;
        while done < end {
            match step(from, to, done, end)? {
                0 => return Ok(()),
                copied => done += copied,
            }
        }
        at = end;
    }
    Ok(())
}

/// The next stretch that is no hole, from `at` on.
fn data(file: &File, at: i64, size: i64) -> Result<Option<(i64, i64)>, Errno> {
    if at >= size {
        return Ok(None);
    }
    match lseek64(file, at, Whence::SeekData) {
        Ok(start) if start >= size => Ok(None),
        Ok(start) => {
            let end = lseek64(file, start, Whence::SeekHole)?;
            Ok(Some((start, end.clamp(start + 1, size))))
        }
        // None but a hole is left.
        Err(Errno::ENXIO) => Ok(None),
        // It can't tell: then all of it is data.
        Err(Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(Some((at, size))),
        Err(errno) => Err(errno),
    }
}

/// Copies some bytes at `at`, none beyond `end`; tells how many.
fn step(from: &File, to: &File, at: i64, end: i64) -> Result<i64, Errno> {
    let length = usize::try_from(end - at).unwrap_or(AT_ONCE).min(AT_ONCE);
    let (mut read, mut written) = (at, at);
    match copy_file_range(from, Some(&mut read), to, Some(&mut written), length) {
        // Some file systems say so of what can be read very well.
        Ok(0) => {}
        Ok(copied) => return Ok(copied as i64),
        Err(Errno::EINTR) => return step(from, to, at, end),
        Err(errno @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG)) => return Err(errno),
        // Between these two it can't be done so; what can't be done at all is said again.
        Err(_) => {}
    }
    let mut buffer = vec![0; BUFFER.min(length)];
    let errno = |e: std::io::Error| Errno::from_raw(e.raw_os_error().unwrap_or(Errno::EIO as i32));
    let got = from.read_at(&mut buffer, at as u64).map_err(errno)?;
    to.write_all_at(&buffer[..got], at as u64).map_err(errno)?;
    Ok(got as i64)
}
