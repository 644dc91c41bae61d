//! A zone, and a stash of what was removed from it, made by hand.

use super::super::perform::{self, Restoring, all};
use super::super::select::{entries, jobs};
use crate::stash::{Held, Stash};
use crate::state::StateFolder;
use endpoint_sec::linux::handle::Handle;
use helper_daemon::policy::judge::Reason;
use helper_daemon::policy::operation::Op;
use helper_daemon::session::SessionId;
use helper_daemon::stash::{
    DATA, How, INDEX, Index, Kept, Kind, Meta, Note, copy, data_name, discard, shift,
};
use jiff::Timestamp;
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::stat::{Mode, SFlag, UtimensatFlags, mknodat, utimensat};
use nix::sys::time::TimeSpec;
use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::fs::{self, OpenOptions, Permissions};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

pub(super) const ID: &str = "20260102-030405-abcd";

/// What is in a zone: of each path what is said of it, and its content or target.
pub(super) type Picture = BTreeMap<PathBuf, (Meta, Vec<u8>)>;

/// A zone, a state folder with one session's stash, and who removes from the one into the other.
pub(super) struct Scene {
    _dirs: (tempfile::TempDir, tempfile::TempDir),
    pub(super) state: StateFolder,
    pub(super) zone: PathBuf,
    next: u64,
}

pub(super) fn handle(path: &Path) -> Handle {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    let root = Handle::open(Path::new("/")).unwrap();
    Handle::open_at(root.as_fd(), &name, OFlag::O_NOFOLLOW).unwrap()
}

fn id() -> SessionId {
    SessionId::parse(ID).unwrap()
}

impl Scene {
    /// On one file system, or on two.
    pub(super) fn new(elsewhere: bool) -> Self {
        let state = tempfile::tempdir().unwrap();
        let zone = if elsewhere { tempfile::tempdir_in("/dev/shm") } else { tempfile::tempdir() }.unwrap();
        let folder = StateFolder::at(state.path().canonicalize().unwrap());
        fs::create_dir_all(folder.stash(&id()).join(DATA)).unwrap();
        fs::write(folder.stash(&id()).join(INDEX), "").unwrap();
        let path = zone.path().canonicalize().unwrap().join("zone");
        fs::create_dir(&path).unwrap();
        Self { _dirs: (state, zone), state: folder, zone: path, next: 0 }
    }

