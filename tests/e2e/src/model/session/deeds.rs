//! One operation each: judged, and performed on the tree where it comes about.

use super::{Judged, Key, NOW, Session};
use crate::model::Foreseen;
use crate::model::tree::Body;
use helper_daemon::policy::judge::{Circumstances, is_edit_by_swap};
use helper_daemon::policy::operation::{Kind, Operation};

impl Session {
    pub(super) fn remove(&mut self, base: &[u8], path: &[u8], directory: bool) -> Judged {
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

    pub(super) fn rename(&mut self, from: (&[u8], &[u8]), to: (&[u8], &[u8])) -> Judged {
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

    pub(super) fn exchange(&mut self, first: (&[u8], &[u8]), second: (&[u8], &[u8])) -> Judged {
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

    pub(super) fn create(&mut self, base: &[u8], path: &[u8], body: Body) -> Judged {
        let key = self.place(base, path)?;
        if self.tree.get(key.0, &key.1).is_some() {
            return Err("something is there".to_owned());
        }
        let ino = self.tree.make(body);
        self.tree.put(key.0, &key.1, ino);
        self.own.insert(key, ino);
        Ok(None)
    }

    pub(super) fn link(&mut self, from: (&[u8], &[u8]), to: (&[u8], &[u8]), follow: bool) -> Judged {
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

    pub(super) fn open(&mut self, base: &[u8], path: &[u8], flags: &str) -> Judged {
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

    pub(super) fn written(&mut self, path: &[u8], text: &[u8], flags: &str) -> Judged {
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
