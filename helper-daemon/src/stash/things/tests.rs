//! Trees of every kind are copied and removed: on one file system, and on two where there are two.

use super::descent::{Descent, named};
use super::looks::attributes;
use super::{Trait, copy, copy_whole, discard, shift};
use crate::stash::Meta;
use endpoint_sec::linux::handle::Handle;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::stat::{Mode, SFlag, mknodat};
use nix::sys::time::TimeSpec;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString, OsStr};
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// What there is to tell of a thing: its looks, its content or target, its blocks, and the first of its names.
#[derive(Debug, PartialEq)]
struct Portrait {
    meta: Meta,
    attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    content: Vec<u8>,
    blocks: u64,
    first: PathBuf,
}

fn portrait(root: &Path) -> BTreeMap<PathBuf, Portrait> {
    let (mut found, mut left) = (BTreeMap::new(), vec![PathBuf::new()]);
    let mut firsts = HashMap::new();
    while let Some(below) = left.pop() {
        let path = if below.as_os_str().is_empty() { root.to_owned() } else { root.join(&below) };
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        let handle = Handle::open_at(File::open("/").unwrap().as_fd(), &name, OFlag::O_NOFOLLOW).unwrap();
        let (mut meta, stat) = (Meta::of(&handle).unwrap(), path.symlink_metadata().unwrap());
        let first = firsts.entry((meta.dev, meta.ino)).or_insert(below.clone()).clone();
        (meta.dev, meta.ino, meta.xattrs) = (0, 0, Vec::new());
        let mut content = Vec::new();
        if stat.is_dir() {
            meta.size = 0;
            let mut names = Descent::begin(handle.as_fd()).unwrap().list().unwrap();
            names.sort();
            left.extend(names.iter().rev().map(|name| below.join(OsStr::from_bytes(name.to_bytes()))));
        } else if stat.is_symlink() {
            content = fs::read_link(&path).unwrap().as_os_str().as_bytes().to_owned();
            // To read it is to leave a trace.
            meta.accessed = 0;
        } else if stat.is_file() {
            super::copy::read(&handle).unwrap().read_to_end(&mut content).unwrap();
        }
        let pairs = attributes(&handle).unwrap().into_iter();
        let attributes = pairs.map(|(name, value)| (name.as_bytes().to_owned(), value)).collect();
        let blocks = if stat.is_file() { stat.blocks() } else { 0 };
        found.insert(below, Portrait { meta, attributes, content, blocks, first });
    }
    found
}

fn set_times(path: &Path, n: i64) {
    let time = |nanos| TimeSpec::new(1_600_000_000 + n, nanos);
    let flag = nix::sys::stat::UtimensatFlags::NoFollowSymlink;
    nix::sys::stat::utimensat(AT_FDCWD, path, &time(123_456_789), &time(987_654_321), flag).unwrap();
}

/// A tree with everything that this user can make.
fn full(root: &Path) {
    let odd = root.join(OsStr::from_bytes(b"odd \xff\n"));
    fs::create_dir(root).unwrap();
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("file"), "content").unwrap();
    fs::hard_link(odd.join("file"), root.join("another name")).unwrap();
    fs::hard_link(odd.join("file"), odd.join("third")).unwrap();
    fs::write(root.join("closed"), "closed").unwrap();
    let _ = xattr::set(root.join("closed"), "user.note", b"\x00\xff");
    let _ = xattr::set(&odd, "user.of a directory", b"v");
    fs::write(root.join("empty"), "").unwrap();
    let sparse = File::create(root.join("sparse")).unwrap();
    sparse.set_len(8 << 20).unwrap();
    sparse.write_all_at(b"in the middle", 5 << 20).unwrap();
    symlink("/nowhere/\u{e4}", root.join("link")).unwrap();
    symlink("odd", root.join("to a directory")).unwrap();
    fs::hard_link(root.join("link"), root.join("link's other name")).unwrap();
    mknodat(AT_FDCWD, &root.join("fifo"), SFlag::S_IFIFO, Mode::from_bits_truncate(0o640), 0).unwrap();
    drop(UnixListener::bind(root.join("socket")).unwrap());
    // A list that names a user besides the owner: version 2, six entries.
    let list = [(1u16, 6u16, u32::MAX), (2, 4, 1234), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)];
    let mut acl = 2u32.to_le_bytes().to_vec();
    for (tag, bits, id) in list {
        acl.extend([tag.to_le_bytes(), bits.to_le_bytes()].concat());
        acl.extend(id.to_le_bytes());
    }
    let _ = xattr::set(root.join("closed"), "system.posix_acl_access", &acl);
    let _ = xattr::set(&odd, "system.posix_acl_default", &acl);
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::lchown(root.join("empty"), Some(1000), Some(1001)).unwrap();
        std::os::unix::fs::lchown(root.join("link"), Some(1000), Some(1001)).unwrap();
        let (kind, mode) = (SFlag::S_IFCHR, Mode::from_bits_truncate(0o600));
        let zero = nix::sys::stat::makedev(1, 5);
        if mknodat(AT_FDCWD, &root.join("device"), kind, mode, zero).is_err() {
            eprintln!("left out: no device can be made here");
        }
    }
    fs::set_permissions(root.join("closed"), Permissions::from_mode(0o440)).unwrap();
    fs::set_permissions(root.join("empty"), Permissions::from_mode(0o6751)).unwrap();
    fs::set_permissions(&odd, Permissions::from_mode(0o3550)).unwrap();
    fs::set_permissions(root, Permissions::from_mode(0o555)).unwrap();
    let mut paths: Vec<PathBuf> = portrait(root).into_keys().collect();
    paths.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    for (n, below) in paths.iter().enumerate() {
        set_times(&if below.as_os_str().is_empty() { root.to_owned() } else { root.join(below) }, n as i64);
    }
}

