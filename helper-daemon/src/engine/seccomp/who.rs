//! Acting as the caller, and telling git and replacers from others.

use super::Session;
use super::known::Known;
use super::view::View;
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::act_as::look_as;
use endpoint_sec::linux::caller::{Caller, Credentials, Unread, own_credentials};
use endpoint_sec::linux::handle::Stat;
use endpoint_sec::linux::listener::Answer;
use endpoint_sec::linux::process::has_capabilities;
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whom the engine acts for, and as whom.
pub(super) struct Who {
    own: Credentials,
    /// This process may do more than its user: then a caller's credentials are compared before each act.
    privileged: bool,
    /// Some process of the tree has changed its credentials.
    vary: AtomicBool,
    /// When the session began, in nanoseconds since the epoch.
    began: i128,
    /// The same by the clock that files get their times from, which lags behind by a tick, and on a busy machine by
    /// more: whatever is changed in the session has changed then or later.
    began_for_files: i128,
}

impl Who {
    pub(super) fn new() -> Result<Self, Errno> {
        Ok(Self {
            own: own_credentials().map_err(|_| Errno::EIO)?,
            privileged: has_capabilities()?,
            vary: AtomicBool::new(false),
            // In this order: what is made in between counts as older, and what is changed as changed since.
            began_for_files: clock(ClockId::CLOCK_REALTIME_COARSE)?,
            began: clock(ClockId::CLOCK_REALTIME)?,
        })
    }

    /// Whether a file was made, or changed last, before the session.
    pub(super) fn is_from_before(&self, stat: &Stat) -> bool {
        (if stat.born == 0 { stat.changed } else { stat.born }) < self.began
    }

    /// Whether a file is as it was before the session.
    fn is_unchanged(&self, stat: &Stat) -> bool {
        stat.changed < self.began_for_files
    }

    pub(super) fn credentials_vary(&self) {
        self.vary.store(true, Ordering::SeqCst);
    }

    /// The caller's credentials where they are not this process's own.
    fn other(&self, caller: &Caller, asked: bool, known: &Known) -> Result<Option<Credentials>, Errno> {
        let same = || known.is_at_home(caller);
        if !asked && (!self.privileged || (!self.vary.load(Ordering::SeqCst) && same())) {
            return Ok(None);
        }
        let theirs = caller.credentials().map_err(|_| Errno::EACCES)?;
        Ok((theirs != self.own).then_some(theirs))
    }

    fn namespace(&self, caller: &Caller, theirs: &Credentials) -> Result<Option<OwnedFd>, Errno> {
        if theirs.namespace == self.own.namespace {
            return Ok(None);
        }
        caller.user_namespace().map(Some).map_err(|_| Errno::EACCES)
    }

    /// Runs `search`, in which paths are followed as the caller would: what it may not search stays closed.
    fn search<T>(
        &self,
        caller: &Caller,
        known: &Known,
        search: impl Fn() -> Result<T, Unread>,
    ) -> Result<T, Unread> {
        let as_them = |theirs: Credentials| {
            let namespace = self.namespace(caller, &theirs).map_err(Unread::Bare)?;
            look_as(theirs, &self.own, namespace, &search)
        };
        let theirs = self.other(caller, false, known).map_err(Unread::Bare)?;
        if let Some(theirs) = &theirs
            && !self.sees_more(theirs)
        {
            return as_them(theirs.clone());
        }
        match (search(), theirs) {
            (Err(Unread::Bare(Errno::EACCES)), Some(theirs)) => as_them(theirs),
            (Err(Unread::Bare(Errno::EACCES)), None) if !self.privileged => {
                match self.other(caller, true, known) {
                    Ok(Some(theirs)) => as_them(theirs),
                    _ => Err(Unread::Bare(Errno::EACCES)),
                }
            }
            (found, _) => found,
        }
    }

    /// Whether these credentials go wherever this process's own do: the same user, if with capabilities.
    fn sees_more(&self, theirs: &Credentials) -> bool {
        let ids = |who: &Credentials| (who.uid, who.gid, who.groups.clone());
        self.own.capabilities == 0 && ids(theirs) == ids(&self.own)
    }

