//! The steps of a row as a Mac would do them: looked up, asked about, done.

use crate::player::Player;
use crate::walk::{DIRECTORY, Entry, kind, os, place};
use endpoint_sec::macos::simulated::{Action, Facts, To};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, openat, renameat, renameat2};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, mkdirat, mknodat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

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

const TOO_LONG: Cant = Cant::Play("the path is longer than this stage can tell");

/// `FREAD` and `FWRITE` of the kernel.
const READ: i32 = 1;
const WRITE: i32 = 2;
const CUT: i32 = 0x400;

fn flags(words: Option<&&[u8]>) -> Vec<String> {
    let text = words.map(|word| String::from_utf8_lossy(word).into_owned()).unwrap_or_default();
    text.split(',').filter(|flag| !flag.is_empty()).map(str::to_owned).collect()
}

fn has(flags: &[String], flag: &str) -> bool {
    flags.iter().any(|known| known == flag)
}

/// The path of something that is there, and what the kernel says of it.
fn facts(entry: &Entry) -> Result<(PathBuf, Facts), Cant> {
    let path = entry.path().ok_or(TOO_LONG)?;
    let facts = Facts::of(&path).map_err(|_| TOO_LONG)?;
    Ok((path, facts))
}

fn directory(entry: &Entry) -> Result<Facts, Cant> {
    place(&entry.dir).and_then(|path| Facts::of(path).ok()).ok_or(TOO_LONG)
}

