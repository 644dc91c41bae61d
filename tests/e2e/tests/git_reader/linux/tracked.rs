//! Which names are tracked, in every kind of index and work tree.

use super::Test;
use super::repo::{Repo, Said, ask, said};
use helper_daemon::git::clerk::Tracked;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

pub(crate) const TESTS: &[Test] = &[
    ("what is committed or added is tracked and nothing else", plain),
    ("every version of the index, either hash", versions),
    ("an index in two files", split),
    ("an index with directories in short", sparse),
    ("paths in conflict", conflict),
    ("work trees elsewhere, also while they are removed", worktrees),
    ("submodules and repositories in repositories", nested),
    ("nothing is executed", executes_nothing),
    ("five thousand names", many),
];

fn plain() {
    let repo = Repo::new(&[]);
    let odd = std::ffi::OsStr::from_bytes(b"odd \xff\n name");
    fs::write(repo.path("").join(odd), "x").unwrap();
    repo.git(&["add", "."]);
    repo.write("dir/untracked", b"x");
    repo.write("dirt/x", b"x");
    let clerk = repo.clerk();
    for (path, expected) in [
        ("a", Said::File),
        ("dir/b", Said::File),
        ("link", Said::File),
        ("dir", Said::Directory),
        ("dir/untracked", Said::No),
        ("dirt", Said::No),
        ("dirt/x", Said::No),
        ("none", Said::No),
        (".git", Said::No),
        (".git/index", Said::No),
        (".git/objects/b", Said::No),
    ] {
        assert_eq!(said(&clerk, &repo.path(path)), expected, "{path}");
    }
    assert_eq!(said(&clerk, &repo.path("").join(odd)), Said::File);
    assert_eq!(said(&clerk, &repo.base.path().join("repo")), Said::No);
    let dir = File::open(repo.path("dir")).unwrap();
    for name in ["", ".", "..", "b/", "../a", "/"] {
        assert!(matches!(clerk.tracked(dir.as_fd(), name.as_bytes()), Tracked::No), "{name:?}");
    }
    // The next question is answered by the index of that moment.
    repo.git(&["add", "dir/untracked"]);
    repo.git(&["rm", "-q", "--cached", "a"]);
    repo.git(&["add", "-N", "dirt/x"]);
    assert_eq!(said(&clerk, &repo.path("dir/untracked")), Said::File);
    assert_eq!(said(&clerk, &repo.path("dirt/x")), Said::File);
    assert_eq!(said(&clerk, &repo.path("a")), Said::No);
    // Git asks for each directory that it has emptied.
    fs::remove_file(repo.path("dir/b")).unwrap();
    assert_eq!(said(&clerk, &repo.path("dir")), Said::Directory);
    fs::remove_dir_all(repo.path("dirt")).unwrap();
    fs::remove_dir_all(repo.path(".git")).unwrap();
    assert_eq!(said(&clerk, &repo.path("dir/b")), Said::No);
}

fn versions() {
    for format in ["sha1", "sha256"] {
        let repo = Repo::new(&["--object-format", format]);
        for number in 0..40 {
            repo.write(&format!("long/and/longer/{}", "n".repeat(number * 6 + 1)), b"x");
        }
        let deep = format!("deep/{}", ["d".repeat(200).as_str(); 19].join("/"));
        repo.git(&["add", "."]);
        repo.git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("100644,{},{deep}", repo.git(&["rev-parse", ":a"]).trim()),
        ]);
        for version in ["2", "3", "4"] {
            if version == "3" {
                repo.git(&["update-index", "--skip-worktree", "a"]);
            }
            repo.git(&["update-index", "--index-version", version]);
            let index = fs::read(repo.path(".git/index")).unwrap();
            assert_eq!(index[7], version.as_bytes()[0] - b'0');
            let clerk = repo.clerk();
            let listed = repo.git(&["ls-files", "-z"]);
            let listed = listed.split('\0').filter(|path| path.len() < 1000 && !path.is_empty());
            let count = listed.inspect(|path| assert_eq!(said(&clerk, &repo.path(path)), Said::File)).count();
            assert_eq!(count, 43);
            assert_eq!(said(&clerk, &repo.path("deep")), Said::Directory);
            assert_eq!(said(&clerk, &repo.path("long/and/longer/m")), Said::No);
        }
    }
}

fn split() {
    let repo = Repo::new(&[]);
    repo.git(&["config", "splitIndex.maxPercentChange", "100"]);
    for number in 0..200 {
        repo.write(&format!("f{number}"), b"x");
    }
    repo.git(&["add", "."]);
    repo.git(&["update-index", "--split-index"]);
    repo.git(&["rm", "-q", "--cached", "f0", "f64", "f150"]);
    repo.write("f1", b"changed");
    repo.write("new", b"x");
    repo.git(&["add", "f1", "new"]);
    assert!(
        fs::read_dir(repo.path(".git"))
            .unwrap()
            .flatten()
            .any(|entry| { entry.file_name().as_bytes().starts_with(b"sharedindex.") })
    );
    let clerk = repo.clerk();
    let listed = repo.git(&["ls-files"]);
    let listed: Vec<&str> = listed.lines().collect();
    for name in (0..200).map(|number| format!("f{number}")).chain(["new".into(), "a".into(), "dir/b".into()])
    {
        let expected = if listed.contains(&name.as_str()) { Said::File } else { Said::No };
        assert_eq!(said(&clerk, &repo.path(&name)), expected, "{name}");
    }
    assert_eq!(listed.len(), 201);
}

