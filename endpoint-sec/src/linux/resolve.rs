//! From a caller's path to a directory handle and a name, as the caller would see them.
//!
//! The last component is split off as text, with its trailing slashes, and never looked at here: what is
//! done to it is done by the kernel, on the handle. The directory is opened in one step where the kernel can
//! keep to the caller's view (`openat2(2)`), and component by component where it can't.

use crate::linux::act::owned;
use crate::linux::act_as::{look, looks_as_another};
use crate::linux::caller::{Caller, Unread};
use crate::linux::event::At;
use crate::linux::handle::{Handle, Kind};
use crate::linux::station::{as_the_user, is_stationed};
use crate::linux::walk;
use endpoint_sec_sys::linux::calls::{
    self, OpenHow, RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS,
};
use nix::errno::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd};

/// A name in a directory that is held open: whatever happens to the path meanwhile, this stays the place.
#[derive(Debug)]
pub struct Entry {
    /// The directory.
    pub dir: Handle,
    /// The last component as the caller wrote it, trailing slashes included.
    pub name: CString,
}

impl Entry {
    /// Resolves a caller's path up to its last component.
    pub fn resolve(caller: &Caller, at: &At) -> Result<Self, Unread> {
        Self::resolve_from(caller, at, None)
    }

    /// The same; `root` is the caller's root where that is known already.
    pub fn resolve_from(caller: &Caller, at: &At, root: Option<&Handle>) -> Result<Self, Unread> {
        let (parent, name) = split(&at.path);
        let name = CString::new(name).map_err(|_| Unread::Bare(Errno::EINVAL))?;
        let known = root.filter(|_| parent.starts_with(b"/"));
        let dir = match known.map(|root| open_below_root(root, parent)) {
            Some(Ok(dir)) => dir,
            _ => directory(caller, at.dirfd, parent)?,
        };
        // A procfs may hide processes from the caller (`hidepid`) that this process, by its capability, is shown:
        // the walk is shown what the caller is. And `self` is whoever looked: the walk knows the caller.
        if (is_stationed() || looks_as_another())
            && !parent.is_empty()
            && dir.in_procfs().map_err(Unread::Bare)?
        {
            let base = if parent.starts_with(b"/") { caller.root()? } else { caller.directory(at.dirfd)? };
            let dir = walk::directory(caller, base, parent)?;
            as_the_user(|| dir.may_search()).map_err(Unread::Bare)?;
            return Ok(Self { dir, name });
        }
        Ok(Self { dir, name })
    }

    /// The name without trailing slashes.
    pub fn bare_name(&self) -> &[u8] {
        let name = self.name.to_bytes();
        let end = name.iter().rposition(|&b| b != b'/').map_or(0, |at| at + 1);
        &name[..end]
    }

    /// The name without trailing slashes, for a call of one's own; `None` where there is no name.
    pub fn plain_name(&self) -> Option<CString> {
        CString::new(self.bare_name()).ok().filter(|name| !name.is_empty())
    }

    /// Whether the caller wrote a trailing slash: only a directory will do.
    pub fn wants_directory(&self) -> bool {
        self.name.to_bytes().ends_with(b"/")
    }

    /// Whether the last component is no name at all (`.`, `..` or the root): the kernel refuses to remove or
    /// rename such a thing by itself.
    pub fn is_special(&self) -> bool {
        matches!(self.bare_name(), b"" | b"." | b"..")
    }

    /// What the name is, a symlink not being followed.
    pub fn stat(&self) -> Result<crate::linux::handle::Stat, Errno> {
        self.dir.stat_entry(&self.bare()?)
    }

    /// The same, with what tells it from whatever may stand there later.
    pub fn identify(&self) -> Result<crate::linux::handle::Stat, Errno> {
        self.dir.identify(&self.bare()?)
    }

    fn bare(&self) -> Result<CString, Errno> {
        CString::new(self.bare_name()).map_err(|_| Errno::EINVAL)
    }
}

/// What a path names in the end.
#[derive(Debug)]
pub enum Last {
    /// A name: of what is no symlink, or of nothing yet.
    Entry(Entry),
    /// What a magic link of `/proc` leads to: it has no name there.
    Object(Handle),
}

