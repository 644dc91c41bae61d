//! From a directory and a name to the repository that it lies in, and whether that tracks it.
//!
//! The work tree is found as git finds it, by the `.git` of the nearest directory above; what the environment of
//! a process says (`GIT_DIR`, `GIT_INDEX_FILE`) is for that process to choose, and is not asked. A work tree that
//! `core.worktree` puts elsewhere is not found: nothing in it is tracked.

use super::files::{self, Found, Identity, Key};
use super::index::At;
use super::objects::Objects;
use super::repository::Repository;
use endpoint_sec::linux::handle::Handle;
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How many repositories are kept open.
const MAX_KNOWN: usize = 64;

/// What a repository has at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A tracked path, in conflict or not.
    File,
    /// A directory with tracked paths below it.
    Directory,
}

/// The repositories met so far. Each is held open, so that no number is another's meanwhile.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    /// By git directory.
    repositories: HashMap<Key, Repository>,
    /// By top directory: those whose `.git` is a file. When git removes such a work tree, that file may go first.
    linked: HashMap<Key, Linked>,
}

/// A work tree whose git directory is elsewhere.
#[derive(Debug)]
struct Linked {
    /// Its number is no other directory's meanwhile.
    _top: OwnedFd,
    file: Identity,
    git: Key,
}

impl Tracker {
    /// What the repository around `dir` has at `name` in it; with its common directory.
    pub(super) fn ask(&mut self, dir: &Handle, name: &[u8]) -> Option<(Kind, BorrowedFd<'_>)> {
        if name.is_empty() || name.contains(&b'/') {
            return None;
        }
        if self.repositories.len().max(self.linked.len()) >= MAX_KNOWN {
            *self = Self::default();
        }
        let around = self.ask_around(dir, name);
        let (kind, git) = around.or_else(|| self.top_of(dir, name).map(|git| (Kind::Directory, git)))?;
        Some((kind, self.repositories.get(&git)?.common()))
    }

    fn ask_around(&mut self, dir: &Handle, name: &[u8]) -> Option<(Kind, Key)> {
        let text = dir.text().ok()?;
        let above: Vec<&[u8]> = text.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
        for up in 0..=above.len() {
            let Some(git) = self.work_tree(dir.as_fd(), up)? else { continue };
            let path = [&above[above.len() - up..], &[name]].concat().join(&b'/');
            return Some((tracked(self.repositories.get_mut(&git)?, &path)?, git));
        }
        None
    }

    /// The git directory of the work tree whose top directory `name` itself is, if that was met before: git
    /// removes it last.
    fn top_of(&self, dir: &Handle, name: &[u8]) -> Option<Key> {
        if self.linked.is_empty() {
            return None;
        }
        let Some(Found::Directory(key)) = files::find(dir.as_fd(), name) else { return None };
        self.linked.get(&key).map(|linked| linked.git)
    }

    /// The git directory of the work tree whose top is `up` levels above `dir`; `Some(None)` where none is there.
    fn work_tree(&mut self, dir: BorrowedFd<'_>, up: usize) -> Option<Option<Key>> {
        let top = [b"./".as_slice(), &b"../".repeat(up)].concat();
        let dot_git = [&top, b".git".as_slice()].concat();
        match files::find(dir, &dot_git) {
            Some(Found::Directory(key)) if self.repositories.contains_key(&key) => Some(Some(key)),
            Some(Found::Directory(_)) => {
                // A directory of that name that is no repository is passed over, as git does.
                Some(files::open_dir(dir, &dot_git).and_then(|git| self.open(git)))
            }
            Some(Found::File(file)) => {
                let top = files::open_dir(dir, &top)?;
                let known = self.linked.get(&files::key_of(&top)?).filter(|linked| linked.file == file);
                // One that leads nowhere is an error to git, too.
                known.map(|linked| linked.git).or_else(|| self.link(top, file)).map(Some)
            }
            None if self.linked.is_empty() => Some(None),
            None => {
                let top = files::find(dir, &top);
                let linked = self.linked.iter().find(|(key, _)| top == Some(Found::Directory(**key)));
                Some(linked.map(|(_, linked)| linked.git))
            }
        }
    }

    fn open(&mut self, git: OwnedFd) -> Option<Key> {
        let key = files::key_of(&git)?;
        if let std::collections::hash_map::Entry::Vacant(place) = self.repositories.entry(key) {
            place.insert(Repository::open(git)?);
        }
        Some(key)
    }

    fn link(&mut self, top: OwnedFd, file: Identity) -> Option<Key> {
        let path = files::read_path(&top, b".git", b"gitdir: ")?;
        let git = self.open(files::open_dir(&top, &path)?)?;
        self.linked.insert(files::key_of(&top)?, Linked { _top: top, file, git });
        Some(git)
    }
}

fn tracked(repository: &mut Repository, path: &[u8]) -> Option<Kind> {
    let (index, format) = repository.index()?;
    match index.look(path) {
        At::Nothing => None,
        At::Entry => Some(Kind::File),
        At::Above => Some(Kind::Directory),
        At::Tree { tree, rest } => {
            Objects::new(repository.common(), format, None)?.tree_has(tree, rest).then_some(Kind::File)
        }
    }
}
