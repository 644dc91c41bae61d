//! Where a path leads, also when it is not there yet.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// As many symlinks as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Follows every symlink of an absolute path, dangling ones too, and keeps what is not there as it is written.
/// With it comes the first problem on the way, if any: `NotFound` when the path does not exist.
pub(crate) fn resolve(path: &Path) -> (PathBuf, Option<io::Error>) {
    follow(path, |_| {})
}

/// The names of the symlinks on the way of an absolute path, in the order in which they are followed: whoever turns one
/// of them makes the path lead elsewhere. Without those that nobody can turn.
pub(crate) fn links(path: &Path) -> Vec<PathBuf> {
    let mut links = Vec::new();
    follow(path, |link| links.push(link.to_owned()));
    // macOS keeps its own in the root directory.
    let fixed = |link: &Path| {
        link.starts_with("/proc") || (cfg!(target_os = "macos") && link.parent() == Some(Path::new("/")))
    };
    links.retain(|link| !fixed(link));
    links
}

fn follow(path: &Path, mut passes: impl FnMut(&Path)) -> (PathBuf, Option<io::Error>) {
    let mut resolved = PathBuf::from("/");
    let mut problem = None;
    let mut links = 0;
    let mut ahead = steps(path);
    while let Some(step) = ahead.pop_front() {
        if step == ".." {
            resolved.pop();
            continue;
        }
        let next = resolved.join(&step);
        match next.symlink_metadata() {
            Ok(found) if found.is_symlink() && links < MAX_LINKS => {
                links += 1;
                passes(&next);
                let target = next.read_link().unwrap_or_default();
                if target.is_absolute() {
                    resolved = PathBuf::from("/");
                }
                for step in steps(&target).into_iter().rev() {
                    ahead.push_front(step);
                }
                continue;
            }
            Ok(found) if found.is_symlink() => {
                problem.get_or_insert_with(|| io::Error::from(nix::errno::Errno::ELOOP));
            }
            Ok(_) => {}
            Err(e) => {
                problem.get_or_insert(e);
            }
        }
        resolved = next;
    }
    (resolved, problem)
}

/// Follows every symlink on the way to a path's last name, and keeps that name: what is removed or moved is the
/// name, not what it may be a symlink to.
pub(crate) fn resolve_name(path: &Path) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => resolve(parent).0.join(name),
        _ => resolve(path).0,
    }
}

/// The components that move: names and `..`.
fn steps(path: &Path) -> VecDeque<OsString> {
    let moving = |c: &Component<'_>| matches!(c, Component::Normal(_) | Component::ParentDir);
    path.components().filter(moving).map(|c| c.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_exists_is_resolved_like_the_kernel_does() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        symlink("a/b", root.join("rel")).unwrap();
        symlink(root.join("rel/.."), root.join("abs")).unwrap();
        for path in ["a/b", "rel", "abs", "abs/b", "rel/../b"] {
            let (found, problem) = resolve(&root.join(path));
            assert_eq!(found, root.join(path).canonicalize().unwrap());
            assert!(problem.is_none());
        }
    }

    #[test]
    fn what_does_not_exist_is_found_where_it_would_be() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("real")).unwrap();
        symlink("real", root.join("link")).unwrap();
        symlink("real/later", root.join("dangling")).unwrap();
        for (path, leads) in
            [("link/x/y", "real/x/y"), ("dangling", "real/later"), ("dangling/x", "real/later/x")]
        {
            let (found, problem) = resolve(&root.join(path));
            assert_eq!(found, root.join(leads));
            assert_eq!(problem.unwrap().kind(), io::ErrorKind::NotFound);
        }
    }

    #[test]
    fn every_symlink_on_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("dot/v2")).unwrap();
        symlink("v2", root.join("dot/now")).unwrap();
        symlink(root.join("dot/now"), root.join("link")).unwrap();
        symlink("elsewhere", root.join("dot/v2/file")).unwrap();
        let found = links(&root.join("link/file"));
        assert_eq!(found, ["link", "dot/now", "dot/v2/file"].map(|name| root.join(name)));
        assert!(links(&root.join("dot/v2/none")).is_empty());
        assert!(links(Path::new("/proc/self/exe")).is_empty());
    }

    #[test]
    fn a_circle_of_symlinks_ends() {
        let dir = tempfile::tempdir().unwrap();
        symlink("b", dir.path().join("a")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        assert!(resolve(&dir.path().join("a")).1.is_some());
    }

    #[test]
    fn a_name_is_kept_where_it_is_a_symlink_itself() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        std::fs::create_dir(top.join("real")).unwrap();
        symlink("real", top.join("alias")).unwrap();
        symlink("/etc", top.join("real/link")).unwrap();
        assert_eq!(resolve_name(&top.join("alias/link")), top.join("real/link"));
        assert_eq!(resolve_name(&top.join("alias/../alias/none")), top.join("real/none"));
        assert_eq!(resolve_name(&top.join("real/link/..")), Path::new("/"));
        assert_eq!(resolve_name(Path::new("/")), Path::new("/"));
    }
}
