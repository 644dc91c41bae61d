//! The person beside the session: what they do, and what they find afterwards.

use super::Session;
use crate::model::tree::Body;
use crate::model::walk::View;
use crate::words::words;
use std::collections::{BTreeMap, HashMap};

impl Session {
    /// Does what the person does, outside the session.
    pub(in crate::model) fn person(&mut self, text: &str) {
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
    pub(in crate::model) fn finds(&self, text: &str) -> Option<String> {
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
}
