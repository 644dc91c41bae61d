//! Reading a caller's memory, with the errors of the kernel's own reading.

use super::{Caller, Unread};
use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use std::io::IoSliceMut;

impl Caller {
    /// Reads a NUL-terminated string of at most `PATH_MAX` bytes, with the errors of the kernel's own
    /// `getname`: `EFAULT`, `ENAMETOOLONG`. An empty string is returned as such.
    pub fn read_path(&self, address: u64) -> Result<Vec<u8>, Unread> {
        self.read_string(address, libc::PATH_MAX as usize, Errno::ENAMETOOLONG)
    }

    /// Reads a NUL-terminated string of fewer than `limit` bytes; `too_long` is the error otherwise.
    pub fn read_string(&self, address: u64, limit: usize, too_long: Errno) -> Result<Vec<u8>, Unread> {
        const PAGE: u64 = 4096;
        let mut out = Vec::with_capacity(128);
        let mut chunk = [0u8; PAGE as usize];
        let mut at = address;
        while out.len() < limit {
            // A read that touches an unmapped page fails as a whole, so none crosses into the next.
            let first = if out.is_empty() { 256 } else { PAGE };
            let size = (PAGE - at % PAGE).min(first).min((limit - out.len()) as u64) as usize;
            let read = self.read_memory(at, &mut chunk[..size])?;
            match chunk[..read].iter().position(|&b| b == 0) {
                Some(end) => {
                    out.extend_from_slice(&chunk[..end]);
                    return Ok(out);
                }
                None => out.extend_from_slice(&chunk[..read]),
            }
            at += read as u64;
        }
        Err(Unread::Bare(too_long))
    }

    /// Reads exactly the bytes at `address`.
    pub fn read_exact(&self, address: u64, into: &mut [u8]) -> Result<(), Unread> {
        let mut done = 0;
        while done < into.len() {
            done += self.read_memory(address + done as u64, &mut into[done..])?;
        }
        Ok(())
    }

    fn read_memory(&self, address: u64, into: &mut [u8]) -> Result<usize, Unread> {
        let remote = RemoteIoVec { base: address as usize, len: into.len() };
        match process_vm_readv(Pid::from_raw(self.tid), &mut [IoSliceMut::new(into)], &[remote]) {
            Ok(0) | Err(Errno::EFAULT) => Err(Unread::Bare(Errno::EFAULT)),
            Ok(read) => Ok(read),
            Err(Errno::ESRCH) => Err(Unread::Gone),
            Err(e) => Err(Unread::Refused(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Caller {
        Caller::new(std::process::id() as i32)
    }

    #[test]
    fn a_string_is_read_up_to_its_end_and_no_further() {
        let text = c"/some/path";
        assert_eq!(me().read_path(text.as_ptr() as u64).unwrap(), b"/some/path");
    }

    #[test]
    fn a_string_without_an_end_is_too_long_and_a_bad_address_is_a_fault() {
        let long = vec![b'a'; 3 * 4096];
        assert_eq!(me().read_path(long.as_ptr() as u64), Err(Unread::Bare(Errno::ENAMETOOLONG)));
        assert_eq!(me().read_path(8), Err(Unread::Bare(Errno::EFAULT)));
    }
}