fn sparse() {
    let repo = Repo::new(&[]);
    repo.write("out/deep/er/x", b"x");
    repo.write("out/y", b"y");
    repo.git(&["add", "."]);
    repo.git(&["commit", "-q", "-m", "two"]);
    repo.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "dir"]);
    assert!(repo.git(&["ls-files", "--sparse"]).lines().any(|path| path == "out/"));
    // Back by other means: to git they are what they were.
    repo.write("out/deep/er/x", b"x");
    repo.write("out/deep/er/own", b"x");
    let clerk = repo.clerk();
    for (path, expected) in [
        ("dir/b", Said::File),
        ("out/deep/er/x", Said::File),
        ("out/y", Said::File),
        ("out/deep/er/own", Said::No),
        ("out/none", Said::No),
        ("out", Said::Directory),
    ] {
        assert_eq!(said(&clerk, &repo.path(path)), expected, "{path}");
    }
}

fn conflict() {
    let repo = Repo::new(&[]);
    repo.git(&["switch", "-q", "-c", "other"]);
    repo.write("a", b"theirs\n");
    repo.git(&["commit", "-qam", "theirs"]);
    repo.git(&["switch", "-q", "main"]);
    repo.write("a", b"ours\n");
    repo.git(&["commit", "-qam", "ours"]);
    assert!(!repo.command(&repo.path(""), &["merge", "-q", "other"]).output().unwrap().status.success());
    assert_eq!(said(&repo.clerk(), &repo.path("a")), Said::File);
}

fn worktrees() {
    let repo = Repo::new(&[]);
    repo.git(&["worktree", "add", "-q", "../beside"]);
    repo.git(&["worktree", "add", "-q", "inside"]);
    let beside = repo.base.path().join("beside");
    fs::write(beside.join("new"), "x").unwrap();
    repo.git_in(&beside, &["add", "new"]);
    let clerk = repo.clerk();
    assert_eq!(said(&clerk, &beside.join("dir/b")), Said::File);
    assert_eq!(said(&clerk, &beside.join("new")), Said::File);
    assert_eq!(said(&clerk, &repo.path("new")), Said::No);
    assert_eq!(said(&clerk, &repo.path("inside/dir/b")), Said::File);
    assert_eq!(said(&clerk, &repo.path("inside/none")), Said::No);
    // Git may remove the file that says so before all others.
    fs::remove_file(beside.join(".git")).unwrap();
    assert_eq!(said(&clerk, &beside.join("dir/b")), Said::File);
    fs::write(beside.join(".git"), "gitdir: /nowhere\n").unwrap();
    assert_eq!(said(&clerk, &beside.join("dir/b")), Said::No);
}

fn nested() {
    let repo = Repo::new(&[]);
    let other = Repo::new(&["--object-format", "sha1"]);
    repo.git(&["submodule", "-q", "add", other.path("").to_str().unwrap(), "sub"]);
    fs::create_dir_all(repo.path("own/.git")).unwrap();
    repo.write("own/x", b"x");
    repo.git(&["add", "own/x"]);
    repo.git(&["init", "-q", "dir"]);
    let clerk = repo.clerk();
    assert_eq!(said(&clerk, &repo.path("sub/dir/b")), Said::File);
    assert_eq!(said(&clerk, &repo.path("sub/none")), Said::No);
    assert_eq!(said(&clerk, &repo.path("sub")), Said::File, "its entry in the repository around it");
    assert_eq!(said(&clerk, &repo.path("own/x")), Said::File, "an empty .git is none");
    assert_eq!(said(&clerk, &repo.path("dir/b")), Said::No, "the innermost repository counts");
}

fn executes_nothing() {
    let repo = Repo::new(&[]);
    let trace = repo.base.path().join("executed");
    let touch = format!("touch {}", trace.display());
    for option in ["core.fsmonitor", "filter.x.clean", "filter.x.smudge", "core.alternateRefsCommand"] {
        repo.git(&["config", option, &touch]);
    }
    repo.write(".git/info/attributes", b"* filter=x\n");
    let clerk = repo.clerk();
    assert_eq!(said(&clerk, &repo.path("a")), Said::File);
    assert!(super::repo::is_held(&clerk, &repo.path("a")));
    assert!(!trace.exists());
}

/// Asserts no time: prints what was taken.
fn many() {
    let repo = Repo::new(&[]);
    for number in 0..5000 {
        repo.write(&format!("src/module{}/file{number}.rs", number % 50), format!("{number}\n").as_bytes());
    }
    repo.git(&["add", "."]);
    repo.git(&["commit", "-q", "-m", "many"]);
    repo.git(&["repack", "-q", "-a", "-d"]);
    let clerk = repo.clerk();
    let paths: Vec<_> = (0..5000).map(|n| repo.path(&format!("src/module{}/file{n}.rs", n % 50))).collect();
    let began = Instant::now();
    let found: Vec<Tracked> = paths.iter().map(|path| ask(&clerk, path)).collect();
    let tracked = began.elapsed();
    assert!(found.iter().all(|found| matches!(found, Tracked::File(_))));
    let began = Instant::now();
    assert!(paths.iter().all(|path| super::repo::is_held(&clerk, path)));
    eprintln!(
        "     5,000 names tracked: {} µs each; held: {} µs each",
        tracked.as_micros() / 5000,
        began.elapsed().as_micros() / 5000
    );
}
