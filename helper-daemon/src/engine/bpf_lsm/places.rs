//! Looking at what a policy names: which file is there, by the numbers that its kernel has.

use crate::policy::table::{FileId, Looked, Places};
use endpoint_sec::linux::handle::{Handle, Kind};
use endpoint_sec::linux::mounts::MountTable;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::statfs::{BTRFS_SUPER_MAGIC, fstatfs};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The files as this process sees them, for one look: what was seen once is not looked at again.
#[derive(Debug)]
pub struct Machine {
    mounts: MountTable,
    seen: RefCell<HashMap<PathBuf, Looked>>,
}

impl Machine {
    /// As it is now. Without its table of mounts nothing is there.
    pub fn now() -> Self {
        Self { mounts: MountTable::own().unwrap_or_default(), seen: RefCell::default() }
    }

    /// What is at a descriptor.
    pub fn identify(&self, fd: BorrowedFd<'_>) -> Option<FileId> {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()?;
        let number = |key| info.lines().find_map(|line: &str| line.strip_prefix(key))?.trim().parse().ok();
        let (inode, mount): (u64, u64) = (number("ino:")?, number("mnt_id:")?);
        let device = self.mounts.get(mount)?.dev;
        let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
        Some(FileId { device: (major as u32) << 20 | minor as u32, inode })
    }

    fn look_anew(&self, path: &Path) -> Looked {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let Ok(fd) = open(path, flags, Mode::empty()) else { return Looked::Nothing };
        let handle = Handle::from_fd(fd);
        // There a number is a file's only within its subvolume, and no hook of the kernel's tells which that is.
        if fstatfs(handle.as_fd()).is_ok_and(|stat| stat.filesystem_type() == BTRFS_SUPER_MAGIC) {
            return Looked::Alike;
        }
        match (handle.stat(), self.identify(handle.as_fd())) {
            (Ok(stat), Some(id)) if stat.kind == Kind::Directory => Looked::Directory(id),
            (Ok(_), Some(id)) => Looked::Other(id),
            _ => Looked::Nothing,
        }
    }

    /// The directories above a handle, as far as its place can be told.
    pub fn above(&self, handle: &Handle) -> Vec<FileId> {
        let Ok(text) = handle.text() else { return Vec::new() };
        let path = Path::new(OsStr::from_bytes(&text));
        let ids = path.ancestors().skip(1).filter_map(|path| match self.look(path) {
            Looked::Directory(id) => Some(id),
            _ => None,
        });
        ids.collect()
    }
}

impl Places for Machine {
    fn look(&self, path: &Path) -> Looked {
        if let Some(known) = self.seen.borrow().get(path) {
            return *known;
        }
        let looked = self.look_anew(path);
        self.seen.borrow_mut().insert(path.to_owned(), looked);
        looked
    }

    fn mounts(&self) -> Vec<PathBuf> {
        self.mounts.iter().map(|(_, mount)| PathBuf::from(OsStr::from_bytes(&mount.point))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_is_there_is_told_by_its_number_and_what_is_not_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::write(base.join("file"), "").unwrap();
        std::os::unix::fs::symlink(&base, base.join("link")).unwrap();
        let machine = Machine::now();
        let inode = |path: &Path| path.symlink_metadata().unwrap().ino();
        match machine.look(&base) {
            Looked::Directory(id) => assert_eq!(id.inode, inode(&base)),
            Looked::Alike => return,
            other => panic!("{other:?}"),
        }
        for name in ["file", "link"] {
            let path = base.join(name);
            let Looked::Other(id) = machine.look(&path) else { panic!("{name}") };
            assert_eq!(id.inode, inode(&path));
        }
        assert_eq!(machine.look(&base.join("none")), Looked::Nothing);
        assert!(machine.mounts().contains(&PathBuf::from("/")));
    }
}
