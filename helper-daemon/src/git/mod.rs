//! Reading git repositories: is a file tracked, and does the repository hold this very content?
//!
//! What git removes it can bring back, if the content is in an object; so git is let through where another would
//! be refused, and what it removes is set aside until that is known. Both questions are answered from the files of
//! the repository. **Nothing is executed**: git's own program runs whatever a repository's configuration names
//! (`core.fsmonitor`, filters, hooks), and that would run outside the guard.
//!
//! | room | what it does |
//! |---|---|
//! | [`clerk`] | the process that reads, and how it is asked |
//! | [`tracker`] | from a directory and a name to the repository, and whether it tracks that name |
//! | [`repository`] | a git directory: its common directory, its hash, its index |
//! | [`index`] | the index file, versions 2 to 4, split and sparse |
//! | [`objects`] | loose objects, packs, alternates |
//! | [`holds`] | whether content is in an object, byte for byte |
//! | [`mod@format`] | SHA-1 and SHA-256 |
//! | [`files`] | opening what may be anything |
//!
//! # What a session may do to the answers
//!
//! A session may add whatever it likes to an index (`git add precious`), make a repository around a zone's files
//! (`git init; git add -A`), or write an index of its own making. So *tracked* gives no leave to destroy: it says
//! only that the file may be set aside rather than the removal refused. What is set aside is given up only once
//! its bytes were **decoded out of an object and compared**: a forged index of a pack, a file put in the place of
//! a loose object, or a colliding hash proves nothing. Nothing is lost either way.
//!
//! An object counts only where the session can't take it away again: in a repository, or an alternate, whose
//! directories were born before the session, and by a list of alternates that has not changed since. In a
//! repository of its own making (`git init; git add -A; git rm -rf .; rm -rf .git`) no object does. Whether the files
//! that the object is in will stay, the engine sees to: those that the session has made for itself it may take away.
//!
//! # What is not held, though git could bring it back
//!
//! Files that git converts (line endings, `ident`, filters, LFS) differ from their object, and are kept. The
//! index says which object a file of this size, time and inode was checked out from, but the index is the
//! session's to write: it proves nothing. Larger files than [`objects::MAX_OBJECT`] are kept, unread; so is all
//! that is in an object of a kind that is not read here (version 1 of a pack's index).
//!
//! An object that nothing refers to any more is removed by `git gc` after two weeks, by default.
//!
//! # Failing
//!
//! Whatever can't be read is not tracked, and not held. So these rooms have no errors: `None` is that answer.

pub mod clerk;
mod files;
mod format;
mod holds;
mod index;
mod objects;
mod repository;
mod tracker;
