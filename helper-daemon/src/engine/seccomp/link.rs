//! What a link is made from.

use super::own::{How, Own};
use super::view::View;
use super::{Case, Outcome, Seen, Session};
use endpoint_sec::linux::caller::Unread;
use endpoint_sec::linux::event::At;
use endpoint_sec::linux::handle::{self, Handle, Stat};
use endpoint_sec::linux::resolve::{self, Entry};
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use std::ffi::CString;

/// What a link is made from.
pub(super) struct Source {
    pub(super) handle: Handle,
    /// `None`: what the handle itself refers to.
    pub(super) name: Option<CString>,
    pub(super) stat: Stat,
    pub(super) own: Option<How>,
}

impl Session {
    /// The refusal, where a link would be another name of what es-guard keeps.
    pub(super) fn sealed_source(&self, case: Case, view: &View, source: &Source) -> Option<Outcome> {
        let Some(name) = &source.name else { return self.sealed_object(case, view, &source.handle) };
        let entry = Entry { dir: source.handle.duplicate().ok()?, name: name.clone() };
        let dir = entry.dir.stat().ok()?;
        self.sealed_entry(case, view, &Seen { entry, dir })
    }

    /// What a link is made from.
    pub(super) fn source(&self, own: &Own, case: Case, from: &At, flags: i32) -> Result<Source, Unread> {
        if from.path.is_empty() {
            let handle = case.caller.file(from.dirfd)?;
            let stat = handle.stat().map_err(Unread::Bare)?;
            return Ok(Source { handle, name: None, stat, own: None });
        }
        let seen = self.see(case, from)?;
        // `.`, `..` and the root are directories, which the kernel refuses once it has looked at the new name.
        let name = seen.entry.plain_name().filter(|_| !seen.entry.is_special());
        let follow = flags & AtFlags::AT_SYMLINK_FOLLOW.bits() != 0;
        // In procfs the entry that was seen may be this process's own; the walk knows the caller's.
        let in_procfs = follow && seen.entry.dir.in_procfs().map_err(Unread::Bare)?;
        let named = name.filter(|_| !in_procfs);
        let looked =
            named.map(|name| Ok((seen.entry.identify().map_err(Unread::Bare)?, name))).transpose()?;
        // A slash at the end asks for a directory, at the end of a link, too.
        let slash = seen.entry.wants_directory();
        let followed = |stat: &Stat| (follow || slash) && stat.kind == handle::Kind::Symlink;
        let Some((stat, name)) = looked.filter(|(stat, _)| !followed(stat)) else {
            let handle = self.search(&case.caller, || resolve::target(&case.caller, from))?;
            let stat = handle.stat().map_err(Unread::Bare)?;
            if slash && stat.kind != handle::Kind::Directory {
                return Err(Unread::Bare(Errno::ENOTDIR));
            }
            return Ok(Source { handle, name: None, stat, own: None });
        };
        if slash && stat.kind != handle::Kind::Directory {
            return Err(Unread::Bare(Errno::ENOTDIR));
        }
        let own = own.how((seen.dir.dev, seen.dir.ino), name.to_bytes(), &stat);
        Ok(Source { handle: seen.entry.dir, name: Some(name), stat, own })
    }
}

/// A link to the session's own is its own; one to a file without a name (`O_TMPFILE`) gives it its first.
pub(super) fn how_linked(source: &Source) -> How {
    match source.own {
        Some(how) => how,
        None if source.stat.nlink == 0 => How::Made,
        None => How::Linked,
    }
}