fn handle(path: &Path) -> Handle {
    Handle::open(path).unwrap()
}

fn remove(dir: &Path, name: &CStr) {
    discard(handle(dir).as_fd(), name).unwrap();
}

#[test]
fn a_copy_is_like_the_original() {
    let source = tempfile::tempdir().unwrap();
    full(&source.path().join("tree"));
    let before = portrait(&source.path().join("tree"));
    assert!(before.len() > 12);
    for elsewhere in [None, Some("/dev/shm")] {
        let target = elsewhere.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
        let (from, to) = (handle(source.path()), handle(target.path()));
        let lost = copy(from.as_fd(), c"tree", to.as_fd(), c"copy").unwrap();
        let mut after = portrait(&target.path().join("copy"));
        for lost in &lost {
            // A file system that can't keep it: an older tmpfs.
            let Trait::Attribute(name) = &lost.what else { panic!("{lost:?}") };
            assert!(elsewhere.is_some(), "{lost:?}");
            let below = lost.path.strip_prefix("tree").unwrap();
            let value = before[below].attributes[name.as_bytes()].clone();
            after.get_mut(below).unwrap().attributes.insert(name.as_bytes().to_owned(), value);
        }
        for (path, original) in &before {
            let copied = &after[path];
            // File systems differ in their blocks; a hole is a hole in all of them.
            assert!(copied.blocks.abs_diff(original.blocks) < 64, "{path:?}: {} blocks", copied.blocks);
            assert_eq!(
                &Portrait { blocks: 0, ..clone(copied) },
                &Portrait { blocks: 0, ..clone(original) },
                "{path:?}"
            );
        }
        assert_eq!(before.len(), after.len());
        remove(target.path(), c"copy");
    }
    assert_eq!(portrait(&source.path().join("tree")), before, "reading leaves no trace");
    remove(source.path(), c"tree");
    assert_eq!(fs::read_dir(source.path()).unwrap().count(), 0);
}

fn clone(portrait: &Portrait) -> Portrait {
    let Portrait { meta, attributes, content, blocks, first } = portrait;
    Portrait {
        meta: meta.clone(),
        attributes: attributes.clone(),
        content: content.clone(),
        blocks: *blocks,
        first: first.clone(),
    }
}

#[test]
fn a_copy_never_replaces_anything() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("from")).unwrap();
    fs::write(dir.path().join("to"), "mine").unwrap();
    let at = handle(dir.path());
    for name in [c"from", c"to"] {
        let error = copy(at.as_fd(), name, at.as_fd(), c"to").unwrap_err();
        assert_eq!(error.errno(), Errno::EEXIST);
        assert_eq!(error.to_string(), "write to: EEXIST: File exists");
        // What an earlier one left in part is no hindrance.
        fs::write(dir.path().join("to.part"), "a part").unwrap();
        assert_eq!(copy_whole(at.as_fd(), name, at.as_fd(), c"to").unwrap_err().errno(), Errno::EEXIST);
        assert!(!dir.path().join("to.part").exists());
    }
    assert_eq!(fs::read(dir.path().join("to")).unwrap(), b"mine");
    assert_eq!(copy(at.as_fd(), c"none", at.as_fd(), c"x").unwrap_err().errno(), Errno::ENOENT);
}

