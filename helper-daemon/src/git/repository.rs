//! A git directory: its common directory, its hash, and the index of its work tree.
//!
//! A work tree's own directory may be another one (`git worktree`, submodules); objects and configuration are in
//! the common one (`gitrepository-layout(5)`).

use super::files::{self, Found, Identity};
use super::format::Format;
use super::index::Index;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Larger indexes are not read.
const MAX_INDEX: u64 = 1 << 29;
const MAX_CONFIG: u64 = 1 << 20;

/// A repository, with the index of one work tree.
#[derive(Debug)]
pub(super) struct Repository {
    git: OwnedFd,
    common: OwnedFd,
    read: Option<Read>,
}

/// What was read, and of which state of the file.
#[derive(Debug)]
struct Read {
    of: Identity,
    format: Format,
    index: Index,
}

impl Repository {
    /// Opens a git directory. `None` where git would say that it is none.
    pub(super) fn open(git: OwnedFd) -> Option<Self> {
        let common = files::read_path(&git, b"commondir", b"").unwrap_or_else(|| b".".to_vec());
        let common = files::open_dir(&git, &common)?;
        let complete = files::exists(&git, b"HEAD") && files::open_dir(&common, b"objects").is_some();
        complete.then_some(Self { git, common, read: None })
    }

    /// Where its objects and its configuration are.
    pub(super) fn common(&self) -> BorrowedFd<'_> {
        self.common.as_fd()
    }

    /// The index as it is now, and the hash that it is written with.
    pub(super) fn index(&mut self) -> Option<(&Index, Format)> {
        let Found::File(now) = files::find(&self.git, b"index")? else { return None };
        if self.read.as_ref().is_none_or(|read| read.of != now) {
            self.read = None;
            let format = format(self.common.as_fd())?;
            let (bytes, of) = files::read(&self.git, b"index", MAX_INDEX)?;
            let mut index = Index::parse(&bytes, format)?;
            if let Some(base) = index.base() {
                let name = format!("sharedindex.{}", base.hex());
                let (bytes, _) = files::read(&self.git, name.as_bytes(), MAX_INDEX)?;
                index = index.upon(&Index::parse(&bytes, format)?);
            }
            self.read = Some(Read { of, format, index });
        }
        self.read.as_ref().map(|read| (&read.index, read.format))
    }
}

/// The hash that a repository uses.
pub(super) fn format(common: BorrowedFd<'_>) -> Option<Format> {
    match files::read(common, b"config", MAX_CONFIG) {
        Some((text, _)) => Format::of_config(&text),
        // Without a configuration it is what it always was.
        None => (!files::exists(common, b"config")).then_some(Format::Sha1),
    }
}