    fn act<T>(
        &self,
        caller: &Caller,
        known: &Known,
        plain: impl Fn() -> Result<T, Errno>,
        as_other: impl Fn(&Credentials, &Credentials, Option<OwnedFd>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let as_them = |theirs: Credentials| {
            let namespace = self.namespace(caller, &theirs)?;
            as_other(&theirs, &self.own, namespace)
        };
        if let Some(theirs) = self.other(caller, false, known)? {
            return as_them(theirs);
        }
        match plain() {
            // In a user namespace of its own a caller may do more to its files than this process may.
            Err(errno @ (Errno::EACCES | Errno::EPERM)) if !self.privileged => {
                match self.other(caller, true, known) {
                    Ok(Some(theirs)) => as_them(theirs),
                    _ => Err(errno),
                }
            }
            other => other,
        }
    }

    /// Whether the caller runs git's or jj's own executable: a file of that name inside its file system (so
    /// that no bind mount gives it), unchanged since before the session (so that no copy, link or rename does).
    pub(super) fn is_git(&self, view: &View, caller: &Caller) -> bool {
        self.runs(view, caller, |path| {
            let in_git_core = path.parent().and_then(Path::file_name).is_some_and(|dir| dir == "git-core");
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name == "git" || name == "jj" || (in_git_core && name.starts_with("git-"))
        })
    }

    /// Whether the caller runs a replacer's own executable, told in the same way.
    pub(super) fn is_replacer(&self, view: &View, caller: &Caller) -> bool {
        self.runs(view, caller, |path| path.file_name().is_some_and(|name| view.policy.is_replacer(name)))
    }

    /// Whether the caller's executable is as it was before the session, and has such a path inside its file
    /// system.
    fn runs(&self, view: &View, caller: &Caller, such: impl Fn(&Path) -> bool) -> bool {
        // What the kernel calls it can be anything; where it isn't even called so there is no need to look.
        such(&caller.executable_text()) && self.program(view, caller).is_some_and(|path| such(&path))
    }

    fn program(&self, view: &View, caller: &Caller) -> Option<PathBuf> {
        let exe = caller.executable().ok()?;
        let stat = exe.stat().ok()?;
        let levels = view.table.levels(stat.mount, &exe.text().ok()?)?;
        let path = PathBuf::from(OsStr::from_bytes(&levels.first()?.path));
        self.is_unchanged(&stat).then_some(path)
    }
}

/// What a clock says, in nanoseconds since the epoch.
fn clock(of: ClockId) -> Result<i128, Errno> {
    let now = clock_gettime(of)?;
    Ok(i128::from(now.tv_sec()) * 1_000_000_000 + i128::from(now.tv_nsec()))
}

impl Session {
    /// Follows paths as the caller would: `search` looks, and changes nothing.
    pub(super) fn search<T>(
        &self,
        caller: &Caller,
        search: impl Fn() -> Result<T, Unread>,
    ) -> Result<T, Unread> {
        self.who.search(caller, &self.known, search)
    }

    /// Performs a call as the caller, or lets the kernel go on where that would bypass the caller's own
    /// confinement.
    pub(super) fn perform(&self, caller: &Caller, act: &Act<'_>) -> Answer {
        if self.confined() {
            return Answer::Continue;
        }
        match self.ask(caller, act) {
            Ok(value) => Answer::Value(value),
            Err(errno) => Answer::Fail(errno),
        }
    }

    /// What the call comes to when it is performed as the caller; for calls that change nothing.
    pub(super) fn ask(&self, caller: &Caller, act: &Act<'_>) -> Result<i64, Errno> {
        let as_other = |theirs: &Credentials, own: &Credentials, namespace: Option<OwnedFd>| {
            act.perform_as(theirs, own, namespace.as_ref().map(AsFd::as_fd))
        };
        self.who.act(caller, &self.known, || act.perform(), as_other)
    }

    /// Opens a file with the caller's credentials and no others, be they the same as this process's.
    pub(super) fn open_strictly_as(&self, caller: &Caller, act: &Act<'_>) -> Result<OwnedFd, Errno> {
        let theirs = caller.credentials().map_err(|_| Errno::EACCES)?;
        let namespace = self.who.namespace(caller, &theirs)?;
        act.open_as(&theirs, &self.who.own, namespace.as_ref().map(AsFd::as_fd))
    }

    /// Opens a file as the caller.
    pub(super) fn open_as(&self, caller: &Caller, act: &Act<'_>) -> Result<OwnedFd, Errno> {
        let as_other = |theirs: &Credentials, own: &Credentials, namespace: Option<OwnedFd>| {
            act.open_as(theirs, own, namespace.as_ref().map(AsFd::as_fd))
        };
        self.who.act(caller, &self.known, || act.open(), as_other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endpoint_sec::linux::handle::Handle;

    #[test]
    fn what_is_changed_as_soon_as_the_session_has_begun_is_not_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = ["rm", "tar"].map(|name| dir.path().join(name));
        std::fs::write(&one, "").unwrap();
        for _ in 0..500 {
            let who = Who::new().unwrap();
            std::fs::rename(&one, &other).unwrap();
            assert!(!who.is_unchanged(&Handle::open(&other).unwrap().stat().unwrap()));
            std::fs::rename(&other, &one).unwrap();
        }
    }
}
