//! The steps of a row as a Mac would do them: looked up, asked about, done.

use crate::calls::{TOO_LONG, flags, has};
use crate::player::Player;
use crate::walk::{DIRECTORY, Entry};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, mkdirat};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Why a step came to nothing.
#[derive(Debug)]
pub(super) enum Cant {
    /// It fails.
    Fail(Errno),
    /// It is nothing that macOS has.
    Play(&'static str),
}

pub(super) type Done = Result<(), Cant>;

impl From<Errno> for Cant {
    fn from(errno: Errno) -> Self {
        Self::Fail(errno)
    }
}

impl Player {
    pub(super) fn perform(&mut self, w: &[&[u8]]) -> Done {
        if w.iter().any(|word| word.starts_with(b"/proc/")) {
            return Err(Cant::Play("there is no /proc"));
        }
        let cwd = b"cwd".as_slice();
        let made = mode(0o755) & !self.mask;
        match w[0] {
            b"in_thread" => {
                let kept = self.base(cwd)?;
                self.cwd = openat(&kept, OsStr::from_bytes(w[1]), DIRECTORY, Mode::empty())?;
                let done = self.perform(&w[2..]);
                self.cwd = kept;
                done
            }
            b"in_child" => {
                let parent = self.actor.clone();
                self.actor = parent.fork();
                let done = self.perform(&w[1..]);
                std::mem::replace(&mut self.actor, parent).exit(0);
                done
            }
            b"unlink" => self.remove(cwd, w[1], false),
            b"rmdir" => self.remove(cwd, w[1], true),
            b"unlinkat" if flags(w.get(3)).iter().any(|flag| flag != "dir") => Err(Errno::EINVAL.into()),
            b"bad_address" => Err(Errno::EFAULT.into()),
            b"unlinkat" => self.remove(w[1], w[2], has(&flags(w.get(3)), "dir")),
            b"rename" => self.rename((cwd, w[1]), (cwd, w[2]), &[]),
            b"renameat" => self.rename((w[1], w[2]), (w[3], w[4]), &[]),
            b"renameat2" => self.rename((w[1], w[2]), (w[3], w[4]), &flags(w.get(5))),
            b"open" => self.open(cwd, w[1], &flags(w.get(2)), None),
            b"openat" => self.open(w[1], w[2], &flags(w.get(3)), None),
            b"openat2" if w.len() > 4 => Err(Cant::Play("a flag that only Linux has")),
            b"openat2" => self.open(w[1], w[2], &flags(w.get(3)), None),
            b"creat" => self.open(cwd, w[1], &flags(Some(&b"creat,trunc,wronly".as_slice())), None),
            b"save" => self.open(cwd, w[1], &flags(Some(&b"creat,trunc,wronly".as_slice())), Some(w[2])),
            b"write" => self.open(cwd, w[1], &flags(Some(&b"trunc,wronly".as_slice())), Some(w[2])),
            b"append" => self.open(cwd, w[1], &flags(Some(&b"append,wronly".as_slice())), Some(w[2])),
            b"truncate" => self.truncate(w[1]),
            b"mkdir" => self
                .make(cwd, w[1], SFlag::S_IFDIR, |entry| mkdirat(&entry.dir, entry.name.as_os_str(), made)),
            b"mkdirat" => self
                .make(w[1], w[2], SFlag::S_IFDIR, |entry| mkdirat(&entry.dir, entry.name.as_os_str(), made)),
            b"mkfifo" => self.node(cwd, w[1], SFlag::S_IFIFO),
            b"mknodat" => self.node(w[1], w[2], SFlag::S_IFIFO),
            b"mkdevice" => self.node(cwd, w[1], SFlag::S_IFCHR),
            b"mknod" => self.node(cwd, w[1], SFlag::S_IFREG),
            b"bind_socket" => self.bind(w[1]),
            b"symlink" => self.symlink(w[1], cwd, w[2]),
            b"symlinkat" => self.symlink(w[1], w[2], w[3]),
            b"link" => self.link((cwd, w[1]), (cwd, w[2]), &[]),
            b"linkat" => self.link((w[1], w[2]), (w[3], w[4]), &flags(w.get(5))),
            _ => self.look_around(w),
        }
    }

    /// Steps that change no name.
    fn look_around(&mut self, w: &[&[u8]]) -> Done {
        let here = self.base(b"cwd")?;
        let find = |path: &[u8]| openat(&here, OsStr::from_bytes(path), DIRECTORY, Mode::empty());
        match w[0] {
            b"chdir" => self.cwd = find(w[1])?,
            b"chdir_down" => {
                for _ in 0..String::from_utf8_lossy(w[2]).parse().expect("a count") {
                    self.cwd = openat(&self.cwd, OsStr::from_bytes(w[1]), DIRECTORY, Mode::empty())?;
                }
            }
            b"fchdir" => self.cwd = self.base(w[1])?,
            b"openfd" if has(&flags(w.get(3)), "tmpfile") => {
                return Err(Cant::Play("there are no unnamed files"));
            }
            b"opendir" => drop(self.slots.insert(w[1].to_vec(), find(w[2])?)),
            b"openfd" => {
                let opened =
                    openat(&here, OsStr::from_bytes(w[2]), OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
                self.slots.insert(w[1].to_vec(), opened);
            }
            b"chmod" => {
                let bits = u32::from_str_radix(&String::from_utf8_lossy(w[2]), 8).expect("a mode");
                fchmodat(&here, OsStr::from_bytes(w[1]), mode(bits), FchmodatFlags::FollowSymlink)?;
            }
            b"stat" => {
                nix::sys::stat::fstatat(&here, OsStr::from_bytes(w[1]), AtFlags::empty())?;
            }
            b"read" => {
                let path = Entry::follow(&here, w[1])?.path().ok_or(TOO_LONG)?;
                let content = std::fs::read(path).map_err(|_| Errno::EIO)?;
                if content != w[2] {
                    return Err(Errno::EILSEQ.into());
                }
            }
            b"mode_is" => {
                let stat = nix::sys::stat::fstatat(&here, OsStr::from_bytes(w[1]), AtFlags::empty())?;
                let bits = u32::from_str_radix(&String::from_utf8_lossy(w[2]), 8).expect("a mode");
                if stat.st_mode & 0o7777 != bits {
                    return Err(Errno::EILSEQ.into());
                }
            }
            b"i386" | b"x32" => return Err(Cant::Play("there is one entry to the kernel")),
            b"unshare" | b"bind_mount" | b"tmpfs" | b"overlay" | b"pivot_root" => {
                return Err(Cant::Play("there are no namespaces, and only root mounts"));
            }
            b"chroot" => {
                return Err(Cant::Play("the kernel tells paths from the system's root, and only root may"));
            }
            b"umask" => {
                let bits = u32::from_str_radix(&String::from_utf8_lossy(w[1]), 8).expect("a mask");
                self.mask = Mode::from_bits_truncate(bits);
            }
            b"bind_apart" => return Err(Cant::Play("threads have one table of descriptors")),
            b"limit_size" | b"mknod_of" | b"flags_are" => {
                return Err(Cant::Play("the kernel does all that itself"));
            }
            b"undumpable" => return Err(Cant::Play("nothing of the caller is read")),
            other => panic!("nobody can {}", String::from_utf8_lossy(other)),
        }
        Ok(())
    }
}

pub(super) fn mode(bits: u32) -> Mode {
    Mode::from_bits_truncate(bits)
}
