//! What lies in a sandbox, to compare two runs: names, types, modes, owners, links, contents; no times.

use crate::tool::record::matches;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One name.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Type and permissions.
    mode: u32,
    owner: (u32, u32),
    links: Option<u64>,
    /// Of a file its content, of a symlink its target.
    pub content: Vec<u8>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let content = String::from_utf8_lossy(&self.content);
        let start: String = content.chars().take(60).collect();
        write!(f, "{:o} of {:?}, {:?} links, {start:?}", self.mode, self.owner, self.links)
    }
}

/// What lies below a directory, by relative path.
pub type Tree = BTreeMap<PathBuf, Entry>;

/// Reads a sandbox.
///
/// # Panics
/// When something in it can't be read.
pub fn read(root: &Path) -> Tree {
    read_but(root, &[])
}

/// The same without what lies at these [patterns](matches()), and below.
///
/// # Panics
/// When something in it can't be read.
pub fn read_but(root: &Path, left_out: &[PathBuf]) -> Tree {
    let mut tree = Tree::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(root.join(&dir)).expect("a directory") {
            let name = dir.join(entry.expect("an entry").file_name());
            if left_out.iter().any(|pattern| matches(pattern, &name)) {
                continue;
            }
            let path = root.join(&name);
            let status = fs::symlink_metadata(&path).expect("what is listed");
            let content = if status.is_file() {
                fs::read(&path).expect("a content")
            } else if status.is_symlink() {
                fs::read_link(&path).expect("a target").into_os_string().into_vec()
            } else {
                Vec::new()
            };
            if status.is_dir() {
                pending.push(name.clone());
            }
            // A directory's links are the file system's business.
            let links = (!status.is_dir()).then_some(status.nlink());
            let (mode, owner) = (status.mode(), (status.uid(), status.gid()));
            tree.insert(name, Entry { mode, owner, links, content });
        }
    }
    tree
}

/// What two runs of the same work left differently, but for the content of what is `unstable`, which are [patterns](matches()).
pub fn differences(bare: &Tree, guarded: &Tree, unstable: &[PathBuf]) -> Vec<String> {
    let loose = |name: &Path, entry: &Entry| {
        let content =
            if unstable.iter().any(|u| matches(u, name)) { Vec::new() } else { entry.content.clone() };
        Entry { content, ..entry.clone() }
    };
    let mut names: Vec<_> = bare.keys().chain(guarded.keys()).collect();
    names.sort();
    names.dedup();
    let differ = names.into_iter().filter_map(|name| {
        let found = [bare, guarded].map(|tree| tree.get(name).map(|entry| loose(name, entry)));
        let [bare, guarded] = &found;
        (bare != guarded).then(|| format!("{name:?} is bare {bare:?}, guarded {guarded:?}"))
    });
    differ.collect()
}

/// What of `before` is no longer as it was, but for what was `edited`.
pub fn lost(before: &Tree, after: &Tree, edited: &[PathBuf]) -> Vec<String> {
    let kept = before.iter().filter(|(name, _)| !edited.contains(name));
    let lost = kept.filter(|(name, entry)| {
        // A new name for an old file is no harm to it.
        after.get(*name).map(|now| Entry { links: entry.links, ..now.clone() }).as_ref() != Some(entry)
    });
    lost.map(|(name, entry)| format!("{name:?} was {entry:?}, is {:?}", after.get(name))).collect()
}

/// Names the sandbox alike in the words of every run.
pub fn without_base(text: &str, base: &Path) -> String {
    let base = String::from_utf8_lossy(base.as_os_str().as_bytes()).into_owned();
    text.replace(&base, "{root}")
}
