//! What is told once the kernel was answered: on a thread of its own, which may wait for a disk.
//!
//! macOS asks before something is done and does not tell whether it was. So what is told of the session's own is looked
//! up here first: what is gone is gone, and what still stands there is looked at again later.

use super::court::Court;
use super::incident::{Alarm, Incident};
use super::lock;
use super::own::{How, Leave, Which};
use super::walk::{self, Found};
use crate::deeds::Deed;
use crate::denial::Denial;
use crate::engine::Witness;
use crate::policy::Override;
use crate::session::SessionId;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long nothing must have happened for it to be a pause.
const PAUSE: Duration = Duration::from_secs(1);
/// How often something is looked at that has not come about yet. After that it was refused by the kernel.
const LOOKS: u8 = 3;

/// What is told.
pub(super) enum Note {
    /// An operation was denied; unless the directory `unless_in_use` has something in it, as then the kernel would have
    /// refused by itself.
    Denied { to: Arc<dyn Witness>, what: Box<Denial>, unless_in_use: Option<PathBuf> },
    /// The session has made something.
    Own { to: Arc<dyn Witness>, deed: Deed },
    /// An override for a single use is used up.
    UsedUp { to: Arc<dyn Witness>, what: Override },
    /// What stood at a name, the first of `which`, was let go from there. The others may stand there now. `leave`: if
    /// the name was the session's own.
    Gone { session: u32, key: PathBuf, path: PathBuf, which: Vec<Which>, leave: Option<Leave>, deed: Deed },
    /// A name was let be made. `since`: whatever it is that nobody has seen yet.
    Made { session: u32, key: PathBuf, path: PathBuf, since: Option<(i64, i64)> },
    /// The last process of a session has ended.
    Ended(Box<dyn FnOnce() + Send>),
    /// Something that concerns the engine.
    Incident { sessions: Vec<SessionId>, what: Incident },
    /// Somebody waits for all that came before.
    Settled(Sender<()>),
}

/// Whoever tells.
pub(super) struct Recorder {
    pub(super) court: Arc<Mutex<Court>>,
    pub(super) alarm: Arc<dyn Alarm>,
    /// What has not come about yet, and how often it was looked at.
    pub(super) doubtful: Vec<(Note, u8)>,
}

impl Recorder {
    /// Tells what comes, until nobody can send any more.
    pub(super) fn run(mut self, notes: &Receiver<Note>) {
        let mut rests = true;
        loop {
            let next = if rests {
                notes.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                notes.recv_timeout(PAUSE)
            };
            match next {
                Ok(note) => {
                    rests = false;
                    self.tell(note);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.look_again();
                    let court = lock(&self.court);
                    let witnesses: Vec<_> =
                        court.sessions.values().map(|session| Arc::clone(&session.witness)).collect();
                    drop(court);
                    witnesses.iter().for_each(|witness| witness.rests());
                    rests = self.doubtful.is_empty();
                }
                Err(RecvTimeoutError::Disconnected) => return self.look_again(),
            }
        }
    }

    fn tell(&mut self, note: Note) {
        match note {
            Note::Denied { to, what, unless_in_use } => {
                if !unless_in_use.is_some_and(|directory| walk::is_in_use(&directory)) {
                    to.denied(*what);
                }
            }
            Note::Own { to, deed } => to.own(deed),
            Note::UsedUp { to, what } => to.used_up(what),
            Note::Incident { sessions, what } => self.alarm.raise(&sessions, what),
            Note::Ended(ended) => {
                self.look_again();
                ended();
            }
            Note::Settled(waits) => {
                self.look_again();
                // Whoever has given up waiting needs no answer.
                let _ = waits.send(());
            }
            doubtful @ (Note::Gone { .. } | Note::Made { .. }) => {
                if !self.came_about(&doubtful) {
                    self.doubtful.push((doubtful, 1));
                }
            }
        }
    }

    /// Looks at what had not come about.
    fn look_again(&mut self) {
        for (note, looks) in std::mem::take(&mut self.doubtful) {
            if self.came_about(&note) {
                continue;
            }
            match &note {
                _ if looks < LOOKS => self.doubtful.push((note, looks + 1)),
                Note::Made { session, key, since: Some(since), .. } => {
                    self.with(*session, |session| session.own.met(key, *since, None));
                }
                Note::Gone { session, leave: Some(leave), .. } => {
                    self.with(*session, |session| session.own.stays(*leave));
                }
                _ => {}
            }
        }
    }

    /// Whether something has come about; it is told then.
    fn came_about(&self, note: &Note) -> bool {
        match note {
            Note::Gone { session, key, path, which, leave, deed } => {
                let [first, others @ ..] = which.as_slice() else { return true };
                let there = walk::look(path);
                if there.as_ref().is_some_and(|there| there.which == *first) {
                    return false;
                }
                if there.is_some_and(|there| others.contains(&there.which)) {
                    // It was an exchange: nothing is gone.
                    return true;
                }
                // However often the kernel asked about it, it went once.
                let to = self.with(*session, |session| {
                    let known = leave.is_some_and(|leave| session.own.is_gone(key, *first, leave));
                    (known, Arc::clone(&session.witness))
                });
                if let Some((known, to)) = to
                    && (known || matches!(deed, Deed::Made(_)))
                {
                    to.own(deed.clone());
                }
                true
            }
            Note::Made { session, key, path, since } => {
                let Some(there) = walk::look(path) else { return false };
                let to = self.with(*session, |session| {
                    let is_own = since.is_none_or(|since| session.own.met(key, since, Some(there.which)));
                    is_own.then(|| Arc::clone(&session.witness))
                });
                if let Some(Some(to)) = to {
                    self.adopt(*session, path, &there);
                    to.own(Deed::Made(path.clone()));
                }
                true
            }
            _ => true,
        }
    }

    /// What came with a directory that was cloned.
    fn adopt(&self, session: u32, path: &Path, there: &Found) {
        if !there.is_directory {
            return;
        }
        let below = walk::below(path).unwrap_or_default();
        self.with(session, |session| {
            for found in below {
                let key = session.rules.spelling.key(&found.path);
                session.own.put(key, found.which, How::Made);
            }
        });
    }

    fn with<T>(&self, session: u32, act: impl FnOnce(&mut super::session::Session) -> T) -> Option<T> {
        lock(&self.court).sessions.get_mut(&session).map(act)
    }
}
