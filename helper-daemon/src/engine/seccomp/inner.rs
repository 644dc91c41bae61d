//! Repositories inside of the one that git works on: their history is not its own to remove.
//!
//! git may do in a `.git` what it likes, as that is how it works. `git clean -ffdx` takes whole repositories with it that
//! lie in the work tree, and for what is in those no repository has an object. A submodule's history lies in the
//! outer `.git`, and a `.git` that is a file has none. Which one it works on is told by where it is, as it goes to the
//! top of its work tree first; where no `.git` is found from there, it was told (`--git-dir`), and if not of this one, it
//! is another.

use super::view::View;
use super::{Case, Seen, Session};
use crate::policy::{GIT_DIR, Policy};
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::handle::{Handle, Kind, Stat};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::path::Path;

/// A path has fewer components than this: it has at most as many bytes.
const MOST_LEVELS: usize = 4096;

/// git's own options whose value is an argument by itself.
const OPTIONS_WITH_VALUE: [&[u8]; 7] =
    [b"-C", b"-c", b"--work-tree", b"--namespace", b"--config-env", b"--super-prefix", b"--attr-source"];

impl Session {
    /// Whether what git is about to remove is, or is in, the `.git` directory of a repository in the work tree of
    /// another one, which git works on. Where that can't be told it is not.
    pub(super) fn is_of_an_inner_repository(
        &self,
        view: &View,
        case: Case,
        seen: &Seen,
        path: &Path,
        stat: &Stat,
    ) -> bool {
        let Some(depth) = depth_in_git_dir(&view.policy, path) else { return false };
        if depth == 0 && stat.kind != Kind::Directory {
            return false;
        }
        let look = || {
            let work_tree = work_tree(&seen.entry.dir, depth)?;
            let cwd = || case.caller.cwd().map_err(|_| Errno::ESRCH);
            Ok::<_, Errno>(
                works_on_an_outer_one(&work_tree, cwd()?)? && !is_told_of(&case.caller, &cwd()?, &work_tree),
            )
        };
        look().unwrap_or(false)
    }
}

/// Whether git was told to work on the repository of this work tree, by its command line or by who has started it.
fn is_told_of(caller: &Caller, cwd: &Handle, work_tree: &Handle) -> bool {
    let Ok(git_dir) = work_tree.stat_entry(&git_name()) else { return false };
    let is_it = |path: &[u8]| {
        let path = CString::new(path).unwrap_or_default();
        let found = Handle::open_at(cwd.as_fd(), &path, OFlag::O_DIRECTORY).and_then(|dir| dir.stat());
        found.is_ok_and(|found| place(&found) == place(&git_dir))
    };
    let argv = caller.program().argv;
    // As git has it: the command line counts before what is in the environment.
    if let Some(told) = git_dir_option(&argv) {
        return is_it(told);
    }
    caller.environment().iter().find_map(|entry| entry.strip_prefix(b"GIT_DIR=")).is_some_and(is_it)
}

/// The value of the last `--git-dir` of a git's command line. What follows the subcommand is that one's.
fn git_dir_option(argv: &[Vec<u8>]) -> Option<&[u8]> {
    let mut args = argv.iter().map(Vec::as_slice);
    let name = args.next()?.rsplit(|&b| b == b'/').next()?;
    // Called by the name of a subcommand it has no options but that one's.
    if name.starts_with(b"git-") {
        return None;
    }
    let mut told = None;
    while let Some(arg) = args.next().filter(|arg| arg.starts_with(b"-")) {
        match arg {
            b"--git-dir" => told = args.next(),
            arg if OPTIONS_WITH_VALUE.contains(&arg) => drop(args.next()),
            arg => told = arg.strip_prefix(b"--git-dir=").or(told),
        }
    }
    told
}

/// How far a name lies below the outermost `.git` of its path, below the zone; zero is the `.git` itself.
fn depth_in_git_dir(policy: &Policy, path: &Path) -> Option<usize> {
    let below = policy.zones.iter().filter_map(|zone| path.strip_prefix(&zone.path).ok());
    let names: Vec<_> = below.max_by_key(|below| below.as_os_str().len())?.iter().collect();
    let git_dir = names.iter().position(|name| *name == GIT_DIR)?;
    Some(names.len() - 1 - git_dir)
}

/// The directory that has the `.git`, for a name in `dir` that lies so far below that.
fn work_tree(dir: &Handle, depth: usize) -> Result<Handle, Errno> {
    let git_dir = match depth {
        0 => return dir.duplicate(),
        1 => dir.duplicate()?,
        _ => up(dir, depth - 1)?,
    };
    let work_tree = up(&git_dir, 1)?;
    // A part of it may be mounted elsewhere, where other directories are above.
    if place(&work_tree.stat_entry(&git_name())?) == place(&git_dir.stat()?) {
        Ok(work_tree)
    } else {
        Err(Errno::ENOENT)
    }
}

