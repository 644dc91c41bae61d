//! Which steps of the tree may be refused; all others must come out as they would bare.

use super::claims::Claims;
use super::look::{Id, Kind};
use super::place::Care;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Where the tree's process stands, and its directory descriptors.
#[derive(Debug)]
pub struct Bearings {
    cwd: Option<Id>,
    slots: HashMap<String, Option<Id>>,
}

impl Bearings {
    /// It stands in a directory that everybody knows.
    pub fn at(base: &Path, name: &str) -> Self {
        Self { cwd: directory(&base.join(name)), slots: HashMap::new() }
    }

    /// A step has succeeded: `line` is what was done.
    pub fn follow(&mut self, base: &Path, claims: &Claims, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["chdir", path] => {
                self.cwd = self.path(base, claims, "cwd", path).and_then(|path| directory(&path))
            }
            ["opendir", slot, path] => {
                let id = self.path(base, claims, "cwd", path).and_then(|path| directory(&path));
                self.slots.insert((*slot).to_owned(), id);
            }
            ["fchdir", slot] => self.cwd = self.slots.get(*slot).copied().flatten(),
            _ => {}
        }
    }

    fn path(&self, base: &Path, claims: &Claims, at: &str, path: &str) -> Option<PathBuf> {
        if path.starts_with('/') {
            return (!path.starts_with("/proc")).then(|| path.into());
        }
        let id = if at == "cwd" { self.cwd } else { self.slots.get(at).copied().flatten() };
        Some(base.join(claims.now().directory(id?)?).join(path))
    }

    /// The name that a path means, relative to `base`, with no symbolic link but the last.
    fn name(&self, base: &Path, claims: &Claims, at: &str, path: &str) -> Option<String> {
        if path.ends_with(['/', '.']) {
            return None;
        }
        let path = self.path(base, claims, at, path)?;
        let parent = path.parent()?.canonicalize().ok()?;
        let name = parent.join(path.file_name()?);
        Some(name.strip_prefix(base).ok()?.to_str()?.to_owned())
    }
}

fn directory(path: &Path) -> Option<Id> {
    let path = path.canonicalize().ok()?;
    Some(super::look::node(&path, Id::default()).ok()?.key.id)
}

/// Whether the step removes or moves something: hardly anything else is ever refused.
pub fn takes(words: &[&str]) -> bool {
    words[0].starts_with("unlink") || words[0].starts_with("rename") || words[0] == "rmdir"
}

/// Whether a step that is about to be made may be refused.
pub fn may_be(base: &Path, claims: &Claims, bearings: &Bearings, line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').skip_while(|word| *word == "in_child").collect();
    let name = |at: &str, path: &str| bearings.name(base, claims, at, path);
    let names = match words.as_slice() {
        ["unlink" | "rmdir", path] => [name("cwd", path), Some(String::new())],
        ["unlinkat", at, path, ..] => [name(at, path), Some(String::new())],
        ["rename", from, to] => [name("cwd", from), name("cwd", to)],
        ["renameat" | "renameat2", at, from, there, to, ..] => [name(at, from), name(there, to)],
        // What is kept is written by nobody, by whatever descriptor its name is had.
        ["write", path, ..] if path.starts_with("/proc") => return claims.rules().keep(),
        _ => return false,
    };
    let [Some(from), Some(to)] = names else { return true };
    if to.is_empty() {
        return claims.rules().of(&from) == Care::Refused && !claims.is_free(&from);
    }
    if words.last().is_some_and(|flags| flags.contains("exchange")) {
        return takes_out(claims, &from, &to) || takes_out(claims, &to, &from);
    }
    takes_out(claims, &from, &to) || clobbers(claims, &from, &to)
}

/// Whether a rename would take something that is not the tree's to where less is promised.
fn takes_out(claims: &Claims, from: &str, to: &str) -> bool {
    let rules = claims.rules();
    let all_free = || claims.is_free(from) && claims.now().below(from).all(|(name, _)| claims.is_free(name));
    rules.of(from) == Care::Refused && rules.of(to) != Care::Refused && !all_free()
}

/// Whether a rename would put something in the place of what is not the tree's, other than a new file in that
/// of a file.
fn clobbers(claims: &Claims, from: &str, to: &str) -> bool {
    let kind = |name: &str| claims.now().get(name).map(|node| node.content.kind);
    let is_edit = kind(from) == Some(Kind::File) && kind(to) == Some(Kind::File) && claims.is_free(from);
    claims.rules().of(to) == Care::Refused && !claims.is_free(to) && !is_edit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::look::Look;
    use crate::random::place::Rules;
    use std::fs;

    /// What the tree made at `own`, and of the person's `old`, `theirs` (in place of what the tree had made) and the
    /// directory `d`.
    fn may(step: &str) -> bool {
        let dir = tempfile::tempdir().expect("a directory");
        let base = dir.path().canonicalize().expect("its path");
        for place in ["zone/s0/d", "other/s0", "out/s0"] {
            fs::create_dir_all(base.join(place)).expect("a place");
        }
        let zone = base.join("zone/s0");
        fs::write(zone.join("old"), "old").expect("a file");
        let rules = Rules { zone: Care::Refused, other: Care::Kept };
        let mut claims = Claims::new(rules, Look::at(&base, 0));
        for name in ["own", "theirs"] {
            fs::write(zone.join(name), "new").expect("a file");
            assert!(claims.tree(&["save"], true, Look::at(&base, 0)).is_empty());
        }
        fs::remove_file(zone.join("theirs")).expect("a file");
        claims.person(Look::at(&base, 0));
        fs::write(zone.join("theirs"), "theirs").expect("a file");
        claims.person(Look::at(&base, 0));
        may_be(&base, &claims, &Bearings::at(&base, "zone/s0"), step)
    }

    #[test]
    fn what_takes_something_of_a_persons_may_be_refused() {
        for step in [
            "unlink old",
            "in_child unlink theirs",
            "rmdir d",
            "rename old ../../out/s0/x",
            "rename old target",
            "rename old ../../other/s0/x",
            "rename theirs old",
            "rename old theirs",
            "renameat2 cwd old cwd ../../out/s0 exchange",
        ] {
            assert!(may(step), "{step}");
        }
    }

    #[test]
    fn nothing_else_may() {
        for step in [
            "unlink own",
            "unlink none",
            "rename own old",
            "rename own ../../out/s0/x",
            "rename old own",
            "rename old free",
            "renameat2 cwd old cwd theirs exchange",
            "renameat2 cwd old cwd own exchange",
            "save old new",
            "link old x",
            "unlink ../../out/s0/x",
        ] {
            assert!(!may(step), "{step}");
        }
    }
}
