//! Which name is whose, and what became of the person's.
//!
//! Every name in a protected place is a person's, unless the tree made it where nothing stood. A person's name
//! may go only in an edit: a new file takes its place. Otherwise what stood there must be found elsewhere in a
//! protected place, or, where the zone keeps instead of refusing, in the stash.

use super::look::{Key, Kind, Look, Node};
use super::place::{Care, Rules};
use std::collections::{HashMap, HashSet};

/// How a name that is no person's came to be the tree's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It was made, with what stands there.
    Made,
    /// It is a further name of something older: the tree's while there is another.
    Linked,
    /// Whose it is nobody promises: a person saved in place what the tree had made, or moved it to and fro.
    Unknown,
}

/// What was a person's and is in no protected place any more.
#[derive(Clone, Debug)]
pub struct Lost {
    /// Where it was.
    pub name: String,
    /// What it was.
    pub node: Node,
    /// What it is now, where it has another name and was written by that: the stash may have the very object.
    pub edited: Option<Node>,
}

/// What is known of one script's names.
#[derive(Debug)]
pub struct Claims {
    rules: Rules,
    now: Look,
    /// What is not here is a person's.
    tree: HashMap<Key, Claim>,
    once_of_tree: HashSet<Key>,
    /// What must be in the stash.
    pub kept: Vec<Lost>,
}

type Names<'a> = HashMap<&'a Key, (&'a str, &'a Node)>;

/// What a step changed among the protected names.
struct Change<'a> {
    before: &'a Look,
    gone: Names<'a>,
    came: Names<'a>,
    exchange: bool,
}

impl Claims {
    /// Everything that is there is a person's.
    pub fn new(rules: Rules, now: Look) -> Self {
        Self { rules, now, tree: HashMap::new(), once_of_tree: HashSet::new(), kept: Vec::new() }
    }

    /// What is there.
    pub fn now(&self) -> &Look {
        &self.now
    }

    /// The rules.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Whether the tree may do with the name what it likes, whatever is below it: nothing is promised of it, or
    /// it is the tree's for sure.
    pub fn is_free(&self, name: &str) -> bool {
        let Some(node) = self.now.get(name).filter(|_| self.rules.protect(name)) else { return true };
        match self.tree.get(&node.key) {
            Some(Claim::Made) => true,
            Some(Claim::Linked) => node.names > 1,
            Some(Claim::Unknown) | None => false,
        }
    }

    /// The person has done something.
    pub fn person(&mut self, look: Look) {
        let change = Change::between(self.rules, &self.now, &look, false);
        let known = |key: &Key| change.before.0.values().any(|node| node.key.id == key.id);
        let mut tree = HashMap::new();
        for (_, node) in look.0.iter().filter(|(name, _)| self.rules.protect(name)) {
            let claim = if change.came.contains_key(&node.key) {
                // Moved back to where the tree had made it. What is new is the person's, whatever its number.
                (known(&node.key) && self.once_of_tree.contains(&node.key)).then_some(Claim::Unknown)
            } else {
                let saved = self.now.0.values().any(|old| {
                    old.key == node.key
                        && (&old.content.data, old.modified) != (&node.content.data, node.modified)
                });
                let claim = self.tree.get(&node.key).copied();
                if saved { claim.map(|_| Claim::Unknown) } else { claim }
            };
            tree.extend(claim.map(|claim| (node.key.clone(), claim)));
        }
        self.tree = tree;
        self.follow_kept(&look);
        self.now = look;
    }

    /// The tree has made a step; returns what is wrong with what came of it.
    pub fn tree(&mut self, words: &[&str], done: bool, look: Look) -> Vec<String> {
        let exchange = words.last().is_some_and(|flags| flags.contains("exchange"));
        let change = Change::between(self.rules, &self.now, &look, exchange);
        let mut wrong = altered(&change, words, &look);
        let nothing_changed = change.gone.is_empty() && change.came.is_empty();
        if !done && !nothing_changed {
            wrong.push("a step that failed has changed something".to_owned());
        }
        let mut kept = Vec::new();
        for (key, (name, node)) in &change.gone {
            let of_person = !self.tree.contains_key(*key);
            if of_person && !change.moved(key) && !self.edited(&change, key, node, words) {
                match self.rules.of(name) {
                    Care::Refused => wrong.push(format!("lost: {name}, {}", told(node))),
                    Care::Kept => {
                        kept.push(Lost { name: (*name).to_owned(), node: (*node).clone(), edited: None });
                    }
                    Care::Free => {}
                }
            }
        }
        let mut tree = HashMap::new();
        for (_, node) in look.0.iter().filter(|(name, _)| self.rules.protect(name)) {
            let claim = match change.came.get(&node.key) {
                Some(_) => self.claim_of_new(&change, node, &look),
                None => self.tree.get(&node.key).copied(),
            };
            tree.extend(claim.map(|claim| (node.key.clone(), claim)));
        }
        self.once_of_tree.extend(tree.keys().cloned());
        self.tree = tree;
        self.kept.extend(kept);
        self.follow_kept(&look);
        self.now = look;
        wrong
    }

    fn follow_kept(&mut self, look: &Look) {
        for lost in &mut self.kept {
            let other = look.0.values().find(|node| node.key.id == lost.node.key.id);
            lost.edited = other.cloned().or(lost.edited.take());
        }
    }

    /// Whether a person's file has gone because a new one took its place.
    fn edited(&self, change: &Change<'_>, key: &Key, node: &Node, words: &[&str]) -> bool {
        let Some(new) = change.came.values().find(|(_, new)| stands_at(&new.key, key)).map(|(_, new)| new)
        else {
            return false;
        };
        let both_files = node.content.kind == Kind::File && new.content.kind == Kind::File;
        let source = change.source(new);
        let is_new = source.is_none_or(|(key, _)| self.tree.contains_key(key));
        words[0].starts_with("rename") && !change.exchange && both_files && is_new
    }

