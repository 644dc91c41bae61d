//! Questions that go from one worker by way of the monitor to others: which sessions there are, and what is
//! asked of one of them.
//!
//! How one who asks stands to a session the kernel tells ([`trees`](crate::desk::trees)); what follows from that,
//! [`authority`]. Nobody waits for ever: a worker that does not answer is done without.

use super::{Worker, Workers};
use crate::daemon::asking::{Answer, Ask, Asked};
use crate::daemon::hire::{Happened, Id};
use crate::daemon::link::{self, Kind};
use crate::desk::authority::{self, Relation};
use crate::protocol::RefusalCode;
use std::os::fd::AsFd;
use std::time::Duration;

/// How long a worker may take to describe its session.
const PATIENCE: Duration = Duration::from_secs(2);

/// A question that is not answered yet.
pub(super) struct Pending {
    asker: Id,
    asked: Id,
}

impl Workers {
    pub(super) fn inside(&self, id: Id) {
        let Some(standing) = self.standing(id) else { return };
        let live = standing.inside().iter().find_map(|tree| self.of.get(tree)?.session.as_ref());
        let _ = match live {
            Some(session) => self.say(id, Kind::Inside, &session.name),
            None if !standing.is_inside() => self.say(id, Kind::Inside, &[]),
            // Of a session that is without its worker: what is inside can't even be told to guard more.
            None => return self.refuse(id, RefusalCode::InsideATree),
        };
    }

    pub(super) fn list(&mut self, id: Id) {
        let Some(standing) = self.standing(id) else { return };
        let mut awaits = 0;
        for (other, worker) in &mut self.of {
            let relation = standing.to(other, worker.peer.uid());
            let visible = worker.session.is_some() && authority::may(relation, authority::Ask::See).is_ok();
            if *other != id && visible && link::send(worker.link.as_fd(), Kind::Describe, &[], &[]).is_ok() {
                worker.asked_by.push(id);
                awaits += 1;
            }
        }
        self.awaits(id, awaits);
        let events = self.events.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(PATIENCE).await;
            let end = link::Message { kind: Kind::End, bytes: Vec::new(), fds: Vec::new() };
            // The channel lives as long as the monitor.
            let _ = events.send((id, Happened::Said(end)));
        });
    }

    pub(super) fn awaits(&mut self, id: Id, count: usize) {
        if let Some(asker) = self.of.get_mut(&id) {
            asker.awaits = count;
            if count == 0 {
                let _ = self.say(id, Kind::End, &[]);
            }
        }
    }

    pub(super) fn described(&mut self, id: Id, bytes: &[u8]) {
        let Some(worker) = self.of.get_mut(&id) else { return };
        for asker in std::mem::take(&mut worker.asked_by) {
            let Some(asking) = self.of.get(&asker) else { continue };
            let left = asking.awaits.saturating_sub(1);
            let _ = self.say(asker, Kind::Description, bytes);
            self.awaits(asker, left);
        }
    }

    pub(super) fn ask(&mut self, id: Id, bytes: &[u8]) {
        if self.pending.values().any(|pending| pending.asker == id) {
            return;
        }
        match self.pass(id, bytes) {
            Ok((number, pending)) => drop(self.pending.insert(number, pending)),
            Err(why) => self.refuse(id, why),
        }
    }

    fn pass(&mut self, id: Id, bytes: &[u8]) -> Result<(u64, Pending), RefusalCode> {
        let ask = Ask::decode(bytes).ok_or(RefusalCode::NoSuchSession)?;
        let (asked, relation) = self.meant(id, ask.session)?;
        let number = self.number();
        let peer = &self.of.get(&id).ok_or(RefusalCode::NoAnswer)?.peer;
        let exe = peer.exe();
        let (uid, pid) = (peer.uid(), peer.pid().as_raw());
        let head = Asked { number, relation, uid, pid, exe: &exe, words: ask.words };
        self.say(asked, Kind::Asked, &head.encode()).map_err(|_| RefusalCode::NoAnswer)?;
        Ok((number, Pending { asker: id, asked }))
    }

    /// The session that a name means to one who asks, and how it stands to that.
    fn meant(&self, id: Id, name: &[u8]) -> Result<(Id, Relation), RefusalCode> {
        let standing = self.standing(id).ok_or(RefusalCode::NoAnswer)?;
        let named = |worker: &Worker| worker.session.as_ref().is_some_and(|session| session.name == name);
        let of_name = self.of.iter().filter(|(_, worker)| named(worker));
        let found: Vec<_> = of_name
            .map(|(id, worker)| (*id, standing.to(id, worker.peer.uid()), worker.peer.uid()))
            .collect();
        chosen(&found, standing.uid()).map_err(|code| match code {
            // The same answer whether there is one of that name or not.
            RefusalCode::NoSuchSession if standing.is_inside() => RefusalCode::InsideATree,
            code => code,
        })
    }

    pub(super) fn answered(&mut self, id: Id, bytes: &[u8]) {
        let Some(answer) = Answer::decode(bytes) else { return };
        // Of a question that was put to this very worker.
        if self.pending.get(&answer.number).is_some_and(|pending| pending.asked == id)
            && let Some(pending) = self.pending.remove(&answer.number)
        {
            let _ = self.say(pending.asker, Kind::Answer, answer.words);
        }
    }

    /// Tells those who wait for a worker that is gone.
    pub(super) fn answers_no_more(&mut self, id: Id, asked_by: Vec<Id>) {
        for asker in asked_by {
            let left = self.of.get(&asker).map_or(0, |asking| asking.awaits.saturating_sub(1));
            self.awaits(asker, left);
        }
        let pending = std::mem::take(&mut self.pending);
        for (number, pending) in pending {
            if pending.asked == id {
                self.refuse(pending.asker, RefusalCode::NoAnswer);
            } else if pending.asker != id {
                self.pending.insert(number, pending);
            }
        }
    }
}

