//! The side of a stash that things are put into.

use super::looks::Lost;
use crate::stash::{Gone, Index, Kept, Kind, Meta, Note, Why, Without, data_name};
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::handle::{self, Handle, Stat};
use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::RenameFlags;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

/// How many losses of one copy are written down one by one.
const MOST_LOST: usize = 20;

/// A session's stash, held open.
#[derive(Debug)]
pub struct Store {
    pages: Mutex<Pages>,
    data: Handle,
    mount: u64,
}

#[derive(Debug)]
struct Pages {
    index: Index<File>,
    next: u64,
}

impl Store {
    /// A stash that has nothing in it yet: its index, open for appending, and its folder `data`.
    pub fn new(index: File, data: OwnedFd) -> Result<Self, Errno> {
        let data = Handle::from_fd(data);
        let mount = data.stat()?.mount;
        Ok(Self { pages: Mutex::new(Pages { index: Index::new(index), next: 0 }), data, mount })
    }

    /// Whether what is on this mount can be moved here, or else must be copied.
    pub fn can_move(&self, mount: u64) -> bool {
        mount == self.mount
    }

    /// The folder that things are put into.
    pub fn data(&self) -> &Handle {
        &self.data
    }

    /// Writes down what is about to be taken, and gives it its number and its name in `data`. What can't be
    /// written down must not be taken.
    pub fn announce(&self, mut kept: Kept) -> io::Result<Entry> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry = pages.next;
        let entry = Entry { number: kept.entry, name: name_of(kept.entry) };
        pages.next += 1;
        pages.index.append(Note::Kept(Box::new(kept)), Timestamp::now())?;
        Ok(entry)
    }

    /// What was announced was not taken: it is where it was.
    pub fn withdraw(&self, entry: &Entry) {
        self.gone(entry.number, Why::NotTaken);
    }

    /// A copy is without these.
    pub fn without(&self, entry: &Entry, lost: &[Lost]) {
        if lost.is_empty() {
            return;
        }
        let in_words = |lost: &Lost| match lost.path.as_os_str().is_empty() {
            true => lost.what.to_string(),
            false => format!("{} of {}", lost.what, lost.path.display()),
        };
        let mut what: Vec<String> = lost.iter().take(MOST_LOST).map(in_words).collect();
        if let Some(more @ 1..) = lost.len().checked_sub(MOST_LOST) {
            what.push(format!("{more} more such things"));
        }
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        // The copy is there all the same.
        let _ = pages.index.append(Note::Without(Without { entry: entry.number, what }), Timestamp::now());
    }

    /// An entry's thing is in `data` no more.
    pub fn gone(&self, entry: u64, why: Why) {
        let gone = Note::Gone(Gone { entry, why });
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        // Without this line the entry names a thing that is not in `data`, which says the same.
        let _ = pages.index.append(gone, Timestamp::now());
    }

    /// Puts an entry that was moved in back to where it was; if something is there now, it stays here.
    pub fn put_back(&self, number: u64, dir: &Handle, to: &CStr) -> Result<(), Errno> {
        let entry = Entry { number, name: name_of(number) };
        let flags = RenameFlags::RENAME_NOREPLACE.bits();
        let act = Act::Rename { from: (&self.data, &entry.name), to: (dir, to), flags };
        act.perform().map(|_| self.withdraw(&entry))
    }

    /// The call that moves an entry of a directory here.
    pub fn move_in<'a>(&'a self, dir: &'a Handle, name: &'a CStr, entry: &'a Entry) -> Act<'a> {
        let flags = RenameFlags::RENAME_NOREPLACE.bits();
        Act::Rename { from: (dir, name), to: (&self.data, &entry.name), flags }
    }
}

/// An entry's number, and its name in `data`.
#[derive(Debug)]
pub struct Entry {
    /// From 0.
    pub number: u64,
    /// The same, as its thing is called.
    pub name: CString,
}

/// The name of an entry's thing in `data`.
pub fn name_of(entry: u64) -> CString {
    CString::new(data_name(entry)).unwrap_or_default()
}

impl From<&Stat> for Meta {
    fn from(stat: &Stat) -> Self {
        let nanoseconds = |time: i128| i64::try_from(time).unwrap_or_default();
        Self {
            kind: match stat.kind {
                handle::Kind::Regular => Kind::File,
                handle::Kind::Directory => Kind::Directory,
                handle::Kind::Symlink => Kind::Symlink,
                handle::Kind::Other => Kind::Special,
            },
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            size: stat.size,
            nlink: stat.nlink,
            dev: stat.dev,
            ino: stat.ino,
            modified: nanoseconds(stat.modified),
            accessed: nanoseconds(stat.accessed),
            xattrs: Vec::new(),
        }
    }
}
