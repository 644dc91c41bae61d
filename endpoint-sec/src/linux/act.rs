//! Performing a call on what was resolved.

use crate::linux::handle::Handle;
use crate::linux::in_person::{Spot, even_where_kept_out};
use endpoint_sec_sys::linux::calls::{self, OpenHow, RESOLVE_NO_SYMLINKS};
use nix::errno::Errno;
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// A call on handles and names. Nothing in it is looked up again but the last component, by the kernel.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the arguments of the system calls of the same names")]
pub enum Act<'a> {
    Unlink {
        dir: &'a Handle,
        name: &'a CStr,
    },
    Rmdir {
        dir: &'a Handle,
        name: &'a CStr,
    },
    Rename {
        from: (&'a Handle, &'a CStr),
        to: (&'a Handle, &'a CStr),
        flags: u32,
    },
    /// Opens a file that must be new: `O_EXCL` is added, with which no symlink is followed. The value is a descriptor.
    Open {
        dir: &'a Handle,
        name: &'a CStr,
        flags: i32,
        mode: u32,
    },
    /// Opens what is there: a symlink is not followed, no terminal taken on, nothing cut. `O_CREAT` stays, as the
    /// kernel refuses more with it in sticky directories (`fs.protected_regular`, `fs.protected_fifos`): what
    /// has gone meanwhile is then made. The value is a descriptor.
    OpenExisting {
        dir: &'a Handle,
        name: &'a CStr,
        flags: i32,
        mode: u32,
    },
    /// Opens the very object of a descriptor once more, with these flags. The value is a descriptor.
    Reopen {
        object: RawFd,
        flags: i32,
    },
    /// Cuts or extends the very file of a descriptor.
    Truncate {
        file: RawFd,
        length: i64,
    },
    Mkdir {
        dir: &'a Handle,
        name: &'a CStr,
        mode: u32,
    },
    Mknod {
        dir: &'a Handle,
        name: &'a CStr,
        mode: u32,
        dev: u32,
    },
    Symlink {
        target: &'a CStr,
        dir: &'a Handle,
        name: &'a CStr,
    },
    /// With a name, the entry of that name; without, what the handle itself refers to.
    Link {
        from: &'a Handle,
        from_name: Option<&'a CStr>,
        dir: &'a Handle,
        name: &'a CStr,
    },
    /// Changes nothing: tells whether names may be made and removed in a directory.
    MayChangeNames {
        dir: &'a Handle,
    },
    /// Changes nothing: tells whether what stands at a name, itself no symlink, may be written to.
    MayWrite {
        dir: &'a Handle,
        name: &'a CStr,
    },
    /// Binds a socket that was copied from the caller.
    Bind {
        socket: RawFd,
        dir: &'a Handle,
        name: &'a CStr,
    },
}

/// The flags that `open(2)` knows when it opens what is there: it passes over all others, `openat2(2)` does not.
const KNOWN: i32 = libc::O_ACCMODE
    | libc::O_CREAT
    | libc::O_NOCTTY
    | libc::O_APPEND
    | libc::O_NONBLOCK
    | libc::O_SYNC
    | libc::O_DSYNC
    | libc::O_ASYNC
    | libc::O_DIRECT
    | libc::O_NOFOLLOW
    | libc::O_NOATIME
    | calls::O_LARGEFILE;

