//! What the person does, outside every session: sets the sandbox up, changes things meanwhile, looks at the
//! end.

use crate::words::words;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, mkdirat, mknod};
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Does one thing in the sandbox at `root`.
///
/// # Panics
/// When it can't be done: the row is wrong.
pub fn does(root: &Path, text: &str) {
    tries(root, text).unwrap_or_else(|error| panic!("{text}: {error}"));
}

/// Does one thing in the sandbox at `root`, if it can be done.
///
/// # Panics
/// When it is nothing that a person does.
pub fn tries(root: &Path, text: &str) -> io::Result<()> {
    let words = words(text, &root.to_string_lossy());
    let at = |n: usize| root.join(OsStr::from_bytes(&words[n]));
    match words[0].as_slice() {
        b"dir" => fs::create_dir_all(at(1)),
        b"file" => with_parent(&at(1)).and_then(|()| write(&at(1), &words[2])),
        b"symlink" => with_parent(&at(2)).and_then(|()| symlink(OsStr::from_bytes(&words[1]), at(2))),
        b"link" => fs::hard_link(at(1), at(2)),
        b"socket" => with_parent(&at(1)).and_then(|()| UnixListener::bind(at(1)).map(drop)),
        b"device" => {
            let mode = Mode::from_bits_truncate(0o644);
            let null = fs::metadata("/dev/null").map(|null| null.rdev() as nix::libc::dev_t);
            let made = |null| mknod(&at(1), SFlag::S_IFCHR, mode, null).map_err(Into::into);
            with_parent(&at(1)).and_then(|()| null.and_then(made))
        }
        b"fifo" => nix::unistd::mkfifo(&at(1), Mode::from_bits_truncate(0o644)).map_err(Into::into),
        b"mode" => fs::set_permissions(at(2), fs::Permissions::from_mode(octal(&words[1]))),
        b"rm" => fs::remove_file(at(1)),
        b"rmdir" => fs::remove_dir(at(1)),
        b"mv" => fs::rename(at(1), at(2)),
        b"deep" => deep(&at(1), OsStr::from_bytes(&words[2]), number(&words[3])).map_err(Into::into),
        // Done last, by the sandbox: everything else is handed to the one who runs.
        b"roots" => Ok(()),
        other => panic!("the person can't {}", String::from_utf8_lossy(other)),
    }
}

/// Makes a file or saves one in place. A fifo without a reader is not waited for.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).custom_flags(OFlag::O_NONBLOCK.bits());
    options.open(path)?.write_all(content)
}

fn octal(word: &[u8]) -> u32 {
    u32::from_str_radix(&String::from_utf8_lossy(word), 8).expect("an octal mode")
}

fn number(word: &[u8]) -> usize {
    String::from_utf8_lossy(word).parse().expect("a number")
}

fn with_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// `deep TOP NAME COUNT`: COUNT directories NAME in one another below TOP, and a file `f` in the last. The
/// whole path may be longer than the kernel takes.
fn deep(top: &Path, name: &OsStr, count: usize) -> nix::Result<()> {
    fs::create_dir_all(top).map_err(|_| nix::Error::EIO)?;
    let mut here = directory(nix::fcntl::AT_FDCWD, top.as_os_str())?;
    for _ in 0..count {
        mkdirat(&here, name, Mode::from_bits_truncate(0o755))?;
        here = directory(&here, name)?;
    }
    let flags = OFlag::O_CREAT | OFlag::O_WRONLY;
    openat(&here, "f", flags, Mode::from_bits_truncate(0o644)).map(drop)
}

fn directory(at: impl std::os::fd::AsFd, name: &OsStr) -> nix::Result<OwnedFd> {
    openat(at, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty())
}

/// What is wrong with the sandbox, in words; nothing when `text` is true of it.
pub fn finds(root: &Path, text: &str) -> Option<String> {
    let words = words(text, &root.to_string_lossy());
    let path: PathBuf = root.join(OsStr::from_bytes(&words[1]));
    let there = fs::symlink_metadata(&path);
    let wrong = match words[0].as_slice() {
        b"gone" => there.is_ok().then(|| "is there".to_owned()),
        b"exists" => there.err().map(|e| e.to_string()),
        b"dir" => (!there.is_ok_and(|m| m.is_dir())).then(|| "is no directory".to_owned()),
        // Reading a fifo would wait for ever.
        b"file" if there.as_ref().is_ok_and(|m| !m.is_file()) => Some("is no regular file".to_owned()),
        b"file" => match fs::read(&path) {
            Ok(content) if content == words[2] => None,
            Ok(content) => Some(format!("has {:?}", String::from_utf8_lossy(&content))),
            Err(error) => Some(error.to_string()),
        },
        b"symlink" => match fs::read_link(&path) {
            Ok(target) if target.as_os_str().as_bytes() == words[2] => None,
            Ok(target) => Some(format!("says {}", target.display())),
            Err(error) => Some(error.to_string()),
        },
        b"deep" => {
            deep_there(&path, OsStr::from_bytes(&words[2]), number(&words[3])).err().map(|e| e.to_string())
        }
        other => panic!("nobody can find {}", String::from_utf8_lossy(other)),
    };
    wrong.map(|wrong| format!("after: {text}: it {wrong}"))
}

fn deep_there(top: &Path, name: &OsStr, count: usize) -> nix::Result<()> {
    let mut here = directory(nix::fcntl::AT_FDCWD, top.as_os_str())?;
    for _ in 0..count {
        here = directory(&here, name)?;
    }
    nix::sys::stat::fstatat(&here, "f", AtFlags::AT_SYMLINK_NOFOLLOW).map(drop)
}
