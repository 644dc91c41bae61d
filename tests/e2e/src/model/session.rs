//! One process of a session: judged, and what is allowed performed.

mod deeds;
mod person;

use super::Foreseen;
use super::tree::{Body, Ino, Name, Tree};
use super::walk::{Position, View};
use crate::row::Row;
use crate::words::words;
use helper_daemon::policy::judge::{Circumstances, Loss, Verdict, judge};
use helper_daemon::policy::operation::{Operation, Place};
use helper_daemon::policy::{Override, Policy, Zone};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a step came to: `None` where it was allowed and done.
type Judged = Result<Option<Foreseen>, String>;
type Key = (Ino, Name);

/// When the rows happen, in Unix seconds: overrides of rows end long before or long after.
const NOW: u64 = 1_700_000_000;

#[derive(Debug)]
pub(super) struct Session {
    tree: Tree,
    view: View,
    home: Position,
    root: String,
    policy: Policy,
    own: HashMap<Key, Ino>,
}

impl Session {
    pub(super) fn new(row: &Row, root: &Path) -> Self {
        let mut tree = Tree::new();
        let mut here = Tree::ROOT;
        for name in root.iter().skip(1) {
            let dir = tree.make(Body::Directory(BTreeMap::new()));
            tree.put(here, name.as_bytes(), dir);
            here = dir;
        }
        let mut session = Self {
            tree,
            view: View::new(here),
            home: Position::at(here),
            root: root.to_string_lossy().into_owned(),
            policy: Policy::default(),
            own: HashMap::new(),
        };
        for step in &row.setup {
            session.person(step);
        }
        let zone = |zone: &String| Zone { on_delete: row.on_delete, ..Zone::new(session.resolved(zone)) };
        let zones = row.zones.iter().map(zone).collect();
        let overrides = row.overrides.iter().map(|o| Override {
            path: root.join(&o.path),
            expires_at: o.expires_at,
            op: o.op,
            ..Override::default()
        });
        session.policy = Policy {
            zones,
            overrides: overrides.collect(),
            exempt_names: row.exempt_names.clone(),
            ..Policy::default()
        };
        session
    }

    fn resolved(&self, zone: &str) -> std::path::PathBuf {
        let (dir, name) = self.view.followed(&self.tree, &self.home, zone.as_bytes()).expect("a zone");
        self.tree.path(dir).join(OsStr::from_bytes(&name))
    }

    /// Judges a step and performs it when it is allowed.
    pub(super) fn step(&mut self, text: &str) -> Judged {
        let words = words(text, &self.root);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.perform(&words)
    }

    fn perform(&mut self, w: &[&[u8]]) -> Judged {
        let cwd = b"cwd".as_slice();
        let flags = |n: usize| w.get(n).map_or(String::new(), |f| String::from_utf8_lossy(f).into_owned());
        let has = |n: usize, flag: &str| flags(n).split(',').any(|f| f == flag);
        match w[0] {
            b"i386" | b"x32" => self.perform(&w[1..]),
            b"in_thread" => {
                let kept = self.view.clone();
                self.view.cwd = self.view.directory(&self.tree, &kept.cwd, w[1])?;
                let judged = self.perform(&w[2..]);
                self.view = kept;
                judged
            }
            b"in_child" => {
                let kept = self.view.clone();
                let judged = self.perform(&w[1..]);
                self.view = kept;
                judged
            }
            b"unlink" => self.remove(cwd, w[1], false),
            b"rmdir" => self.remove(cwd, w[1], true),
            b"unlinkat" => self.remove(w[1], w[2], has(3, "dir")),
            b"rename" => self.rename((cwd, w[1]), (cwd, w[2])),
            b"renameat" => self.rename((w[1], w[2]), (w[3], w[4])),
            b"renameat2" if has(5, "exchange") => self.exchange((w[1], w[2]), (w[3], w[4])),
            b"renameat2" => {
                let whiteout = has(5, "whiteout");
                let (dir, name) = self.place(w[1], w[2])?;
                let judged = self.rename((w[1], w[2]), (w[3], w[4]))?;
                if whiteout && judged.is_none() {
                    let left = self.tree.make(Body::Special);
                    self.tree.put(dir, &name, left);
                }
                Ok(judged)
            }
            b"open" if has(2, "creat") => self.open(cwd, w[1], &flags(2)),
            b"openat" | b"openat2" if has(3, "creat") => self.open(w[1], w[2], &flags(3)),
            b"creat" => self.open(cwd, w[1], "creat,trunc"),
            b"save" => self.written(w[1], w[2], "creat,trunc"),
            b"write" => self.written(w[1], w[2], ""),
            b"append" => self.written(w[1], w[2], "append"),
            b"truncate" => self.written(w[1], b"", "trunc"),
            b"mkdir" => self.create(cwd, w[1], Body::Directory(BTreeMap::new())),
            b"mkdirat" => self.create(w[1], w[2], Body::Directory(BTreeMap::new())),
            b"mkfifo" | b"mkdevice" | b"bind_socket" => self.create(cwd, w[1], Body::Special),
            b"mknodat" => self.create(w[1], w[2], Body::Special),
            b"mknod" => self.create(cwd, w[1], Body::Regular(Vec::new())),
            b"symlink" => self.create(cwd, w[2], Body::Symlink(w[1].to_vec())),
            b"symlinkat" => self.create(w[2], w[3], Body::Symlink(w[1].to_vec())),
            b"link" => self.link((cwd, w[1]), (cwd, w[2]), false),
            b"linkat" => self.link((w[1], w[2]), (w[3], w[4]), has(5, "follow")),
            b"open" | b"openat" | b"openat2" | b"read" | b"chmod" | b"stat" | b"umask" | b"mode_is"
            | b"unshare" | b"undumpable" => Ok(None),
            _ => self.look_around(w).map(|()| None),
        }
    }

