//! The calls that change names or content: looked up as a kernel does, asked about, done.

use crate::player::Player;
use crate::steps::{Cant, Done, mode};
use crate::walk::{Entry, kind, os, place};
use endpoint_sec::macos::simulated::{Action, Facts, To};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, openat, renameat, renameat2};
use nix::sys::stat::{SFlag, mknodat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

pub(super) const TOO_LONG: Cant = Cant::Play("the path is longer than this stage can tell");

/// `FREAD` and `FWRITE` of the kernel.
const READ: i32 = 1;
const WRITE: i32 = 2;
const CUT: i32 = 0x400;

pub(super) fn flags(words: Option<&&[u8]>) -> Vec<String> {
    let text = words.map(|word| String::from_utf8_lossy(word).into_owned()).unwrap_or_default();
    text.split(',').filter(|flag| !flag.is_empty()).map(str::to_owned).collect()
}

pub(super) fn has(flags: &[String], flag: &str) -> bool {
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
    pub(super) fn remove(&mut self, base: &[u8], path: &[u8], is_rmdir: bool) -> Done {
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

    pub(super) fn rename(&mut self, from: (&[u8], &[u8]), to: (&[u8], &[u8]), flags: &[String]) -> Done {
        let mut bits = RenameFlags::empty();
        for flag in flags {
            bits |= match flag.as_str() {
                "0" => RenameFlags::empty(),
                "noreplace" => RenameFlags::RENAME_NOREPLACE,
                "exchange" => RenameFlags::RENAME_EXCHANGE,
                "whiteout" => return Err(Cant::Play("a flag that only Linux has")),
                _ => return Err(Errno::EINVAL.into()),
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

    pub(super) fn open(
        &mut self,
        base: &[u8],
        path: &[u8],
        flags: &[String],
        content: Option<&[u8]>,
    ) -> Done {
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
        if bits.contains(OFlag::O_CREAT) && path.ends_with(b"/") {
            // Whatever is there, and wherever a symlink leads.
            openat(&base, OsStr::from_bytes(path), bits, mode(0o644))?;
            panic!("what makes no sense was done");
        }
        let follows = !bits.intersects(OFlag::O_NOFOLLOW) && !bits.contains(OFlag::O_CREAT | OFlag::O_EXCL);
        let entry = if follows { Entry::follow(&base, path)? } else { Entry::find(&base, path)? };
        let missing = entry.stat() == Err(Errno::ENOENT);
        let makes = missing && bits.contains(OFlag::O_CREAT) && entry.name == entry.bare_name();
        let opened: Result<OwnedFd, Errno> = if makes {
            let to = To::New { directory: directory(&entry)?, name: entry.bare_name().to_owned() };
            self.asks(&Action::Create { to, mode: 0o100_644 })?;
            openat(&entry.dir, entry.name.as_os_str(), bits, mode(0o644) & !self.mask)
        } else {
            if entry.stat().is_ok() && !entry.is_odd() && !bits.contains(OFlag::O_EXCL) {
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

    pub(super) fn truncate(&mut self, path: &[u8]) -> Done {
        let entry = Entry::follow(&self.cwd, path)?;
        if entry.is_odd()
            || path.ends_with(b"/")
            || entry.stat().is_ok_and(|stat| kind(&stat) == SFlag::S_IFDIR)
        {
            let directory = entry.stat().is_ok_and(|stat| kind(&stat) == SFlag::S_IFDIR);
            return Err(if directory { Errno::EISDIR } else { Errno::ENOTDIR }.into());
        }
        let (path, target) = facts(&entry)?;
        self.asks(&Action::Truncate { target })?;
        Ok(nix::unistd::truncate(&path, 0)?)
    }

    /// Makes something at a name that must be free.
    pub(super) fn make(
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

    pub(super) fn node(&mut self, base: &[u8], path: &[u8], kind: SFlag) -> Done {
        self.make(base, path, kind, |entry| mknodat(&entry.dir, entry.name.as_os_str(), kind, mode(0o644), 0))
    }

    pub(super) fn symlink(&mut self, target: &[u8], base: &[u8], path: &[u8]) -> Done {
        let target = os(target);
        self.make(base, path, SFlag::S_IFLNK, |entry| {
            symlinkat(target.as_os_str(), &entry.dir, entry.name.as_os_str())
        })
    }

    pub(super) fn bind(&mut self, path: &[u8]) -> Done {
        self.make(b"cwd", path, SFlag::S_IFSOCK, |entry| {
            let path = entry.path().ok_or(Errno::ENAMETOOLONG)?;
            UnixListener::bind(path)
                .map(drop)
                .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))
        })
    }

    pub(super) fn link(&mut self, from: (&[u8], &[u8]), to: (&[u8], &[u8]), flags: &[String]) -> Done {
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
