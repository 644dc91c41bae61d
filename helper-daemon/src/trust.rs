//! Whether a folder is root's all the way down: that nobody else can put another in its place.
//!
//! What root runs, believes or listens in lies in such a folder. Once it is known to, no user can change
//! anything about it between this look and the use, so its names may be used as they are.

use nix::unistd::geteuid;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Why a folder is not to be trusted.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the place, and what is wrong with it, in the message")]
pub enum Untrusted {
    #[error("{path} belongs to user {uid}, not to root")]
    Owner { path: PathBuf, uid: u32 },
    #[error("{path} can be written by others than root (mode {mode:04o})")]
    Writable { path: PathBuf, mode: u32 },
    #[error("{0} is no directory")]
    NoDirectory(PathBuf),
    #[error("{0} is a symlink, which leads out of the alternative root")]
    Symlink(PathBuf),
    #[error("{path}: {source}")]
    Unknown { path: PathBuf, source: io::Error },
}

/// Looks at every directory from `top` down to `folder`, as far as they exist. Root's means: owned by root or by
/// this process's own user, and writable by nobody else; on the way, not at its end, a sticky directory is
/// fine, in which nobody can replace what is another's. Where `top` is not `/`, symlinks are refused.
///
/// A POSIX access list that lets somebody write shows in the mode's group bits (`acl(5)`).
pub fn folder(top: &Path, folder: &Path) -> Result<(), Untrusted> {
    let below = folder.strip_prefix(top).unwrap_or(folder);
    let mut here = top.to_owned();
    look_at(&here, below.as_os_str().is_empty())?;
    let mut components = below.components().filter(|part| matches!(part, Component::Normal(_))).peekable();
    while let Some(component) = components.next() {
        here.push(component);
        let stat = match here.symlink_metadata() {
            Ok(stat) => stat,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(Untrusted::Unknown { path: here, source }),
        };
        if stat.is_symlink() {
            if top != Path::new("/") {
                return Err(Untrusted::Symlink(here));
            }
            owned_well(&here, stat.uid())?;
            let real =
                here.canonicalize().map_err(|source| Untrusted::Unknown { path: here.clone(), source })?;
            return self::folder(top, &components.fold(real, |path, part| path.join(part)));
        }
        look_at(&here, components.peek().is_none())?;
    }
    Ok(())
}

fn look_at(path: &Path, last: bool) -> Result<(), Untrusted> {
    let stat =
        path.symlink_metadata().map_err(|source| Untrusted::Unknown { path: path.to_owned(), source })?;
    if !stat.is_dir() {
        return Err(Untrusted::NoDirectory(path.to_owned()));
    }
    owned_well(path, stat.uid())?;
    let mode = stat.mode() & 0o7777;
    let shared = mode & WRITABLE_BY_OTHERS != 0;
    if shared && (last || mode & STICKY == 0) {
        return Err(Untrusted::Writable { path: path.to_owned(), mode });
    }
    Ok(())
}

fn owned_well(path: &Path, uid: u32) -> Result<(), Untrusted> {
    if uid == 0 || uid == geteuid().as_raw() {
        Ok(())
    } else {
        Err(Untrusted::Owner { path: path.to_owned(), uid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, create_dir_all, set_permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    fn top() -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        create_dir_all(top.path().join("a/b")).unwrap();
        for dir in ["a", "a/b"] {
            set_permissions(top.path().join(dir), Permissions::from_mode(0o755)).unwrap();
        }
        top
    }

    #[test]
    fn what_is_not_there_yet_is_judged_by_what_it_will_be_made_in() {
        let top = top();
        folder(top.path(), &top.path().join("a/b/c/d")).unwrap();
        folder(Path::new("/"), Path::new("/usr/lib")).unwrap();
    }

    #[test]
    fn a_directory_that_others_can_write_is_found_anywhere_on_the_way() {
        let top = top();
        let set = |mode| set_permissions(top.path().join("a"), Permissions::from_mode(mode)).unwrap();
        let check = |below: &str| folder(top.path(), &top.path().join(below));
        for mode in [0o777, 0o775, 0o757] {
            set(mode);
            assert!(matches!(check("a/b"), Err(Untrusted::Writable { .. })), "{mode:o}");
        }
        set(0o1777);
        check("a/b").unwrap();
        assert!(matches!(check("a"), Err(Untrusted::Writable { .. })), "names in it are up to others");
    }

    #[test]
    fn anothers_directory_and_a_symlink_out_of_a_root_are_found() {
        let top = top();
        symlink("/usr", top.path().join("link")).unwrap();
        assert!(matches!(folder(top.path(), &top.path().join("link/lib")), Err(Untrusted::Symlink(_))));
        if geteuid().is_root() {
            chown(top.path().join("a"), Some(1000), None).unwrap();
            let found = folder(top.path(), &top.path().join("a/b"));
            assert!(matches!(found, Err(Untrusted::Owner { uid: 1000, .. })));
        }
    }
}
