//! Whether a thing would be protected less than it is, where it is moved to.

use super::{Court, Finding, Reason};
use crate::policy::operation::{Kind, Op, Place};
use crate::policy::table::OPERATIONS;
use crate::policy::{Zone, strictest};
use std::path::{Path, PathBuf};

impl<'a> Court<'a> {
    /// Where less is refused, a thing is not protected as it was: be it from git alone, which removes in a `.git` as it
    /// likes, whoever has moved something in; or from everyone else, whom git's own move out of the zones frees it for;
    /// or from another operation, which an override lets through there.
    pub(super) fn moved_out(&self, from: &Place, to: &Place) -> Finding<'a> {
        let leaves = |git: bool| {
            let zone = self.protected_from(from, git)?;
            let is_less = self.is_less_guarded(from, to, git) || self.is_opened_below(from, to, git);
            is_less.then_some((zone, Reason::MovedOut))
        };
        let as_the_other_would = || if self.when.in_kernel { None } else { leaves(!self.when.git) };
        leaves(self.when.git).or_else(as_the_other_would)
    }

    /// Whether some operation is refused at the one place and not, or not as strictly, at the other.
    fn is_less_guarded(&self, from: &Place, to: &Place, git: bool) -> bool {
        let is_directory = from.kind == Some(Kind::Directory);
        let mut of_it = OPERATIONS.into_iter().filter(|op| is_directory || *op != Op::Rmdir);
        of_it.any(|op| {
            self.guarded_against(from, git, op).is_some_and(|zone| {
                let as_strict = |there: &Zone| there.on_delete >= zone.on_delete;
                !self.guarded_against(to, git, op).is_some_and(as_strict)
            })
        })
    }

    /// The same of what is below: an override that was given of something in a directory is for that, not for what
    /// comes to have its path when another directory takes the place of that one.
    fn is_opened_below(&self, from: &Place, to: &Place, git: bool) -> bool {
        if from.kind != Some(Kind::Directory) || self.when.in_kernel {
            return false;
        }
        let mut opened = to.paths.iter().flat_map(|to| {
            let below = self.policy.overrides_below(to, self.when.now);
            below.filter_map(move |path| path.strip_prefix(to).ok())
        });
        opened.any(|rest| self.is_less_guarded(&below(from, rest), &below(to, rest), git))
    }

    /// The zone that guards a place from one operation, of git or of anyone else.
    pub(super) fn guarded_against(&self, place: &Place, git: bool, op: Op) -> Option<&'a Zone> {
        let guards = |path: &'_ PathBuf| self.policy.guards_from(path, self.when.now, git, Some(op));
        strictest(place.paths.iter().filter_map(guards))
    }
}

/// What may be at a place below another one.
fn below(place: &Place, rest: &Path) -> Place {
    let paths = place.paths.iter().map(|path| path.join(rest)).collect();
    Place { paths, kind: Some(Kind::Directory), own: false }
}
