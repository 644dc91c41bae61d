//! Renames and exchanges that are let through because what they take is kept.
//!
//! The new name always stands for something: what stood there goes into the stash by way of the old name, after
//! the two were exchanged.

use super::keep::Lost;
use super::rename::{Side, act};
use super::{Case, Session};
use crate::denial::Denial;
use crate::policy::judge::{Loss, Reason};
use crate::stash::Entry;
use endpoint_sec::linux::handle::{Kind, Stat};
use nix::errno::Errno;
use nix::fcntl::RenameFlags;
use std::path::Path;

/// One side of a rename that is lost, and by which path it is known.
pub(super) struct Losing<'a> {
    pub(super) side: &'a Side<'a>,
    pub(super) stat: &'a Stat,
    pub(super) path: &'a Path,
}

impl Losing<'_> {
    fn lost(&self) -> Lost<'_> {
        Lost { seen: self.side.seen, stat: self.stat, path: self.path }
    }
}

/// The entries that were made, or bare's error; the outer error is why it is denied.
pub(super) type Kept = Result<Result<Vec<u64>, Errno>, Reason>;

impl Session {
    /// Renames `from` to `to`, and keeps what that takes of either.
    pub(super) fn rename_keeping(
        &self,
        case: Case,
        from: &Losing<'_>,
        to: (&Side<'_>, Option<Losing<'_>>),
        flags: u32,
        losses: &[Loss],
        what: &Denial,
    ) -> Kept {
        let loses = |reason: Reason| losses.iter().any(|loss| loss.reason == reason);
        let moved_out = loses(Reason::MovedOut).then_some(from);
        self.keeping_copy(moved_out, what, || match to.1 {
            Some(old) if loses(Reason::Clobbered) => self.displace(case, from.side, &old, flags, what),
            _ => Ok(self.ask(&case.caller, &act(from.side.seen, to.0.seen, flags)).map(|_| Vec::new())),
        })
    }

    /// Acts once what is moved out is kept as a copy.
    pub(super) fn keeping_copy(
        &self,
        moved_out: Option<&Losing<'_>>,
        what: &Denial,
        act: impl FnOnce() -> Kept,
    ) -> Kept {
        let copy = moved_out.map(|losing| self.keep_copy(&losing.lost(), what)).transpose()?;
        let done = act();
        match (done, copy) {
            (Ok(Ok(mut entries)), Some(copy)) => {
                entries.insert(0, copy.number);
                Ok(Ok(entries))
            }
            (failed, Some(copy)) => {
                self.discard(&copy);
                failed
            }
            (done, None) => done,
        }
    }

    /// Puts `from` in the place of `old`, and `old` into the stash.
    fn displace(&self, case: Case, from: &Side<'_>, old: &Losing<'_>, flags: u32, what: &Denial) -> Kept {
        let rename = |flags| self.ask(&case.caller, &act(from.seen, old.side.seen, flags)).map(drop);
        if old.stat.kind == Kind::Directory {
            let entry = self.describe(&old.lost(), what)?;
            return Ok(self.or_withdraw(entry, rename(flags)));
        }
        let exchange = RenameFlags::RENAME_EXCHANGE.bits();
        match if flags == 0 { rename(exchange) } else { Err(Errno::EINVAL) } {
            Ok(()) => {
                let aside = Lost { seen: from.seen, ..old.lost() };
                self.take_away(case, &aside, what).map(|entry| Ok(vec![entry])).inspect_err(|_| {
                    // As it was: each name stands for what it stood for.
                    let _ = rename(exchange);
                })
            }
            // A file system without exchanges, or a flag that rules them out.
            Err(Errno::EINVAL) => {
                let entry = self.take_away(case, &old.lost(), what)?;
                match rename(flags) {
                    Ok(()) => Ok(Ok(vec![entry])),
                    Err(errno) => {
                        self.put_back(entry, &old.lost());
                        Ok(Err(errno))
                    }
                }
            }
            Err(errno) => Ok(Err(errno)),
        }
    }

    fn or_withdraw(&self, entry: Entry, done: Result<(), Errno>) -> Result<Vec<u64>, Errno> {
        done.map(|()| vec![entry.number]).inspect_err(|_| self.withdraw(&entry))
    }
}
