//! Which content is held, and what does not count.

use super::Test;
use super::repo::{Repo, is_held, only};
use std::fs;
use std::process::Command;

pub(crate) const TESTS: &[Test] = &[
    ("loose objects, either hash", loose),
    ("packs, with deltas", packed),
    ("alternates", alternates),
    ("work trees and submodules have their own repository's objects", elsewhere),
    ("what git converts is not held", converted),
    ("what the session made holds nothing", too_young),
];

fn loose() {
    for format in ["sha1", "sha256"] {
        let repo = Repo::new(&["--object-format", format]);
        repo.write("empty", b"");
        let large: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        repo.write("large", &large);
        repo.git(&["add", "."]);
        let clerk = repo.clerk();
        for path in ["a", "dir/b", "link", "empty", "large"] {
            assert!(is_held(&clerk, &repo.path(path)), "{path}");
        }
        // What a person wrote over it is not.
        repo.write("a", b"First\n");
        repo.write("dir/b", b"second\nand more");
        repo.write("large", &large[1..]);
        fs::remove_file(repo.path("link")).unwrap();
        std::os::unix::fs::symlink("dir/c", repo.path("link")).unwrap();
        repo.write("empty", b"\0");
        for path in ["a", "dir/b", "link", "empty", "large"] {
            assert!(!is_held(&clerk, &repo.path(path)), "{path}");
        }
        // Another kind of object is no content of a file.
        repo.write("a", repo.git(&["cat-file", "commit", "HEAD"]).as_bytes());
        assert!(!is_held(&clerk, &repo.path("a")));
    }
}

fn packed() {
    for (format, reference) in [("sha1", "true"), ("sha256", "true"), ("sha1", "false")] {
        let repo = Repo::new(&["--object-format", format]);
        let mut versions = Vec::new();
        let mut text: Vec<String> =
            (0..3000).map(|n| format!("line {n} of a text that is worth a delta")).collect();
        for version in 0..30 {
            text[version * 90] = format!("changed in {version}");
            text.insert(version * 7, "inserted".into());
            versions.push(text.join("\n"));
            repo.write("text", versions[version].as_bytes());
            repo.git(&["add", "."]);
            repo.git(&["commit", "-q", "-m", "x"]);
        }
        repo.git(&["config", "repack.useDeltaBaseOffset", reference]);
        repo.git(&["repack", "-q", "-a", "-d", "-f", "--depth=50", "--window=50"]);
        let pack = only(&repo.path(".git/objects"), ".idx");
        let listed = repo.git(&["verify-pack", "-v", pack.to_str().unwrap()]);
        assert!(listed.contains("chain length = 9"), "deltas of deltas: {listed}");
        let clerk = repo.clerk();
        for version in &versions {
            repo.write("text", version.as_bytes());
            assert!(is_held(&clerk, &repo.path("text")));
        }
        repo.write("text", format!("{}x", versions[0]).as_bytes());
        assert!(!is_held(&clerk, &repo.path("text")));
        assert!(is_held(&clerk, &repo.path("a")));
    }
}

fn alternates() {
    let repo = Repo::new(&[]);
    let (one, two) = (repo.base.path().join("one"), repo.base.path().join("two"));
    let shared = |from: &str, to: &str| repo.git_in(repo.base.path(), &["clone", "-q", "--shared", from, to]);
    shared("repo", "one");
    shared("one", "two");
    fs::write(one.join("of-one"), "x").unwrap();
    repo.git_in(&one, &["add", "of-one"]);
    fs::write(two.join("of-one"), "x").unwrap();
    repo.git_in(
        &two,
        &[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("100644,{},of-one", repo.git_in(&one, &["rev-parse", ":of-one"]).trim()),
        ],
    );
    // In a circle, by a name that leads nowhere, by a relative one, and by one that is no name.
    let list = fs::read_to_string(two.join(".git/objects/info/alternates")).unwrap();
    repo.write(
        ".git/objects/info/alternates",
        format!("{}\n", two.join(".git/objects").display()).as_bytes(),
    );
    fs::write(two.join(".git/objects/info/alternates"), format!("# x\n/nowhere\n\n\"\n{list}")).unwrap();
    fs::write(one.join(".git/objects/info/alternates"), "../../../repo/.git/objects").unwrap();
    let clerk = repo.clerk();
    assert!(is_held(&clerk, &two.join("a")));
    assert!(is_held(&clerk, &two.join("of-one")));
    fs::write(two.join("a"), "else").unwrap();
    assert!(!is_held(&clerk, &two.join("a")), "a circle has an end");
}

fn elsewhere() {
    let repo = Repo::new(&[]);
    let other = Repo::new(&[]);
    other.write("of-other", b"only there");
    other.git(&["add", "."]);
    other.git(&["commit", "-q", "-m", "two"]);
    repo.git(&["submodule", "-q", "add", other.path("").to_str().unwrap(), "sub"]);
    repo.git(&["worktree", "add", "-q", "../beside"]);
    let clerk = repo.clerk();
    assert!(is_held(&clerk, &repo.path("sub/of-other")));
    let beside = repo.base.path().join("beside");
    assert!(is_held(&clerk, &beside.join("dir/b")));
    fs::write(beside.join("dir/b"), "only there").unwrap();
    assert!(!is_held(&clerk, &beside.join("dir/b")), "that is in the submodule's repository only");
}

fn converted() {
    let repo = Repo::new(&[]);
    repo.write(".gitattributes", b"*.crlf text eol=crlf\n");
    repo.write("x.crlf", b"one\r\ntwo\r\n");
    repo.git(&["add", "."]);
    repo.git(&["commit", "-q", "-m", "x"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    let clerk = repo.clerk();
    assert!(!is_held(&clerk, &repo.path("x.crlf")));
    assert!(is_held(&clerk, &repo.path(".gitattributes")));
}

fn too_young() {
    let repo = Repo::new(&[]);
    let old = Repo::new(&[]);
    let clerk = repo.clerk();
    // In an old repository the session's own objects count: whoever guards it keeps them from being removed.
    repo.write("new", b"new");
    repo.git(&["add", "new"]);
    assert!(is_held(&clerk, &repo.path("new")));
    // A repository of its own it may remove again, and with it what is in it.
    let young = Repo::new(&[]);
    assert!(!is_held(&clerk, &young.path("a")));
    // So it may one that an old repository is told of, in a list that it wrote.
    fs::write(old.path("a"), "only in the young one").unwrap();
    young.write("a", b"only in the young one");
    young.git(&["add", "a"]);
    let list = old.path(".git/objects/info/alternates");
    fs::write(&list, format!("{}\n", young.path(".git/objects").display())).unwrap();
    assert!(!is_held(&clerk, &old.path("a")));
    // And an old one that only the list is younger than.
    repo.write("a", b"only there");
    repo.git(&["add", "a"]);
    fs::write(old.path("a"), "only there").unwrap();
    fs::write(&list, format!("{}\n", repo.path(".git/objects").display())).unwrap();
    assert!(!is_held(&clerk, &old.path("a")));
    // Its objects put in the place of the old ones.
    fs::remove_dir_all(old.path(".git/objects")).unwrap();
    let copied =
        Command::new("cp").arg("-a").args([young.path(".git/objects"), old.path(".git/objects")]).status();
    assert!(copied.unwrap().success());
    fs::write(old.path("a"), "only in the young one").unwrap();
    assert!(!is_held(&clerk, &old.path("a")));
}