impl Act<'_> {
    /// Performs the call with this thread's credentials.
    pub fn perform(&self) -> Result<i64, Errno> {
        even_where_kept_out(&self.spots(), || self.raw())
    }

    /// Where something is done: two places, which may be the same.
    pub(crate) fn spots(&self) -> [Spot<'_>; 2] {
        // SAFETY:
        // - the handles and descriptors of `self` outlive what borrows them through it.
        let held = |fd: RawFd| unsafe { BorrowedFd::borrow_raw(fd) };
        match *self {
            Act::Rename { from: (one, _), to: (other, _), .. } | Act::Link { from: one, dir: other, .. } => {
                [(one.as_fd(), None), (other.as_fd(), None)]
            }
            Act::OpenExisting { dir, name, .. } | Act::MayWrite { dir, name } => {
                [(dir.as_fd(), Some(name)); 2]
            }
            Act::Unlink { dir, .. }
            | Act::Rmdir { dir, .. }
            | Act::Open { dir, .. }
            | Act::Mkdir { dir, .. }
            | Act::Mknod { dir, .. }
            | Act::Symlink { dir, .. }
            | Act::MayChangeNames { dir }
            | Act::Bind { dir, .. } => [(dir.as_fd(), None); 2],
            Act::Reopen { object, .. } => [(held(object), None); 2],
            Act::Truncate { file, .. } => [(held(file), None); 2],
        }
    }

    /// Performs an act whose value is a descriptor, with this thread's credentials.
    pub fn open(&self) -> Result<OwnedFd, Errno> {
        self.perform().map(owned)
    }

    /// The system call alone: no lock, no allocation, so that a child that shares memory may run it.
    pub(crate) fn raw(&self) -> i64 {
        // SAFETY:
        // - every name and target is a live, NUL-terminated string, every descriptor is held open by a handle.
        // - the buffers of `bind` and `link` are on this stack and outlive their calls.
        unsafe {
            match *self {
                Act::Unlink { dir, name } => i64::from(libc::unlinkat(dir.as_raw_fd(), name.as_ptr(), 0)),
                Act::Rmdir { dir, name } => {
                    i64::from(libc::unlinkat(dir.as_raw_fd(), name.as_ptr(), libc::AT_REMOVEDIR))
                }
                Act::Rename { from, to, flags } => {
                    let (old, new) = (from.0.as_raw_fd(), to.0.as_raw_fd());
                    libc::syscall(libc::SYS_renameat2, old, from.1.as_ptr(), new, to.1.as_ptr(), flags)
                }
                Act::Open { dir, name, flags, mode } => {
                    let flags = flags | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
                    i64::from(libc::openat(dir.as_raw_fd(), name.as_ptr(), flags, mode))
                }
                Act::OpenExisting { dir, name, flags, mode } => {
                    let flags = flags & KNOWN & !(libc::O_EXCL | libc::O_TRUNC);
                    let flags = flags | libc::O_NOCTTY | libc::O_CLOEXEC | calls::O_LARGEFILE;
                    let mode = if flags & libc::O_CREAT == 0 { 0 } else { u64::from(mode) };
                    // Not by `O_NOFOLLOW`: the descriptor would have it among its flags.
                    let how = OpenHow { flags: flags as u64, mode, resolve: RESOLVE_NO_SYMLINKS };
                    i64::from(calls::openat2(dir.as_raw_fd(), name.as_ptr(), &how))
                }
                Act::Reopen { object, flags } => {
                    let flags = flags & !(libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW);
                    let path = descriptor_path(object);
                    i64::from(libc::open(path.as_ptr().cast(), flags | libc::O_NOCTTY | libc::O_CLOEXEC))
                }
                Act::Truncate { file, length } => {
                    i64::from(libc::truncate(descriptor_path(file).as_ptr().cast(), length))
                }
                Act::Mkdir { dir, name, mode } => {
                    i64::from(libc::mkdirat(dir.as_raw_fd(), name.as_ptr(), mode))
                }
                Act::Mknod { dir, name, mode, dev } => {
                    libc::syscall(libc::SYS_mknodat, dir.as_raw_fd(), name.as_ptr(), mode, dev)
                }
                Act::Symlink { target, dir, name } => {
                    i64::from(libc::symlinkat(target.as_ptr(), dir.as_raw_fd(), name.as_ptr()))
                }
                Act::Link { from, from_name: Some(from_name), dir, name } => i64::from(libc::linkat(
                    from.as_raw_fd(),
                    from_name.as_ptr(),
                    dir.as_raw_fd(),
                    name.as_ptr(),
                    0,
                )),
                Act::Link { from, from_name: None, dir, name } => {
                    let source = descriptor_path(from.as_raw_fd());
                    i64::from(libc::linkat(
                        libc::AT_FDCWD,
                        source.as_ptr().cast(),
                        dir.as_raw_fd(),
                        name.as_ptr(),
                        libc::AT_SYMLINK_FOLLOW,
                    ))
                }
                Act::MayChangeNames { dir } => libc::syscall(
                    libc::SYS_faccessat2,
                    dir.as_raw_fd(),
                    c"".as_ptr(),
                    libc::W_OK | libc::X_OK,
                    libc::AT_EACCESS | libc::AT_EMPTY_PATH,
                ),
                Act::MayWrite { dir, name } => libc::syscall(
                    libc::SYS_faccessat2,
                    dir.as_raw_fd(),
                    name.as_ptr(),
                    libc::W_OK,
                    libc::AT_EACCESS | libc::AT_SYMLINK_NOFOLLOW,
                ),
                Act::Bind { socket, dir, name } => bind(socket, dir.as_raw_fd(), name),
            }
        }
    }
}

