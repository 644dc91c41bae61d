//! One process of a session: judged, and what is allowed performed.

use super::Foreseen;
use super::tree::{Body, Ino, Name, Tree};
use super::walk::{Position, View};
use crate::row::Row;
use crate::words::words;
use helper_daemon::policy::judge::{Circumstances, Loss, Verdict, is_edit_by_swap, judge};
use helper_daemon::policy::operation::{Kind, Operation, Place};
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

    /// Does what the person does, outside the session.
    pub(super) fn person(&mut self, text: &str) {
        let words = words(text, &self.root);
        let w: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let outside = View { slots: HashMap::new(), ..View::new(self.home.dir) };
        let place = |session: &mut Self, path: &[u8]| {
            session.make_parents(&outside, path);
            outside.parent(&session.tree, &session.home, path).expect("a place in the sandbox")
        };
        let body = match (w[0], w.get(2)) {
            (b"dir", _) => Body::Directory(BTreeMap::new()),
            (b"file", Some(content)) => Body::Regular(content.to_vec()),
            (b"symlink", Some(path)) => {
                let (dir, name) = place(self, path);
                let ino = self.tree.make(Body::Symlink(w[1].to_vec()));
                return self.tree.put(dir, &name, ino);
            }
            (b"fifo" | b"socket" | b"device", _) => Body::Special,
            (b"link" | b"mv", Some(to)) => {
                let (dir, name) = place(self, w[1]);
                let ino = self.tree.get(dir, &name).expect("the older name");
                if w[0] == b"mv" {
                    self.tree.take(dir, &name);
                }
                let (dir, name) = place(self, to);
                return self.tree.put(dir, &name, ino);
            }
            (b"rm" | b"rmdir", _) => {
                let (dir, name) = place(self, w[1]);
                self.tree.take(dir, &name).expect("something to remove");
                return;
            }
            (b"deep", Some(name)) => {
                let count = String::from_utf8_lossy(w[3]).parse().expect("a count");
                let below = vec![name.to_vec(); count].join(&b'/');
                let path = [w[1], &below, b"f"].join(&b'/');
                let (dir, name) = place(self, &path);
                let ino = self.tree.make(Body::Regular(Vec::new()));
                return self.tree.put(dir, &name, ino);
            }
            (b"mode" | b"roots", _) => return,
            (other, _) => panic!("the person can't {}", String::from_utf8_lossy(other)),
        };
        let (dir, name) = place(self, w[1]);
        match (self.tree.get(dir, &name), body) {
            // As a person's editor: written in place.
            (Some(ino), Body::Regular(content)) => {
                self.tree.content(ino).expect("a regular file").clone_from(&content);
            }
            (Some(_), _) => {}
            (None, body) => {
                let ino = self.tree.make(body);
                self.tree.put(dir, &name, ino);
            }
        }
    }

    fn make_parents(&mut self, view: &View, path: &[u8]) {
        let ends = path.iter().enumerate().filter(|&(n, &b)| n > 0 && b == b'/').map(|(n, _)| n);
        for end in ends {
            if let Ok((dir, name)) = view.parent(&self.tree, &self.home, &path[..end])
                && self.tree.get(dir, &name).is_none()
                && !matches!(name.as_slice(), b"" | b"." | b"..")
            {
                let ino = self.tree.make(Body::Directory(BTreeMap::new()));
                self.tree.put(dir, &name, ino);
            }
        }
    }

    /// What of an expectation does not hold.
    pub(super) fn finds(&self, text: &str) -> Option<String> {
        let words = words(text, &self.root);
        let outside = View::new(self.home.dir);
        let mut path = words[1].clone();
        if words[0] == b"deep" {
            let count = String::from_utf8_lossy(&words[3]).parse().expect("a count");
            path = [path, vec![words[2].clone(); count].join(&b'/'), b"f".to_vec()].join(&b'/');
        }
        let there = outside.parent(&self.tree, &self.home, &path);
        let ino = there.ok().and_then(|(dir, name)| self.tree.get(dir, &name));
        let body = ino.map(|ino| self.tree.body(ino));
        let holds = match (words[0].as_slice(), body) {
            (b"gone", body) => body.is_none(),
            (b"exists" | b"deep", body) => body.is_some(),
            (b"dir", Some(Body::Directory(_))) => true,
            (b"file", Some(Body::Regular(content))) => *content == words[2],
            (b"symlink", Some(Body::Symlink(target))) => *target == words[2],
            _ => false,
        };
        (!holds).then(|| format!("after: {text}: it is {body:?}"))
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

    fn remove(&mut self, base: &[u8], path: &[u8], directory: bool) -> Judged {
        let key = self.place(base, path)?;
        let facts = self.facts(&key);
        if facts.kind.is_none() || (facts.kind == Some(Kind::Directory)) != directory {
            return Err("nothing of that kind is there".to_owned());
        }
        let operation = if directory { Operation::Rmdir(facts) } else { Operation::Unlink(facts) };
        let judged = self.judged(&operation);
        if happens(&judged) {
            self.tree.take(key.0, &key.1);
            self.own.remove(&key);
        }
        Ok(judged)
    }

    fn rename(&mut self, from: (&[u8], &[u8]), to: (&[u8], &[u8])) -> Judged {
        let (from, to) = (self.place(from.0, from.1)?, self.place(to.0, to.1)?);
        let (old, new) = (self.facts(&from), self.facts(&to));
        let ino = self.tree.get(from.0, &from.1).ok_or("there is nothing to rename")?;
        // Two names of one inode, or one name twice: the kernel leaves both, and nothing is lost.
        if self.tree.get(to.0, &to.1) == Some(ino) {
            return Ok(None);
        }
        let judged = self.judged(&Operation::Rename { from: old.clone(), to: new.clone() });
        if !happens(&judged) {
            return Ok(judged);
        }
        let mine = self.own.remove(&from).is_some() || !self.guarded(&old);
        let free = new.kind.is_none() || new.own;
        self.tree.take(from.0, &from.1);
        self.tree.put(to.0, &to.1, ino);
        self.own.remove(&to);
        if mine && free {
            self.own.insert(to, ino);
        }
        Ok(judged)
    }

    fn exchange(&mut self, first: (&[u8], &[u8]), second: (&[u8], &[u8])) -> Judged {
        let (first, second) = (self.place(first.0, first.1)?, self.place(second.0, second.1)?);
        let ino = |key: &Key| self.tree.get(key.0, &key.1);
        if ino(&first).is_some() && ino(&first) == ino(&second) {
            // Two names of one file: nothing happens.
            return Ok(None);
        }
        let (one, other) = (self.facts(&first), self.facts(&second));
        let judged = self.judged(&Operation::Exchange { first: one.clone(), second: other.clone() });
        if !happens(&judged) {
            return Ok(judged);
        }
        let nothing = || "an exchange needs two".to_owned();
        let one_ino = self.tree.get(first.0, &first.1).ok_or_else(nothing)?;
        let other_ino = self.tree.get(second.0, &second.1).ok_or_else(nothing)?;
        let when = Circumstances { now: NOW, ..Circumstances::default() };
        let swap = is_edit_by_swap(&self.policy, &one, &other, when)
            || is_edit_by_swap(&self.policy, &other, &one, when);
        let (one_own, other_own) = (self.own.remove(&first).is_some(), self.own.remove(&second).is_some());
        self.tree.put(first.0, &first.1, other_ino);
        self.tree.put(second.0, &second.1, one_ino);
        // In an edit by swap the names keep what they were, else what is own stays so where it went.
        let (at_first, at_second) = if swap { (one_own, other_own) } else { (other_own, one_own) };
        if at_first {
            self.own.insert(first, other_ino);
        }
        if at_second {
            self.own.insert(second, one_ino);
        }
        Ok(judged)
    }

    fn create(&mut self, base: &[u8], path: &[u8], body: Body) -> Judged {
        let key = self.place(base, path)?;
        if self.tree.get(key.0, &key.1).is_some() {
            return Err("something is there".to_owned());
        }
        let ino = self.tree.make(body);
        self.tree.put(key.0, &key.1, ino);
        self.own.insert(key, ino);
        Ok(None)
    }

    fn link(&mut self, from: (&[u8], &[u8]), to: (&[u8], &[u8]), follow: bool) -> Judged {
        let base = self.view.base(from.0)?;
        let found = if follow {
            self.view.followed(&self.tree, &base, from.1)?
        } else {
            self.view.parent(&self.tree, &base, from.1)?
        };
        let ino = self.tree.get(found.0, &found.1).ok_or("there is nothing to link")?;
        let key = self.place(to.0, to.1)?;
        self.tree.put(key.0, &key.1, ino);
        self.own.insert(key, ino);
        Ok(None)
    }

    fn open(&mut self, base: &[u8], path: &[u8], flags: &str) -> Judged {
        let base = self.view.base(base)?;
        let (dir, name) = self.view.followed(&self.tree, &base, path)?;
        match self.tree.get(dir, &name) {
            Some(ino) if flags.split(',').any(|flag| flag == "trunc") => {
                self.tree.content(ino).into_iter().for_each(Vec::clear);
            }
            Some(_) => {}
            None => {
                let ino = self.tree.make(Body::Regular(Vec::new()));
                self.tree.put(dir, &name, ino);
                self.own.insert((dir, name), ino);
            }
        }
        Ok(None)
    }

    fn written(&mut self, path: &[u8], text: &[u8], flags: &str) -> Judged {
        self.open(b"cwd", path, flags)?;
        let (dir, name) = self.view.followed(&self.tree, &self.view.cwd, path)?;
        let ino = self.tree.get(dir, &name).ok_or("there is nothing to write")?;
        let content = self.tree.content(ino).ok_or("it is no regular file")?;
        if !flags.contains("append") {
            content.clear();
        }
        content.extend_from_slice(text);
        Ok(None)
    }
}

/// Whether what was judged comes about.
fn happens(judged: &Option<Foreseen>) -> bool {
    judged.as_ref().is_none_or(|foreseen| foreseen.kept)
}
