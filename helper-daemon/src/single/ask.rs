//! One question of somebody who is no owner: answered in the thread of its connection, which waits where it must.

use super::house::House;
use crate::desk::authority::{self, Ask};
use crate::desk::counter::Reply;
use crate::protocol::{Event, RefusalCode, Request};
use endpoint_sec::macos::AuditToken;
use std::time::Duration;

/// How often whoever waits for an answer looks whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The answer.
pub(super) fn answer(house: &House, question: Request, peer: AuditToken) -> Event {
    match question {
        Request::List => {
            let seen = |room: &std::sync::Arc<super::house::Room>| {
                let relation = house.relation(peer, &room.counter.session(), room.user);
                authority::may(relation, Ask::See).is_ok()
            };
            let sessions = house.all().into_iter().filter(seen).map(|room| {
                let counts = room.counter.guard().counts();
                room.counter.describe(counts)
            });
            Event::Sessions { sessions: sessions.collect(), helper: env!("CARGO_PKG_VERSION").into() }
        }
        Request::Where => match house.session_of(peer) {
            Ok(session) => Event::Where { session },
            Err(()) => Event::Refused(RefusalCode::InsideATree.into()),
        },
        question => match question.session().cloned() {
            None => Event::Refused(RefusalCode::NotTheOwner.into()),
            Some(session) => match house.room(&session) {
                None => Event::Refused(RefusalCode::NoSuchSession.into()),
                Some(room) => {
                    let relation = house.relation(peer, &session, room.user);
                    match room.counter.put(question, relation, house.granter(peer)) {
                        Reply::Now(event) => event,
                        Reply::Later(waiting) => loop {
                            if let Some(event) = waiting.answer(room.counter.guard()) {
                                break event;
                            }
                            std::thread::sleep(LOOK_EVERY);
                        },
                    }
                }
            },
        },
    }
}