/// Follows the symlinks that a caller's path ends with, up to a name that is none; without `follow` only those
/// before the last name.
pub fn last(caller: &Caller, at: &At, root: Option<&Handle>, follow: bool) -> Result<Last, Unread> {
    let mut entry = Entry::resolve_from(caller, at, root)?;
    // A path that leads through `/proc/self` in one step leads to this process: the walk knows the caller's.
    if entry.dir.in_procfs().map_err(Unread::Bare)? {
        let base = if at.path.starts_with(b"/") { caller.root()? } else { caller.directory(at.dirfd)? };
        entry.dir = walk::directory(caller, base, split(&at.path).0)?;
    }
    for _ in 0..=walk::MAX_LINKS {
        let found = match entry.stat() {
            _ if !follow || entry.is_special() => return Ok(Last::Entry(entry)),
            Err(Errno::ENOENT) => return Ok(Last::Entry(entry)),
            other => other.map_err(Unread::Bare)?,
        };
        if found.kind != Kind::Symlink {
            return Ok(Last::Entry(entry));
        }
        let name = entry.plain_name().ok_or(Unread::Bare(Errno::EINVAL))?;
        let target = match walk::link(caller, &entry.dir, &name, &found, true)? {
            walk::Link::Text(target) => target,
            walk::Link::Object(handle) => return Ok(Last::Object(handle)),
        };
        let (parent, name) = split(&target);
        let mut name = name.to_vec();
        // A slash after the link counts for what the link leads to.
        name.extend(entry.wants_directory().then_some(b'/'));
        let name = CString::new(name).map_err(|_| Unread::Bare(Errno::EINVAL))?;
        let dir = if parent.is_empty() {
            entry.dir
        } else {
            let from = entry.dir.duplicate().map_err(Unread::Bare)?;
            let dir = below(caller, from, parent)?;
            let in_procfs = dir.in_procfs().map_err(Unread::Bare)?;
            if in_procfs { walk::directory(caller, entry.dir, parent)? } else { dir }
        };
        entry = Entry { dir, name };
    }
    Err(Unread::Bare(Errno::ELOOP))
}

/// Opens a caller's path as a directory, following every symlink.
pub fn directory(caller: &Caller, dirfd: i32, path: &[u8]) -> Result<Handle, Unread> {
    if path.is_empty() {
        return caller.directory(dirfd);
    }
    let base = if path.starts_with(b"/") { caller.root()? } else { caller.directory(dirfd)? };
    below(caller, base, path)
}

/// The same from a directory on, or from the caller's root for an absolute path.
fn below(caller: &Caller, base: Handle, path: &[u8]) -> Result<Handle, Unread> {
    let absolute = path.starts_with(b"/");
    let base = if absolute { caller.root()? } else { base };
    let text = CString::new(path).map_err(|_| Unread::Bare(Errno::EINVAL))?;
    // Relative paths are followed beneath their base only: whatever leaves it (an absolute symlink, `..`)
    // depends on the caller's root, which a single call can't be told together with the base.
    let confined = if absolute { RESOLVE_IN_ROOT } else { RESOLVE_BENEATH };
    match open_directory(&base, &text, confined | RESOLVE_NO_MAGICLINKS) {
        Ok(dir) => Ok(dir),
        // A magic link, a way out of the base, a race with a rename. Or something is missing, and the path, or
        // a symlink on it, went through `/proc/self`: that was this process's own. The walk knows the caller's.
        Err(_) => walk::directory(caller, base, path),
    }
}

/// Opens what a caller's path names, following every symlink, the last one too.
pub fn target(caller: &Caller, at: &At) -> Result<Handle, Unread> {
    let base = if at.path.starts_with(b"/") { caller.root()? } else { caller.directory(at.dirfd)? };
    walk::anything(caller, base, &at.path)
}