/// Takes over a descriptor that an act returned.
pub(crate) fn owned(value: i64) -> OwnedFd {
    // SAFETY:
    // - the acts that open return a descriptor that the kernel has just made and that nothing else owns.
    unsafe { OwnedFd::from_raw_fd(value as RawFd) }
}

/// `/proc/self/fd/N`, NUL-terminated, without allocating.
fn descriptor_path(fd: RawFd) -> [u8; 32] {
    let mut out = [0u8; 32];
    let prefix = b"/proc/self/fd/";
    out[..prefix.len()].copy_from_slice(prefix);
    let (mut digits, mut count, mut rest) = ([0u8; 10], 0, fd.unsigned_abs());
    loop {
        digits[count] = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    for (i, digit) in digits[..count].iter().rev().enumerate() {
        out[prefix.len() + i] = *digit;
    }
    out
}

/// A socket is bound by path only, and a path to a handle's entry goes through `/proc/self/fd`. Where that is
/// longer than an address can be, the name is too long for us but not for the caller: `ENAMETOOLONG`.
fn bind(socket: RawFd, dir: RawFd, name: &CStr) -> i64 {
    // SAFETY:
    // - zeroed is a valid `sockaddr_un`.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let dir = descriptor_path(dir);
    let dir = dir.iter().take_while(|&&b| b != 0);
    let path = dir.chain(b"/").chain(name.to_bytes());
    let mut length = 0;
    for &byte in path {
        if length + 1 >= address.sun_path.len() {
            Errno::ENAMETOOLONG.set();
            return -1;
        }
        address.sun_path[length] = byte as libc::c_char;
        length += 1;
    }
    let size = std::mem::offset_of!(libc::sockaddr_un, sun_path) + length + 1;
    // SAFETY:
    // - `address` is live and `size` is at most its size.
    i64::from(unsafe { libc::bind(socket, (&raw const address).cast(), size as libc::socklen_t) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_is_always_exclusive() {
        let dir = tempfile::tempdir().unwrap();
        let handle = Handle::open(dir.path()).unwrap();
        let open = Act::Open { dir: &handle, name: c"x", flags: libc::O_WRONLY, mode: 0o600 };
        open.open().unwrap();
        assert_eq!(open.open().unwrap_err(), Errno::EEXIST);
    }

    #[test]
    fn what_is_there_is_opened_and_not_cut() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x"), "content").unwrap();
        let handle = Handle::open(dir.path()).unwrap();
        let flags = libc::O_WRONLY | libc::O_TRUNC;
        let fd = Act::OpenExisting { dir: &handle, name: c"x", flags, mode: 0 }.open().unwrap();
        let none = Act::OpenExisting { dir: &handle, name: c"y", flags, mode: 0 };
        assert_eq!(none.open().unwrap_err(), Errno::ENOENT);
        assert_eq!(std::fs::read(dir.path().join("x")).unwrap(), b"content");
        std::fs::rename(dir.path().join("x"), dir.path().join("z")).unwrap();
        Act::Reopen { object: fd.as_raw_fd(), flags }.open().unwrap();
        assert_eq!(std::fs::read(dir.path().join("z")).unwrap(), b"");
        Act::Truncate { file: fd.as_raw_fd(), length: 3 }.perform().unwrap();
        assert_eq!(std::fs::read(dir.path().join("z")).unwrap(), [0; 3]);
    }

    #[test]
    fn a_socket_is_bound_below_a_handle() {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
        let dir = tempfile::tempdir().unwrap();
        let handle = Handle::open(dir.path()).unwrap();
        let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).unwrap();
        Act::Bind { socket: socket.as_raw_fd(), dir: &handle, name: c"s" }.perform().unwrap();
        assert!(dir.path().join("s").exists());
    }

    #[test]
    fn descriptor_paths_are_decimal() {
        assert!(descriptor_path(0).starts_with(b"/proc/self/fd/0\0"));
        assert!(descriptor_path(1203).starts_with(b"/proc/self/fd/1203\0"));
    }
}