impl Player {
    pub(super) fn perform(&mut self, w: &[&[u8]]) -> Done {
        if w.iter().any(|word| word.starts_with(b"/proc/")) {
            return Err(Cant::Play("there is no /proc"));
        }
        let cwd = b"cwd".as_slice();
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
            b"unlinkat" if flags(w.get(3)).iter().any(|flag| flag != "dir") => {
                Err(Cant::Play("a flag that only Linux has"))
            }
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
            b"mkdir" => self.make(cwd, w[1], SFlag::S_IFDIR, |entry| {
                mkdirat(&entry.dir, entry.name.as_os_str(), mode(0o755))
            }),
            b"mkdirat" => self.make(w[1], w[2], SFlag::S_IFDIR, |entry| {
                mkdirat(&entry.dir, entry.name.as_os_str(), mode(0o755))
            }),
            b"mkfifo" => self.node(cwd, w[1], SFlag::S_IFIFO),
            b"mknodat" => self.node(w[1], w[2], SFlag::S_IFIFO),
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
            b"umask" => return Err(Cant::Play("the mask is the whole process's, which here is the tests'")),
            b"undumpable" => return Err(Cant::Play("nothing of the caller is read")),
            b"bad_address" => return Err(Cant::Play("nothing of the caller is read")),
            b"mkdevice" => return Err(Cant::Play("a device's number is another")),
            other => panic!("nobody can {}", String::from_utf8_lossy(other)),
        }
        Ok(())
    }

    fn remove(&mut self, base: &[u8], path: &[u8], is_rmdir: bool) -> Done {
        let entry = Entry::find(self.base(base)?, path)?;
        let flag = if is_rmdir { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
        let act = |entry: &Entry| unlinkat(&entry.dir, entry.name.as_os_str(), flag);
        let fits = entry.stat().is_ok_and(|stat| (kind(&stat) == SFlag::S_IFDIR) == is_rmdir);
        if !fits || entry.is_odd() {
            act(&entry)?;
            panic!("nothing of that kind was there, and it was removed");
        }
        let (path, target) = facts(&entry)?;
        self.asks(&Action::Unlink { target, directory: directory(&entry)? })?;
        self.hold(&path);
        Ok(act(&entry)?)
    }

    fn rename(&mut self, from: (&[u8], &[u8]), to: (&[u8], &[u8]), flags: &[String]) -> Done {
        let mut bits = RenameFlags::empty();
        for flag in flags {
            bits |= match flag.as_str() {
                "0" => RenameFlags::empty(),
                "noreplace" => RenameFlags::RENAME_NOREPLACE,
                "exchange" => RenameFlags::RENAME_EXCHANGE,
                _ => return Err(Cant::Play("a flag that only Linux has")),
            };
        }
        let exchange = bits.contains(RenameFlags::RENAME_EXCHANGE);
        let (from, to) = (Entry::find(self.base(from.0)?, from.1)?, Entry::find(self.base(to.0)?, to.1)?);
        let act = || {
            let (old, new) = (from.name.as_os_str(), to.name.as_os_str());
            if bits.is_empty() {
                renameat(&from.dir, old, &to.dir, new)
            } else {
                renameat2(&from.dir, old, &to.dir, new, bits)
            }
        };
        let (source, there) = (from.stat(), to.stat());
        let is_directory = |stat: &nix::sys::stat::FileStat| kind(stat) == SFlag::S_IFDIR;
        let fits = match (&source, &there) {
            (Ok(_), Ok(_)) if bits.contains(RenameFlags::RENAME_NOREPLACE) => false,
            (Ok(_), Ok(_)) if exchange => true,
            (Ok(source), Ok(there)) => is_directory(source) == is_directory(there),
            (Ok(source), Err(Errno::ENOENT)) => {
                !exchange && (is_directory(source) || to.name == to.bare_name())
            }
            _ => false,
        };
        if !fits || from.is_odd() || to.is_odd() || from.device() != to.device() {
            act()?;
            panic!("what makes no sense was done");
        }
        let (from_path, source) = facts(&from)?;
        let target = match there {
            Ok(_) => To::Existing(facts(&to)?.1),
            Err(_) => To::New { directory: directory(&to)?, name: to.bare_name().to_owned() },
        };
        self.asks(&Action::rename(source.clone(), target.clone()))?;
        if let To::Existing(there) = target {
            self.hold(there.path());
            if exchange {
                // Whether it comes as one or as two nobody says.
                self.asks(&Action::rename(there, To::Existing(source)))?;
            }
        }
        self.hold(&from_path);
        Ok(act()?)
    }

    fn open(&mut self, base: &[u8], path: &[u8], flags: &[String], content: Option<&[u8]>) -> Done {
        let known = [
            ("creat", OFlag::O_CREAT),
            ("excl", OFlag::O_EXCL),
            ("trunc", OFlag::O_TRUNC),
            ("append", OFlag::O_APPEND),
            ("wronly", OFlag::O_WRONLY),
            ("rdwr", OFlag::O_RDWR),
            ("nofollow", OFlag::O_NOFOLLOW),
            ("directory", OFlag::O_DIRECTORY),
            ("nonblock", OFlag::O_NONBLOCK),
        ];
        let mut bits = OFlag::O_CLOEXEC;
        for flag in flags {
            let (_, bit) = known
                .iter()
                .find(|(word, _)| word == flag)
                .ok_or(Cant::Play("a flag that only Linux has"))?;
            bits |= *bit;
        }
        let base = self.base(base)?;
        let follows = !bits.intersects(OFlag::O_NOFOLLOW) && !bits.contains(OFlag::O_CREAT | OFlag::O_EXCL);
        let entry = if follows { Entry::follow(&base, path)? } else { Entry::find(&base, path)? };
        let missing = entry.stat() == Err(Errno::ENOENT);
        let makes = missing && bits.contains(OFlag::O_CREAT) && entry.name == entry.bare_name();
        let opened: Result<OwnedFd, Errno> = if makes {
            let to = To::New { directory: directory(&entry)?, name: entry.bare_name().to_owned() };
            self.asks(&Action::Create { to, mode: 0o100_644 })?;
            openat(&entry.dir, entry.name.as_os_str(), bits, mode(0o644))
        } else {
            if !missing && !entry.is_odd() && !bits.contains(OFlag::O_EXCL) {
                let mut fflag = if bits.intersects(OFlag::O_WRONLY | OFlag::O_RDWR) { WRITE } else { READ };
                if bits.contains(OFlag::O_TRUNC) {
                    fflag |= CUT;
                }
                self.asks(&Action::Open { file: facts(&entry)?.1, fflag })?;
            }
            openat(&base, OsStr::from_bytes(path), bits, mode(0o644))
        };
        let opened = opened?;
        if makes {
            self.has_made(&entry.path().ok_or(TOO_LONG)?);
        }
        match content {
            Some(content) => nix::unistd::write(&opened, content).map(drop).map_err(Cant::from),
            None => Ok(()),
        }
    }

    fn truncate(&mut self, path: &[u8]) -> Done {
        let entry = Entry::follow(&self.cwd, path)?;
        if entry.is_odd() || entry.stat().is_ok_and(|stat| kind(&stat) == SFlag::S_IFDIR) {
            let directory = entry.stat().is_ok_and(|stat| kind(&stat) == SFlag::S_IFDIR);
            return Err(if directory { Errno::EISDIR } else { Errno::ENOTDIR }.into());
        }
        let (path, target) = facts(&entry)?;
        self.asks(&Action::Truncate { target })?;
        Ok(nix::unistd::truncate(&path, 0)?)
    }

    /// Makes something at a name that must be free.
    fn make(
        &mut self,
        base: &[u8],
        path: &[u8],
        kind: SFlag,
        act: impl FnOnce(&Entry) -> Result<(), Errno>,
    ) -> Done {
        let entry = Entry::find(self.base(base)?, path)?;
        if entry.stat() != Err(Errno::ENOENT) || entry.bare_name() == "." || entry.bare_name() == ".." {
            return Ok(act(&entry)?);
        }
        let to = To::New { directory: directory(&entry)?, name: entry.bare_name().to_owned() };
        self.asks(&Action::Create { to, mode: kind.bits() as u16 | 0o644 })?;
        act(&entry)?;
        self.has_made(&entry.path().ok_or(TOO_LONG)?);
        Ok(())
    }

    fn node(&mut self, base: &[u8], path: &[u8], kind: SFlag) -> Done {
        self.make(base, path, kind, |entry| mknodat(&entry.dir, entry.name.as_os_str(), kind, mode(0o644), 0))
    }

    fn symlink(&mut self, target: &[u8], base: &[u8], path: &[u8]) -> Done {
        let target = os(target);
        self.make(base, path, SFlag::S_IFLNK, |entry| {
            symlinkat(target.as_os_str(), &entry.dir, entry.name.as_os_str())
        })
    }

    fn bind(&mut self, path: &[u8]) -> Done {
        self.make(b"cwd", path, SFlag::S_IFSOCK, |entry| {
            let path = entry.path().ok_or(Errno::ENAMETOOLONG)?;
            UnixListener::bind(path)
                .map(drop)
                .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))
        })
    }

    fn link(&mut self, from: (&[u8], &[u8]), to: (&[u8], &[u8]), flags: &[String]) -> Done {
        if has(flags, "empty") {
            return Err(Cant::Play("a flag that only Linux has"));
        }
        let follow = has(flags, "follow");
        let base = self.base(from.0)?;
        let found = if follow { Entry::follow(&base, from.1)? } else { Entry::find(&base, from.1)? };
        let entry = Entry::find(self.base(to.0)?, to.1)?;
        let flag = if follow { AtFlags::AT_SYMLINK_FOLLOW } else { AtFlags::empty() };
        let act =
            || linkat(&base, OsStr::from_bytes(from.1), entry.dir.as_fd(), entry.name.as_os_str(), flag);
        let fits = found.stat().is_ok_and(|stat| kind(&stat) != SFlag::S_IFDIR) && !found.is_odd();
        if !fits || entry.stat() != Err(Errno::ENOENT) || from.1.ends_with(b"/") {
            return Ok(act()?);
        }
        let (_, source) = facts(&found)?;
        let (directory, name) = (directory(&entry)?, entry.bare_name().to_owned());
        self.asks(&Action::Link { source, directory, name })?;
        Ok(act()?)
    }
}

fn mode(bits: u32) -> Mode {
    Mode::from_bits_truncate(bits)
}