fn open_below_root(root: &Handle, path: &[u8]) -> Result<Handle, Errno> {
    let text = CString::new(path).map_err(|_| Errno::EINVAL)?;
    open_directory(root, &text, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
}

fn open_directory(base: &Handle, path: &CStr, resolve: u64) -> Result<Handle, Errno> {
    let flags = (libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC) as u64;
    let how = OpenHow { flags, mode: 0, resolve };
    // SAFETY:
    // - `path` is NUL-terminated.
    let open = || i64::from(unsafe { calls::openat2(base.as_raw_fd(), path.as_ptr(), &how) });
    look(base.as_fd(), open).map(owned).map(Handle::from_fd)
}

/// The text of a path before its last component: `None` for a bare name.
pub fn parent_text(path: &[u8]) -> Option<&[u8]> {
    Some(split(path).0).filter(|parent| !parent.is_empty())
}

/// Splits a path before its last component. The parent is empty for a bare name; a path of slashes only has
/// itself as its last component.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = path.iter().rposition(|&b| b != b'/') else { return (path, path) };
    let start = path[..end].iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    path.split_at(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Caller {
        Caller::new(std::process::id() as i32)
    }

    fn at(path: &str) -> At {
        At { dirfd: libc::AT_FDCWD, path: path.into() }
    }

    #[test]
    fn the_last_component_keeps_its_slashes() {
        assert_eq!(split(b"a/b//"), (&b"a/"[..], &b"b//"[..]));
        assert_eq!(split(b"b"), (&b""[..], &b"b"[..]));
        assert_eq!(split(b"/b"), (&b"/"[..], &b"b"[..]));
        assert_eq!(split(b"a/.."), (&b"a/"[..], &b".."[..]));
        assert_eq!(split(b"//"), (&b"//"[..], &b"//"[..]));
    }

    #[test]
    fn a_symlinked_parent_leads_to_the_real_directory() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("deep")).unwrap();
        std::os::unix::fs::symlink(real.join("deep"), real.join("link")).unwrap();
        let entry = Entry::resolve(&me(), &at(&format!("{}/link/../deep/x/", real.display()))).unwrap();
        assert_eq!(entry.dir.text().unwrap(), format!("{}/deep", real.display()).into_bytes());
        assert_eq!(entry.bare_name(), b"x");
        assert!(entry.wants_directory());
    }

    #[test]
    fn proc_self_is_the_caller_not_this_process() {
        let child = std::process::Command::new("sleep").arg("5").current_dir("/usr").spawn().unwrap();
        let caller = Caller::new(child.id() as i32);
        // A freshly spawned child may not have reached its working directory yet.
        let started = std::time::Instant::now();
        while std::fs::read_link(format!("/proc/{}/cwd", child.id())).ok() != Some("/usr".into()) {
            assert!(started.elapsed().as_secs() < 5);
        }
        let mut child = child;
        for path in ["/proc/self/cwd/x", "/proc/thread-self/cwd/x", "/proc/../proc/self/root/usr/x"] {
            let entry = Entry::resolve(&caller, &at(path)).unwrap();
            assert_eq!(entry.dir.text().unwrap(), b"/usr", "{path}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_descriptor_in_proc_self_is_the_callers_even_where_this_process_has_none_of_that_number() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        let shell = format!("exec 87<{}; echo; exec sleep 9", real.display());
        let mut child = std::process::Command::new("bash")
            .args(["-c", &shell])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
        let caller = Caller::new(child.id() as i32);
        for path in ["/proc/self/fd/87/x", "/dev/fd/87/x", "/proc/thread-self/fd/87/x"] {
            let entry = Entry::resolve(&caller, &at(path)).unwrap();
            assert_eq!(entry.dir.text().unwrap(), real.as_os_str().as_encoded_bytes(), "{path}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_loop_of_symlinks_is_a_loop() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("loop", dir.path().join("loop")).unwrap();
        let found = Entry::resolve(&me(), &at(&format!("{}/loop/x", dir.path().display())));
        assert_eq!(found.unwrap_err(), Unread::Bare(Errno::ELOOP));
    }

    #[test]
    fn a_missing_parent_and_a_file_as_parent_fail_as_in_the_kernel() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let missing = Entry::resolve(&me(), &at(&format!("{}/none/x", dir.path().display())));
        assert_eq!(missing.unwrap_err(), Unread::Bare(Errno::ENOENT));
        let file = Entry::resolve(&me(), &at(&format!("{}/file/x", dir.path().display())));
        assert_eq!(file.unwrap_err(), Unread::Bare(Errno::ENOTDIR));
    }
}