#[test]
fn what_fails_halfway_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("tree/a/b")).unwrap();
    fs::write(dir.path().join("tree/a/b/file"), "x").unwrap();
    let at = handle(dir.path());
    // One of its files may be read by nobody, not even root.
    let proc = handle(Path::new("/proc/sys/net/ipv4"));
    let error = copy(proc.as_fd(), c"route", at.as_fd(), c"copy").unwrap_err();
    assert_eq!((error.errno(), error.to_string().contains("route/flush")), (Errno::EACCES, true), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    if !nix::unistd::geteuid().is_root() {
        fs::set_permissions(dir.path().join("tree/a/b/file"), Permissions::from_mode(0o200)).unwrap();
        let error = copy(at.as_fd(), c"tree", at.as_fd(), c"copy").unwrap_err();
        assert_eq!(
            (error.errno(), error.to_string().contains("tree/a/b/file")),
            (Errno::EACCES, true),
            "{error}"
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_directory_that_can_t_be_written_is_moved_as_it_is_and_nothing_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("closed/sub")).unwrap();
    for name in ["there", "to"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    fs::set_permissions(dir.path().join("closed"), Permissions::from_mode(0o555)).unwrap();
    let (at, to) = (handle(dir.path()), handle(&dir.path().join("to")));
    shift(at.as_fd(), c"closed", to.as_fd(), c"new").unwrap();
    let moved = dir.path().join("to/new");
    assert_eq!(moved.metadata().unwrap().mode() & 0o777, 0o555);
    assert!(moved.join("sub").is_dir());
    assert_eq!(shift(to.as_fd(), c"new", at.as_fd(), c"there"), Err(Errno::EEXIST));
    assert_eq!(moved.metadata().unwrap().mode() & 0o777, 0o555);
    let memory = handle(Path::new("/dev/shm"));
    assert_eq!(shift(to.as_fd(), c"new", memory.as_fd(), c"es-guard"), Err(Errno::EXDEV));
    remove(&dir.path().join("to"), c"new");
}

#[test]
fn another_mount_is_not_entered() {
    let root = handle(Path::new("/"));
    let dir = tempfile::tempdir().unwrap();
    let at = handle(dir.path());
    let error = copy(root.as_fd(), c"proc", at.as_fd(), c"copy").unwrap_err();
    assert_eq!(error.errno(), Errno::EXDEV);
    assert_eq!(discard(root.as_fd(), c"proc").unwrap_err().errno(), Errno::EXDEV);
}

#[test]
fn a_tree_may_be_deeper_than_paths_are_long_and_descriptors_many() {
    const DEPTH: usize = 2_000;
    // In memory, where it's quick.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut at = handle(dir.path());
    for n in 0..DEPTH {
        nix::sys::stat::mkdirat(&at, c"deep", Mode::S_IRWXU).unwrap();
        at = Handle::open_at(at.as_fd(), c"deep", OFlag::O_NOFOLLOW).unwrap();
        if n == 0 || n == DEPTH - 1 {
            let file =
                nix::fcntl::openat(&at, c"file", OFlag::O_CREAT | OFlag::O_WRONLY, Mode::S_IRWXU).unwrap();
            File::from(file).write_all_at(b"deep", 0).unwrap();
        }
    }
    let top = Handle::open_at(handle(dir.path()).as_fd(), c"deep/file", OFlag::O_NOFOLLOW).unwrap();
    // A hard link between the top and the bottom.
    nix::unistd::linkat(AT_FDCWD, &named(&top), &at, c"linked", nix::fcntl::AtFlags::AT_SYMLINK_FOLLOW)
        .unwrap();
    let base = handle(dir.path());
    copy(base.as_fd(), c"deep", base.as_fd(), c"copy").unwrap();
    let mut at = Handle::open_at(base.as_fd(), c"copy", OFlag::O_NOFOLLOW).unwrap();
    let first = at.stat_entry(c"file").unwrap();
    for _ in 1..DEPTH {
        at = Handle::open_at(at.as_fd(), c"deep", OFlag::O_NOFOLLOW).unwrap();
    }
    assert_eq!(at.stat_entry(c"linked").unwrap().ino, first.ino);
    assert_eq!(at.stat_entry(c"file").unwrap().nlink, 1);
    for name in [c"copy", c"deep"] {
        discard(base.as_fd(), name).unwrap();
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_described_directory_is_made_again_from_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    fs::create_dir(&old).unwrap();
    let kept = xattr::set(&old, "user.note", b"\xff").is_ok();
    fs::set_permissions(&old, Permissions::from_mode(0o1751)).unwrap();
    set_times(&old, 5);
    let meta = Meta::of(&handle(&old)).unwrap();
    assert_eq!(meta.xattrs.iter().any(|(name, _)| name == "757365722e6e6f7465"), kept);
    let line = serde_json::to_string(&meta).unwrap();
    fs::create_dir(&new).unwrap();
    assert_eq!(serde_json::from_str::<Meta>(&line).unwrap().give(&handle(&new)).unwrap(), []);
    assert_eq!(portrait(&new), portrait(&old));
}

#[test]
fn lists_that_a_directory_gives_to_what_is_new_in_it_are_no_part_of_a_copy() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    full(&from);
    let list = xattr::get(from.join(OsStr::from_bytes(b"odd \xff\n")), "system.posix_acl_default").unwrap();
    let Some(list) = list else {
        eprintln!("left out: no access control lists here");
        return;
    };
    fs::create_dir(&to).unwrap();
    xattr::set(&to, "system.posix_acl_default", &list).unwrap();
    let before = portrait(&from);
    copy(handle(dir.path()).as_fd(), c"from", handle(&to).as_fd(), c"copy").unwrap();
    assert_eq!(portrait(&to.join("copy")), before);
    remove(dir.path(), c"from");
    remove(&to, c"copy");
}
