//! Trees, policies and operations that are made at random.

use crate::NOW;
use helper_daemon::policy::operation::{Kind, Op, Operation, Place};
use helper_daemon::policy::table::{FileId, Looked, Places};
use helper_daemon::policy::{Override, Policy, Zone};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const NAMES: [&str; 7] = ["a", "b", "target", "out", ".git", "tmp", "f"];

/// Numbers that look random (xorshift64*).
pub(super) struct Random(pub(crate) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

/// A tree of directories and files.
pub(super) struct Tree {
    pub(super) found: HashMap<PathBuf, Looked>,
    pub(super) directories: Vec<PathBuf>,
}

impl Places for Tree {
    fn look(&self, path: &Path) -> Looked {
        self.found.get(path).copied().unwrap_or(Looked::Nothing)
    }

    fn mounts(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

impl Tree {
    pub(super) fn grown(random: &mut Random) -> Self {
        let mut tree = Self { found: HashMap::new(), directories: Vec::new() };
        tree.add("/".into(), true);
        for _ in 0..4 + random.below(12) {
            let path = random.one(&tree.directories).join(random.one(&NAMES));
            if tree.directories.len() < 2 || !tree.found.contains_key(&path) && path.components().count() < 7
            {
                tree.add(path, tree.directories.len() < 2 || !random.once_in(3));
            }
        }
        tree
    }

    fn add(&mut self, path: PathBuf, directory: bool) {
        let id = FileId { device: 1, inode: self.found.len() as u64 + 1 };
        if directory {
            self.directories.push(path.clone());
        }
        self.found.insert(path, if directory { Looked::Directory(id) } else { Looked::Other(id) });
    }

    /// Something that is there, or could be.
    fn path(&self, random: &mut Random) -> PathBuf {
        if random.once_in(4) {
            return random.one(&self.directories);
        }
        random.one(&self.directories).join(random.one(&NAMES))
    }

    /// A name for an operation. `there`: one of something, as what is not there is removed or moved by nobody.
    fn place(&self, random: &mut Random, there: bool) -> Place {
        let path = loop {
            let path = self.path(random);
            // The root has no name to remove or rename.
            if path != Path::new("/") && (!there || self.look(&path) != Looked::Nothing) {
                break path;
            }
        };
        let kind = match self.look(&path) {
            Looked::Directory(_) => Some(Kind::Directory),
            Looked::Other(_) if path.ends_with("b") => Some(Kind::Other),
            Looked::Other(_) => Some(Kind::Regular),
            Looked::Alike | Looked::Nothing => None,
        };
        let own = kind.is_some() && random.once_in(3);
        Place { paths: vec![path], kind, own }
    }
}

pub(super) fn policy(tree: &Tree, random: &mut Random) -> Policy {
    let mut policy = Policy::default();
    for _ in 0..1 + random.below(4) {
        let mut path = tree.path(random);
        if random.once_in(6) {
            path.push("later");
        }
        let internal = random.once_in(4);
        // As of compiled policies, no two alike.
        if policy.zones.iter().all(|zone| zone.path != path || zone.internal != internal) {
            policy.zones.push(Zone { internal, ..Zone::new(path) });
        }
    }
    for _ in 0..random.below(4) {
        let expires_at = random.one(&[None, None, Some(NOW - 1), Some(NOW), Some(NOW + 1)]);
        let op = random.one(&[
            None,
            None,
            Some(Op::Unlink),
            Some(Op::Rmdir),
            Some(Op::Rename),
            Some(Op::Exchange),
        ]);
        let path = tree.path(random);
        policy.overrides.push(Override { path, expires_at, op, ..Override::default() });
    }
    if random.once_in(2) {
        policy.exempt_names.push("out".into());
    }
    policy
}

/// The same with what sessions inside the session have added: zones of a person's, further exempt names, and overrides of
/// their own, which stand where no other does; the session's own overrides hold in each.
pub(super) fn with_layers(outer: Policy, tree: &Tree, random: &mut Random) -> Policy {
    let mut all = outer.clone();
    let mut layers = vec![outer];
    for _ in 0..random.below(4) {
        let mut layer = policy(tree, random);
        layer.zones.retain(|zone| !zone.internal);
        if layer.zones.is_empty() {
            continue;
        }
        let known: Vec<_> =
            layers.iter().flat_map(|layer| &layer.overrides).map(|known| known.path.clone()).collect();
        layer.overrides.retain(|own| !known.contains(&own.path));
        layer.overrides.extend(all.overrides.iter().cloned());
        all.zones.extend(layer.zones.iter().cloned());
        layers.push(layer);
    }
    all.layers = layers;
    all
}

pub(super) fn operation(tree: &Tree, random: &mut Random) -> (u32, Operation) {
    let mut place = |there| tree.place(random, there);
    let [first, second, maybe] = [place(true), place(true), place(false)];
    match random.below(6) {
        0 => (0, Operation::Unlink(first)),
        1 => (1, Operation::Rmdir(first)),
        2 => (2, Operation::Rename { from: first, to: maybe }),
        3 => (3, Operation::Exchange { first, second }),
        4 => (4, Operation::Cover(first)),
        _ => (5, Operation::Write(maybe)),
    }
}