/// Which of the sessions of one name is meant by a process of this user: its own tree's before its own user's before
/// anybody's; of one user's, the oldest.
fn chosen(found: &[(Id, Relation, u32)], uid: u32) -> Result<(Id, Relation), RefusalCode> {
    let known = || {
        found.iter().filter(|(_, relation, _)| !matches!(relation, Relation::OtherTree | Relation::Stranger))
    };
    let order = |(_, relation, user): &&(Id, Relation, u32)| (*relation != Relation::Tree, *user != uid);
    match known().min_by_key(order) {
        None => Err(RefusalCode::NoSuchSession),
        Some((_, _, user)) if *user != uid && known().any(|other| other.2 != *user) => {
            Err(RefusalCode::AmbiguousSession)
        }
        Some((id, relation, _)) => Ok((*id, *relation)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_sessions_of_one_name_one_is_meant_or_it_is_said_that_several_could_be() {
        use Relation::{OtherTree, Person, Root, Stranger};
        let of = |found: &[_], uid| chosen(found, uid).map(|(id, _)| id);
        assert_eq!(of(&[(1, Root, 1000), (2, Root, 1001)], 0), Err(RefusalCode::AmbiguousSession));
        // Its own comes first, and of several of one user's the oldest.
        assert_eq!(of(&[(1, Root, 1000), (2, Root, 1001), (3, Person, 0)], 0), Ok(3));
        assert_eq!(of(&[(1, Root, 1000), (2, Root, 1000)], 0), Ok(1));
        // What is not its to know of makes nothing ambiguous.
        assert_eq!(of(&[(1, Stranger, 1001), (2, Person, 1000)], 1000), Ok(2));
        assert_eq!(of(&[(1, Stranger, 1001), (2, OtherTree, 1000)], 1000), Err(RefusalCode::NoSuchSession));
        // Of root's agent that has become another user, whose session has that name too.
        assert_eq!(of(&[(1, OtherTree, 1000), (2, Relation::Tree, 0)], 1000), Ok(2));
    }
}
