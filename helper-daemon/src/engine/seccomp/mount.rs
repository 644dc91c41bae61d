//! Mounts and subvolumes: ways to change or hide a zone's names without naming them.

use super::view::{View, Where};
use super::{Case, Outcome, Seen, Session};
use crate::policy::judge::{Loss, Reason, Verdict};
use crate::policy::operation::{Op, Operation, Place};
use endpoint_sec::linux::caller::{Caller, Unread};
use endpoint_sec::linux::event::{At, overlay_writes};
use endpoint_sec::linux::handle::Handle;
use endpoint_sec::linux::listener::Answer;
use endpoint_sec::linux::mounts::Mount;
use endpoint_sec::linux::resolve::{self, Entry};
use nix::errno::Errno;
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Whether a mounted overlay writes to anything.
pub(super) fn writes(mount: &Mount) -> bool {
    !overlay_writes(&mount.options).is_empty()
}

/// The upper directory of a mounted overlay, as the caller would find it now.
pub(super) fn upper(caller: &Caller, mount: &Mount) -> Option<Handle> {
    let upper = overlay_writes(&mount.options).into_iter().next()?;
    upper.path.starts_with(b"/").then_some(())?;
    // A container has another root than whoever mounted it.
    resolve::directory(caller, upper.dirfd, &upper.path).ok().or_else(|| upper_from_here(mount))
}

/// The same of an overlay that somebody outside has mounted.
pub(super) fn upper_from_here(mount: &Mount) -> Option<Handle> {
    let upper = overlay_writes(&mount.options).into_iter().next()?;
    upper.path.starts_with(b"/").then_some(())?;
    Handle::open(Path::new(OsStr::from_bytes(&upper.path))).ok()
}

impl Session {
    /// A mount hides what it covers, and an overlay writes to its upper and work directories under another
    /// device: neither of those may touch a zone, and nothing may hide what es-guard keeps for itself.
    pub(super) fn mount(&self, case: Case, over: Option<&At>, writes: &[At]) -> Result<Outcome, Unread> {
        let view = self.view();
        for at in writes {
            let dir = resolve::directory(&case.caller, at.dirfd, &at.path)?;
            if !self.listener.still_valid(case.id) {
                return Err(Unread::Gone);
            }
            if let Some(path) = view.touches(&case.caller, &dir) {
                let zone = self.zone_at(&view, &path);
                return Ok(self.deny(case, Op::Mount, path, None, zone, Reason::ZoneMoved));
            }
            self.is_written_to(&view, &case.caller, &dir);
        }
        match over {
            Some(at) => self.cover(case, &view, at),
            None => Ok(Answer::Continue.into()),
        }
    }

    /// What was mounted over something of es-guard's own may go; what that own file lies on may not.
    pub(super) fn unmount(&self, case: Case, at: &At) -> Result<Outcome, Unread> {
        self.cover(case, &self.view(), at)
    }

    /// Continued in the end: the kernel mounts in the caller's namespace, which nobody else can.
    fn cover(&self, case: Case, view: &View, at: &At) -> Result<Outcome, Unread> {
        let theirs = case.caller.namespace("mnt");
        if theirs.is_ok_and(|namespace| namespace != self.known.mount_namespace()) {
            return Ok(Answer::Continue.into());
        }
        let Ok(place) = resolve::target(&case.caller, at) else { return Ok(Answer::Continue.into()) };
        if !self.listener.still_valid(case.id) {
            return Err(Unread::Gone);
        }
        let operation =
            Operation::Cover(Place { paths: view.paths_of(&case.caller, &place), ..Place::default() });
        Ok(match self.verdict(view, case, &operation).0 {
            Verdict::Allow | Verdict::Stash(_) => Answer::Continue.into(),
            Verdict::Deny(Loss { zone, reason }) | Verdict::Hold(Loss { zone, reason }) => {
                let Operation::Cover(place) = operation else { return Ok(Answer::Continue.into()) };
                self.deny(case, Op::Mount, place.shown().to_owned(), None, zone, reason)
            }
        })
    }

    /// A subvolume goes with all that is in it. One told by id alone could be any on its file system.
    pub(super) fn destroy_subvolume(
        &self,
        case: Case,
        dirfd: i32,
        name: Option<Vec<u8>>,
    ) -> Result<Outcome, Unread> {
        let dir = case.caller.directory(dirfd)?;
        let stat = dir.stat().map_err(Unread::Bare)?;
        if !self.listener.still_valid(case.id) {
            return Err(Unread::Gone);
        }
        let view = self.view();
        let Some(name) = name.and_then(|name| CString::new(name).ok()) else {
            // Subvolumes have device numbers of their own: any zone on btrfs may be meant.
            let seen = Seen { entry: Entry { dir, name: c".".into() }, dir: stat };
            let zone = self.first_zone(&view.policy);
            let path = view.shown(&seen);
            return Ok(self.deny(case, Op::DestroySubvolume, path, None, zone, Reason::Unclear));
        };
        let seen = Seen { entry: Entry { dir, name }, dir: stat };
        match view.locate(&case.caller, &seen) {
            Where::Outside if !view.on_a_zones_device(&stat) => Ok(Answer::Continue.into()),
            Where::Known(paths) => {
                let path = paths.into_iter().next().unwrap_or_default();
                let zone = self.zone_at(&view, &path);
                Ok(self.deny(case, Op::DestroySubvolume, path, None, zone, Reason::ZoneMoved))
            }
            // The call would read the name again: on a zone's own device nothing is left to a race.
            Where::Outside => Ok(Answer::Fail(Errno::EPERM).into()),
            Where::Unclear => Ok(self.unclear(case, Op::DestroySubvolume, &view, &seen)),
        }
    }

    pub(super) fn zone_at(&self, view: &View, path: &Path) -> std::path::PathBuf {
        let zone =
            view.policy.zones.iter().find(|zone| path.starts_with(&zone.path) || zone.path.starts_with(path));
        zone.map_or_else(|| self.first_zone(&view.policy), |zone| zone.path.clone())
    }
}
