//! The engine and all sessions, and how whoever asks stands to them.

use crate::desk::authority::Relation;
use crate::desk::counter::Counter;
use crate::engine::endpoint_security::{Alarm, Engine, Incident, StartError};
use crate::protocol::Granter;
use crate::session::SessionId;
use endpoint_sec::macos::{AuditToken, Framework, Scope};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many connections at a time, and so many of each user. A session has one as long as it lives.
const MOST: usize = 256;
const MOST_OF_A_USER: usize = 64;

/// All of it.
pub(super) struct House {
    framework: Framework,
    engine: Arc<Engine>,
    rooms: Arc<Rooms>,
    guests: Arc<Mutex<HashMap<u32, usize>>>,
}

/// The sessions.
#[derive(Default)]
struct Rooms(Mutex<BTreeMap<SessionId, Arc<Room>>>);

/// A session as others than its owner see it.
pub(super) struct Room {
    /// Where it is asked.
    pub(super) counter: Counter,
    /// Whose it is.
    pub(super) user: u32,
}

/// Somebody who is let in, until this is dropped.
pub(super) struct Guest {
    user: u32,
    guests: Arc<Mutex<HashMap<u32, usize>>>,
}

impl House {
    pub(super) fn new(framework: &Framework, scope: Scope) -> Result<Self, StartError> {
        let rooms = Arc::new(Rooms::default());
        let engine = Arc::new(Engine::start(framework, scope, rooms.clone())?);
        Ok(Self { framework: framework.clone(), engine, rooms, guests: Arc::default() })
    }

    pub(super) fn framework(&self) -> &Framework {
        &self.framework
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Lets one more in, if there is room.
    pub(super) fn guest(&self, user: u32) -> Option<Guest> {
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        let of_user = guests.get(&user).copied().unwrap_or(0);
        // Root always gets in.
        if user != 0 && (of_user >= MOST_OF_A_USER || guests.values().sum::<usize>() >= MOST) {
            return None;
        }
        guests.insert(user, of_user + 1);
        Some(Guest { user, guests: self.guests.clone() })
    }

    /// Takes a session in; `false`: there is one of that name.
    pub(super) fn take_in(&self, session: SessionId, room: Arc<Room>) -> bool {
        let mut rooms = self.rooms.all();
        if rooms.contains_key(&session) {
            return false;
        }
        rooms.insert(session, room);
        true
    }

    /// A session is over.
    pub(super) fn let_go(&self, session: &SessionId) {
        self.rooms.all().remove(session);
    }

    /// A live session.
    pub(super) fn room(&self, session: &SessionId) -> Option<Arc<Room>> {
        self.rooms.all().get(session).cloned()
    }

    /// All live sessions.
    pub(super) fn all(&self) -> Vec<Arc<Room>> {
        self.rooms.all().values().cloned().collect()
    }

    pub(super) fn expire_grants(&self, now: u64) {
        for room in self.all() {
            room.counter.guard().expire_grants(now);
        }
    }

    /// The session that a process is inside; `Err`: nobody can tell, as it has ended or executed another program since
    /// it connected, or messages were lost.
    pub(super) fn session_of(&self, who: AuditToken) -> Result<Option<SessionId>, ()> {
        // One that the engine has not heard of yet is what its ancestors are.
        let line = self.framework.ancestors(who);
        let mut found = None;
        for who in std::iter::once(who).chain(line) {
            match self.engine.session_of(who) {
                Ok(None) => {}
                Ok(Some(session)) => {
                    found = Some(session);
                    break;
                }
                Err(_) => return Err(()),
            }
        }
        // Last: what was found of it was found of this one only if it is still this one now.
        if found.is_none() && self.framework.token_of(who.pid()) != Some(who) {
            return Err(());
        }
        Ok(found)
    }

    /// How a process stands to a session of this user's.
    pub(super) fn relation(&self, who: AuditToken, session: &SessionId, user: u32) -> Relation {
        match self.session_of(who) {
            Ok(Some(inside)) if inside == *session => Relation::Tree,
            Ok(Some(_)) | Err(()) => Relation::OtherTree,
            Ok(None) if who.effective_user() == user => Relation::Person,
            Ok(None) if who.effective_user() == 0 => Relation::Root,
            Ok(None) => Relation::Stranger,
        }
    }

    /// A process as a record names it.
    pub(super) fn granter(&self, who: AuditToken) -> Granter {
        let exe = self.framework.executable(who).unwrap_or_default();
        Granter { uid: who.effective_user(), pid: who.pid(), exe: exe.to_string_lossy().into_owned() }
    }
}

impl Rooms {
    fn all(&self) -> MutexGuard<'_, BTreeMap<SessionId, Arc<Room>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alarm for Rooms {
    /// It goes into the ledger of each session that it concerns.
    fn raise(&self, sessions: &[SessionId], what: Incident) {
        let concerned: Vec<_> = {
            let all = self.all();
            let concerns = |name: &SessionId| sessions.is_empty() || sessions.contains(name);
            all.iter().filter(|(name, _)| concerns(name)).map(|(_, room)| room.clone()).collect()
        };
        concerned.iter().for_each(|room| room.counter.guard().incident(what.to_string()));
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = guests.get_mut(&self.user) {
            *count = count.saturating_sub(1);
        }
    }
}