    /// Steps that change what the process sees, and no name.
    fn look_around(&mut self, w: &[&[u8]]) -> Result<(), String> {
        let find =
            |session: &Self, path: &[u8]| session.view.directory(&session.tree, &session.view.cwd, path);
        match w[0] {
            b"chdir" => self.view.cwd = find(self, w[1])?,
            b"chdir_down" => {
                for _ in 0..String::from_utf8_lossy(w[2]).parse().expect("a count") {
                    self.view.cwd = find(self, w[1])?;
                }
            }
            b"fchdir" => self.view.cwd = self.view.base(w[1])?,
            b"openfd" if find(self, w[2]).is_err() => {}
            b"opendir" | b"openfd" => {
                let there = find(self, w[2])?;
                self.view.slots.insert(w[1].to_vec(), there);
            }
            b"chroot" => self.view.root = find(self, w[1])?,
            b"bind_mount" => {
                let (what, at) = (find(self, w[1])?.dir, find(self, w[2])?.dir);
                self.view.mounts.push((at, what));
            }
            b"tmpfs" => {
                let at = find(self, w[1])?.dir;
                let root = self.tree.mount_empty(at);
                self.view.mounts.push((at, root));
            }
            other => return Err(format!("the model does not know {}", String::from_utf8_lossy(other))),
        }
        Ok(())
    }

    fn place(&self, base: &[u8], path: &[u8]) -> Result<Key, String> {
        self.view.parent(&self.tree, &self.view.base(base)?, path)
    }

    fn facts(&self, key: &Key) -> Place {
        let ino = self.tree.get(key.0, &key.1);
        let path = self.tree.path(key.0).join(OsStr::from_bytes(&key.1));
        Place::new(path, ino.map(|ino| self.tree.kind(ino)), ino.is_some_and(|ino| self.is_own(key, ino)))
    }

    fn is_own(&self, key: &Key, ino: Ino) -> bool {
        self.own.get(key) == Some(&ino)
            && self.tree.entries(ino).all(|(name, below)| self.is_own(&(ino, name.clone()), below))
    }

    fn judged(&self, operation: &Operation) -> Option<Foreseen> {
        let when = Circumstances { now: NOW, ..Circumstances::default() };
        let (Loss { zone, reason }, kept) = match judge(&self.policy, operation, when) {
            Verdict::Allow => return None,
            Verdict::Deny(loss) | Verdict::Hold(loss) => (loss, false),
            Verdict::Stash(losses) => (losses.into_iter().next()?, true),
        };
        let (path, dest) = match operation {
            Operation::Unlink(place) | Operation::Rmdir(place) => (place, None),
            Operation::Rename { from, to } => (from, Some(to)),
            Operation::Exchange { first, second } => (first, Some(second)),
            Operation::Write(place) | Operation::Cover(place) => (place, None),
        };
        let dest = dest.map(|dest| dest.shown().to_owned());
        Some(Foreseen { op: operation.op(), path: path.shown().to_owned(), dest, zone, reason, kept })
    }

    fn guarded(&self, place: &Place) -> bool {
        self.policy.guards(place.shown(), NOW, false).is_some()
    }
}
