//! What is asked for in all of a person's live sessions: a thread each that waits for the next request, and one that
//! looks for new sessions.

use crate::asking::AskError;
use helper_daemon::client::ClientError;
use helper_daemon::client::live::{self, Live, Places};
use helper_daemon::protocol::{AccessRequest, Description, MAX_WAIT, RefusalCode};
use helper_daemon::session::SessionId;
use std::collections::HashSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How often new sessions are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A request that waits, and where it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) live: Live,
    /// What runs there.
    pub(super) command: String,
    pub(super) request: AccessRequest,
}

/// What has happened.
#[derive(Debug)]
pub(super) enum Happened {
    /// These are the requests of a session now.
    Now(SessionId, Vec<Open>),
    /// Something was typed: bytes on a terminal, lines elsewhere.
    Typed(Vec<u8>),
    /// Nothing more will be typed.
    Silence,
}

/// All requests that wait, kept up to date.
pub(super) struct Feed {
    pub(super) open: Vec<Open>,
    /// Whether there is a session, or was.
    pub(super) any: bool,
    pub(super) happens: Receiver<Happened>,
    pub(super) tell: Sender<Happened>,
}

/// Begins with what there is now.
pub(super) fn open(places: Places, only: Option<String>) -> Result<Feed, AskError> {
    let (tell, happens) = channel();
    let watched = Arc::new(Mutex::new(HashSet::new()));
    let wanted =
        move |session: &SessionId| only.as_ref().is_none_or(|only| session.as_str().starts_with(only));
    let mut open = Vec::new();
    let mut any = false;
    for (live, told) in live::all(&places)?.into_iter().filter(|(live, _)| wanted(&live.session)) {
        // One that has ended meanwhile asks for nothing.
        let Ok((requests, version)) = live.requests(None, 0) else { continue };
        any = true;
        open.extend(of(&live, &told, requests));
        watch(live, told, Some(version), &watched, &tell);
    }
    let teller = tell.clone();
    thread::spawn(move || {
        loop {
            thread::sleep(LOOK_EVERY);
            // A helper that can't be asked now is asked again.
            for (live, told) in live::all(&places).unwrap_or_default() {
                if wanted(&live.session) {
                    watch(live, told, None, &watched, &teller);
                }
            }
        }
    });
    Ok(Feed { open, any, happens, tell })
}

fn of(live: &Live, told: &Description, requests: Vec<AccessRequest>) -> Vec<Open> {
    let command = told.session.argv.join(" ");
    let open = |request| Open { live: live.clone(), command: command.clone(), request };
    requests.into_iter().map(open).collect()
}

type Watched = Arc<Mutex<HashSet<(SessionId, i64)>>>;

/// Waits for what is asked in a session, until that has ended; only once for each.
fn watch(live: Live, told: Description, mut known: Option<u64>, watched: &Watched, tell: &Sender<Happened>) {
    let name = (live.session.clone(), told.began);
    let lock =
        |watched: &Watched| watched.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
    if !lock(watched) {
        return;
    }
    let (watched, tell) = (watched.clone(), tell.clone());
    thread::spawn(move || {
        while let Ok((requests, version)) = next(&live, known) {
            if known != Some(version) {
                known = Some(version);
                // Nobody looks any more once the receiver is gone.
                let _ = tell.send(Happened::Now(live.session.clone(), of(&live, &told, requests)));
            }
        }
        let _ = tell.send(Happened::Now(live.session.clone(), Vec::new()));
        // It may be there again: a helper may have been started anew.
        watched.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
    });
}

/// What is asked in a session, once it is something else. Where too many wait already, it is looked at now and then.
fn next(live: &Live, known: Option<u64>) -> Result<(Vec<AccessRequest>, u64), ClientError> {
    match live.requests(known, MAX_WAIT) {
        Err(error) if error.code() == Some(RefusalCode::TooManyWaiting) => {
            thread::sleep(LOOK_EVERY);
            live.requests(None, 0)
        }
        told => told,
    }
}

impl Feed {
    /// Takes over what a session's requests are now; answers those that are new.
    pub(super) fn update(&mut self, session: &SessionId, now: Vec<Open>) -> Vec<Open> {
        self.any = true;
        let known = |open: &Open| {
            self.open.iter().any(|known| {
                (&known.live.session, known.request.number) == (&open.live.session, open.request.number)
            })
        };
        let new: Vec<Open> = now.iter().filter(|open| !known(open)).cloned().collect();
        self.open.retain(|open| open.live.session != *session || now.contains(open));
        for open in now {
            if !self.open.contains(&open) {
                self.open.push(open);
            }
        }
        new
    }

    /// One that was answered waits no longer.
    pub(super) fn answered(&mut self, open: &Open) {
        self.open.retain(|known| known != open);
    }
}
