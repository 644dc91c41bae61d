//! Resolving a path as a process sees it: its root, its working directory, its descriptors, its mounts.

use super::tree::{Body, Ino, Name, Tree};
use std::collections::HashMap;

/// A directory, and the mounts it was reached through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) dir: Ino,
    /// Mount point and root of what is mounted there, outermost first.
    through: Vec<(Ino, Ino)>,
}

/// What a path depends on beside the tree.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) root: Position,
    pub(super) cwd: Position,
    pub(super) slots: HashMap<Name, Position>,
    /// What is mounted where, newest last: mount point, root.
    pub(super) mounts: Vec<(Ino, Ino)>,
}

impl Position {
    pub(super) fn at(dir: Ino) -> Self {
        Self { dir, through: Vec::new() }
    }
}

impl View {
    pub(super) fn new(cwd: Ino) -> Self {
        let root = Position::at(Tree::ROOT);
        Self { root, cwd: Position::at(cwd), slots: HashMap::new(), mounts: Vec::new() }
    }

    /// The directory that a descriptor word stands for.
    pub(super) fn base(&self, word: &[u8]) -> Result<Position, String> {
        if word == b"cwd" {
            return Ok(self.cwd.clone());
        }
        self.slots.get(word).cloned().ok_or_else(|| "no such descriptor".to_owned())
    }

    /// The directory of the last component and the component itself, not followed.
    pub(super) fn parent(&self, tree: &Tree, from: &Position, path: &[u8]) -> Result<(Ino, Name), String> {
        let end = path.iter().rposition(|&b| b != b'/').map_or(0, |at| at + 1);
        let start = path[..end].iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
        let dir = self.walk(tree, from, &path[..start], 0)?;
        Ok((dir.dir, path[start..end].to_vec()))
    }

    /// Like [`View::parent`], with a last component that is a symlink followed to where it leads.
    pub(super) fn followed(&self, tree: &Tree, from: &Position, path: &[u8]) -> Result<(Ino, Name), String> {
        let (dir, name) = self.parent(tree, from, path)?;
        match tree.get(dir, &name).map(|ino| tree.body(ino)) {
            Some(Body::Symlink(target)) => self.followed(tree, &Position::at(dir), target),
            _ => Ok((dir, name)),
        }
    }

    /// The directory that a path leads to.
    pub(super) fn directory(&self, tree: &Tree, from: &Position, path: &[u8]) -> Result<Position, String> {
        self.walk(tree, from, path, 0)
    }

    fn walk(&self, tree: &Tree, from: &Position, path: &[u8], depth: u32) -> Result<Position, String> {
        if depth > 40 {
            return Err("too many symlinks".to_owned());
        }
        let (mut here, path) = self.start(from, path)?;
        for name in path.split(|&b| b == b'/') {
            match name {
                b"" | b"." => {}
                b".." => here = self.up(tree, here),
                _ => here = self.into(tree, here, name, depth)?,
            }
        }
        Ok(here)
    }

    /// Where a path starts, and what is left of it.
    fn start<'p>(&self, from: &Position, path: &'p [u8]) -> Result<(Position, &'p [u8]), String> {
        if !path.starts_with(b"/") {
            return Ok((from.clone(), path));
        }
        let own = [&b"/proc/self/"[..], b"/proc/thread-self/"].iter().find_map(|own| path.strip_prefix(*own));
        let Some(own) = own else { return Ok((self.root.clone(), path)) };
        let cut = |what: &[u8]| own.strip_prefix(what).filter(|rest| rest.is_empty() || rest[0] == b'/');
        if let Some(rest) = cut(b"cwd") {
            return Ok((self.cwd.clone(), rest));
        }
        if let Some(rest) = cut(b"root") {
            return Ok((self.root.clone(), rest));
        }
        let slot = (0..10).find_map(|n| Some((n, cut(format!("fd/{}", 100 + n).as_bytes())?)));
        let (n, rest) = slot.ok_or("a path in /proc that is not modelled")?;
        Ok((self.base(format!("d{n}").as_bytes())?, rest))
    }

    fn up(&self, tree: &Tree, mut here: Position) -> Position {
        if here == self.root {
            return here;
        }
        while let Some(&(point, root)) = here.through.last() {
            if root != here.dir {
                break;
            }
            here.through.pop();
            here.dir = point;
        }
        here.dir = tree.parent(here.dir);
        here
    }

    fn into(&self, tree: &Tree, here: Position, name: &[u8], depth: u32) -> Result<Position, String> {
        let shown = || String::from_utf8_lossy(name).into_owned();
        let ino = tree.get(here.dir, name).ok_or_else(|| format!("there is no {}", shown()))?;
        match tree.body(ino) {
            Body::Symlink(target) => self.walk(tree, &here, target, depth + 1),
            Body::Directory(_) => {
                let mut there = Position { dir: ino, ..here };
                while let Some(&(point, root)) = self.mounts.iter().rfind(|mount| mount.0 == there.dir) {
                    there.through.push((point, root));
                    there.dir = root;
                    if point == root {
                        break;
                    }
                }
                Ok(there)
            }
            _ => Err(format!("{} is no directory", shown())),
        }
    }
}