    pub(super) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.zone.join(name)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.state.stash(&id()).join(DATA)
    }

    /// Takes something as a helper does.
    pub(super) fn take(&mut self, name: impl AsRef<Path>, how: How) {
        let path = self.path(name);
        let (dir, there) = (handle(path.parent().unwrap()), handle(&path));
        let meta = Meta::of(&there).unwrap();
        let entry = self.next;
        self.next += 1;
        let here = there.stat().unwrap().mount == handle(&self.data()).stat().unwrap().mount;
        let how = if how == How::Moved && !here { How::Copied } else { how };
        let (op, reason) = (Op::Unlink, Reason::Removed);
        let (pid, exe, zone) = (7, "/usr/bin/rm".into(), self.zone.clone());
        let kept = Kept { entry, op, reason, path: path.clone(), zone, how, meta, pid, exe };
        let index = OpenOptions::new().append(true).open(self.state.stash(&id()).join(INDEX)).unwrap();
        Index::new(index).append(Note::Kept(Box::new(kept)), Timestamp::now()).unwrap();
        let name = CString::new(path.file_name().unwrap().as_bytes()).unwrap();
        match how {
            How::Moved => {
                let number = CString::new(data_name(entry)).unwrap();
                shift(dir.as_fd(), &name, handle(&self.data()).as_fd(), &number).unwrap();
            }
            How::Described => fs::remove_dir(&path).unwrap(),
            How::Copied => {
                let number = CString::new(data_name(entry)).unwrap();
                let lost = copy(dir.as_fd(), &name, handle(&self.data()).as_fd(), &number).unwrap();
                assert!(lost.is_empty(), "{lost:?}");
                discard(dir.as_fd(), &name).unwrap();
            }
        }
    }

    pub(super) fn stash(&self) -> Stash {
        Stash::read(&self.state, &id()).unwrap()
    }

    /// Puts back, and stops before the step of this number; `None` when it was stopped.
    pub(super) fn restore(&self, what: &[&str], force: bool, steps: usize) -> Option<Vec<perform::Result>> {
        let paths: Vec<PathBuf> = what.iter().map(PathBuf::from).collect();
        self.restore_to(&paths, &[], None, force, steps)
    }

    pub(super) fn restore_to(
        &self,
        paths: &[PathBuf],
        numbers: &[u64],
        to: Option<&Path>,
        force: bool,
        mut steps: usize,
    ) -> Option<Vec<perform::Result>> {
        let held = Held::of(&self.state, &id()).unwrap();
        let stash = self.stash();
        let chosen = entries(&stash, paths, numbers, &self.zone).unwrap();
        let jobs = jobs(&stash, &chosen, to);
        let mut notes = held.index().unwrap();
        let mut go = || {
            steps = steps.checked_sub(1).ok_or(())?;
            Ok(())
        };
        let mut restoring = Restoring::new(&stash, &mut notes, force, false, &mut go).unwrap();
        all(&mut restoring, &jobs)
    }

    /// What is in the zone, without the zone itself.
    pub(super) fn picture(&self) -> Picture {
        let (mut found, mut left) = (BTreeMap::new(), vec![self.zone.clone()]);
        while let Some(dir) = left.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let mut meta = Meta::of(&handle(&path)).unwrap();
                // Reading leaves its trace; and another file system has numbers of its own.
                (meta.dev, meta.ino, meta.accessed) = (0, 0, 0);
                let content = match meta.kind {
                    Kind::File => fs::read(&path).unwrap(),
                    Kind::Symlink => fs::read_link(&path).unwrap().as_os_str().as_bytes().to_owned(),
                    Kind::Special => Vec::new(),
                    Kind::Directory => {
                        meta.size = 0;
                        left.push(path.clone());
                        Vec::new()
                    }
                };
                found.insert(path, (meta, content));
            }
        }
        found
    }

    /// Everything of every kind, most of it removed; and what was there before.
    pub(super) fn full(elsewhere: bool) -> (Self, Picture) {
        let mut scene = Self::new(elsewhere);
        let odd = OsStr::from_bytes(b"odd \xff\n");
        for dir in ["d/sub", "tree/below"] {
            fs::create_dir_all(scene.path(dir)).unwrap();
        }
        for file in ["stays", "d/f1", "d/sub/f2", "tree/f3", "tree/below/f4"] {
            fs::write(scene.path(file), format!("the content of {file}")).unwrap();
        }
        fs::write(scene.path(odd), "").unwrap();
        symlink("d/f1", scene.path("link")).unwrap();
        mknodat(AT_FDCWD, &scene.path("fifo"), SFlag::S_IFIFO, Mode::from_bits_truncate(0o640), 0).unwrap();
        let modes = [("d/sub/f2", 0o400), ("d/sub", 0o2711), ("d", 0o750), ("tree/below", 0o500)];
        for (name, mode) in modes {
            fs::set_permissions(scene.path(name), Permissions::from_mode(mode)).unwrap();
        }
        let paths: Vec<PathBuf> = scene.picture().into_keys().collect();
        for (n, path) in paths.iter().enumerate() {
            let time = TimeSpec::new(1_600_000_000 + n as i64, 123_456_789);
            utimensat(AT_FDCWD, path, &time, &time, UtimensatFlags::NoFollowSymlink).unwrap();
        }
        let before = scene.picture();
        // Each directory as it was: what is taken from it changes its times, which its own line has as well.
        let times = |name: &str| {
            let meta = &before[&scene.zone.join(name)].0;
            TimeSpec::new(meta.modified / 1_000_000_000, meta.modified % 1_000_000_000)
        };
        let times = ["d/sub", "d"].map(|name| (name, times(name)));
        scene.take("d/sub/f2", How::Moved);
        scene.take("d/f1", How::Moved);
        for (name, time) in times {
            utimensat(AT_FDCWD, &scene.path(name), &time, &time, UtimensatFlags::NoFollowSymlink).unwrap();
            scene.take(name, How::Described);
        }
        scene.take("link", How::Moved);
        scene.take("fifo", How::Moved);
        scene.take("tree", How::Copied);
        scene.take(odd, How::Moved);
        (scene, before)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Some of it can't be written.
        let _ = discard(handle(self.zone.parent().unwrap()).as_fd(), c"zone");
        let _ = discard(handle(self.state.path()).as_fd(), c"stash");
    }
}