    /// Whose a name is that was not there before the tree's step.
    fn claim_of_new(&self, change: &Change<'_>, node: &Node, look: &Look) -> Option<Claim> {
        let replaced =
            change.gone.values().find(|(_, old)| stands_at(&old.key, &node.key)).map(|(_, old)| *old);
        let source = change.source(node);
        if let (true, Some(old), Some((_, came))) = (change.exchange, replaced, source) {
            return self.claim_after_exchange(old, came);
        }
        let brought = match source {
            Some((key, _)) => self.tree.get(key).copied(),
            None => Some(self.brought_in(change, node, look)),
        };
        match replaced.filter(|_| !change.exchange) {
            // What comes to a person's name is the person's.
            Some(old) => match self.tree.get(&old.key) {
                Some(Claim::Made) => brought,
                Some(Claim::Linked) if old.names > 1 => brought,
                Some(_) => Some(Claim::Unknown),
                None => None,
            },
            None => brought,
        }
    }

    /// Of a name that `came` has come to, in place of `old`.
    fn claim_after_exchange(&self, old: &Node, came: &Node) -> Option<Claim> {
        let both_files = old.content.kind == Kind::File && came.content.kind == Kind::File;
        let claims = [old, came].map(|node| self.tree.get(&node.key).copied());
        let is_tree = |node: &Node, claim: Option<Claim>| {
            claim == Some(Claim::Made) || (claim.is_some() && node.names > 1)
        };
        match claims {
            [None, None] => None,
            [_, travels] if !both_files => travels,
            [stays, travels] => {
                let unsure = |node: &Node, claim: Option<Claim>| {
                    claim == Some(Claim::Unknown) || (claim.is_some() && !is_tree(node, claim))
                };
                if unsure(old, stays) || unsure(came, travels) {
                    Some(Claim::Unknown)
                } else if stays.is_some() != travels.is_some() {
                    // An edit by swap: each name stays what it was.
                    stays
                } else {
                    travels
                }
            }
        }
    }

    /// Of a name that no protected one was given up for.
    fn brought_in(&self, change: &Change<'_>, node: &Node, look: &Look) -> Claim {
        let older = change.before.0.iter().filter(|(_, old)| old.key.id == node.key.id);
        let claims: Vec<Option<Claim>> = older
            .map(|(name, old)| {
                let protected = self.rules.protect(name);
                if protected { self.tree.get(&old.key).copied() } else { Some(Claim::Linked) }
            })
            .collect();
        let still_there = change
            .before
            .0
            .values()
            .any(|old| old.key.id == node.key.id && look.0.values().any(|now| now.key == old.key));
        if claims.is_empty() || claims.iter().all(|claim| *claim == Some(Claim::Made)) {
            return Claim::Made;
        }
        if still_there {
            let mixed = claims.contains(&Some(Claim::Made)) || claims.contains(&Some(Claim::Unknown));
            return if mixed { Claim::Unknown } else { Claim::Linked };
        }
        // From where nothing is promised.
        if node.names < 2 || node.content.kind == Kind::Directory { Claim::Made } else { Claim::Linked }
    }
}

impl<'a> Change<'a> {
    fn between(rules: Rules, before: &'a Look, after: &'a Look, exchange: bool) -> Self {
        let (old, new) = (protected(rules, before), protected(rules, after));
        let gone =
            old.iter().filter(|(key, _)| !new.contains_key(*key)).map(|(key, at)| (*key, *at)).collect();
        let came =
            new.iter().filter(|(key, _)| !old.contains_key(*key)).map(|(key, at)| (*key, *at)).collect();
        Self { before, gone, came, exchange }
    }

    /// Whether what stood at a name now stands at another.
    fn moved(&self, key: &Key) -> bool {
        self.came.keys().any(|came| came.id == key.id)
    }

    /// The protected name that was given up for a new one.
    fn source(&self, new: &Node) -> Option<(&'a Key, &'a Node)> {
        self.gone.iter().find(|(key, _)| key.id == new.key.id).map(|(key, (_, node))| (*key, *node))
    }
}

fn protected(rules: Rules, look: &Look) -> Names<'_> {
    let names = look.0.iter().filter(|(name, _)| rules.protect(name));
    names.map(|(name, node)| (&node.key, (name.as_str(), node))).collect()
}

fn stands_at(one: &Key, other: &Key) -> bool {
    (one.dir, &one.name) == (other.dir, &other.name)
}

/// What stands in protected places changes by being written, and only what was written.
fn altered(change: &Change<'_>, words: &[&str], after: &Look) -> Vec<String> {
    let now: HashMap<_, _> = after.0.iter().map(|(name, node)| (node.key.id, (name, node))).collect();
    let mut altered = HashMap::new();
    for old in change.before.0.values() {
        if let Some((name, new)) = now.get(&old.key.id)
            && (&old.content, old.modified) != (&new.content, new.modified)
        {
            altered.insert(old.key.id, format!("{name} was {}, is {}", told(old), told(new)));
        }
    }
    let may = match words[0] {
        "write" | "save" | "append" | "truncate" | "chmod" | "creat" => 1,
        open if open.starts_with("open") => 1,
        _ => 0,
    };
    if altered.len() > may { altered.into_values().collect() } else { Vec::new() }
}

/// An object in words.
pub fn told(node: &Node) -> String {
    let data = String::from_utf8_lossy(&node.content.data);
    format!("{:?} {:o} {data:?} of {}", node.content.kind, node.content.mode, node.modified)
}

#[cfg(test)]
mod tests;