/// Whether the nearest repository that holds `cwd` is another one than that of `work_tree`, and holds it; where there is
/// none, whether `cwd` does.
fn works_on_an_outer_one(work_tree: &Handle, cwd: Handle) -> Result<bool, Errno> {
    let inner = place(&work_tree.stat()?);
    let from = place(&cwd.stat()?);
    let mut here = cwd;
    let mut nearest = None;
    for _ in 0..MOST_LEVELS {
        let key = place(&here.stat()?);
        if key == inner {
            return Ok(false);
        }
        if nearest.is_none() && here.stat_entry(&git_name()).is_ok() {
            nearest = Some(key);
        }
        let above = up(&here, 1)?;
        if place(&above.stat()?) == key {
            break;
        }
        here = above;
    }
    let nearest = nearest.unwrap_or(from);
    let mut here = up(work_tree, 1)?;
    for _ in 0..MOST_LEVELS {
        let key = place(&here.stat()?);
        if key == nearest {
            return Ok(true);
        }
        let above = up(&here, 1)?;
        if place(&above.stat()?) == key {
            break;
        }
        here = above;
    }
    Ok(false)
}

fn up(dir: &Handle, levels: usize) -> Result<Handle, Errno> {
    let text = CString::new("../".repeat(levels)).map_err(|_| Errno::EINVAL)?;
    Handle::open_at(dir.as_fd(), &text, OFlag::O_DIRECTORY)
}

fn place(stat: &Stat) -> (u64, u64) {
    (stat.dev, stat.ino)
}

fn git_name() -> CString {
    CString::new(GIT_DIR).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Zone;

    #[test]
    fn the_outermost_git_below_the_zone_counts() {
        let policy = Policy { zones: vec![Zone::new("/z/.git/p"), Zone::new("/y")], ..Policy::default() };
        let depth = |path: &str| depth_in_git_dir(&policy, Path::new(path));
        assert_eq!(depth("/z/.git/p/a"), None);
        assert_eq!(depth("/z/.git/p/a/.git"), Some(0));
        assert_eq!(depth("/y/n/.git/modules/.git/x"), Some(3));
        assert_eq!((depth("/y"), depth("/x/.git/y")), (None, None));
    }

    #[test]
    fn the_repository_is_told_before_the_subcommand() {
        let told = |line: &str| {
            let argv: Vec<_> = line.split(' ').map(|arg| arg.as_bytes().to_vec()).collect();
            git_dir_option(&argv).map(|told| String::from_utf8(told.to_vec()).unwrap())
        };
        let is = |path: &str| Some(path.to_string());
        assert_eq!(told("git --git-dir=a clean -f"), is("a"));
        assert_eq!(told("/usr/bin/git -C d --git-dir a -c k=v --no-pager --git-dir=b --bare clean"), is("b"));
        assert_eq!(told("git clean -e --git-dir=a"), None);
        assert_eq!(told("git --git-dir=a clean -e --git-dir=b"), is("a"));
        assert_eq!(told("git -c --git-dir=a clean"), None);
        assert_eq!(told("git-clean --git-dir=a"), None);
        assert_eq!((told("git --git-dir"), told("git"), git_dir_option(&[])), (None, None, None));
    }

    #[test]
    fn only_a_repository_that_holds_the_other_is_an_outer_one() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        for git in ["o/.git", "o/n/.git/objects/ab", "o/m/.git", "o/sub", "o/n/src", "beside/.git", "aside"] {
            std::fs::create_dir_all(top.join(git)).unwrap();
        }
        let open = |path: &str| Handle::open(&top.join(path)).unwrap();
        let asks = |dir: &str, depth, cwd: &str| {
            works_on_an_outer_one(&work_tree(&open(dir), depth).unwrap(), open(cwd)).unwrap()
        };
        for (dir, depth) in [("o/n", 0), ("o/n/.git", 1), ("o/n/.git/objects/ab", 3)] {
            for (cwd, outer) in [
                ("o", true),
                ("o/sub", true),
                ("o/n", false),
                ("o/n/src", false),
                ("o/n/.git", false),
                ("o/m", false),
                ("beside", false),
                ("aside", false),
                ("", true),
            ] {
                assert_eq!(asks(dir, depth, cwd), outer, "{dir} from {cwd:?}");
            }
        }
        assert!(!asks("o/.git", 1, "o/sub"));
        assert!(work_tree(&open("o/n/src"), 1).is_err(), "that is no .git");
    }
}
