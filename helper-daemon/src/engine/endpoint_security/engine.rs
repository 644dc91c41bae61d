//! The engine: its threads, and what may be done with it.

use super::court::Court;
use super::error::{EnrolError, StartError, Uncertain};
use super::handler::Handler;
use super::holder::{Held, Holder};
use super::incident::Alarm;
use super::looker::{self, Look};
use super::own::Own;
use super::recorder::Recorder;
use super::selection::Selection;
use super::session::{Rules, Session, now};
use super::unsupported::supports;
use super::{lock, volume};
use crate::engine::Witness;
use crate::policy::Policy;
use crate::session::SessionId;
use crate::tree::{Standing, Tree};
use endpoint_sec::macos::{AuditToken, Control, FileId, Framework, Guarantees, Scope};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};

/// Whether the volume of a zone ignores case.
pub(super) type IgnoresCase = fn(&Path) -> bool;

/// A running engine. Dropped, it disconnects: what is asked then is refused, and nothing is guarded any more.
///
/// It may be used from any thread.
pub struct Engine {
    framework: Framework,
    scope: Scope,
    ignores_case: IgnoresCase,
    court: Arc<Mutex<Court>>,
    control: Control,
    guarantees: Guarantees,
    selection: Mutex<Selection>,
    serving: Arc<Mutex<()>>,
    /// `None` once the engine ends.
    looks: Option<Sender<Look>>,
    holder: Option<Holder>,
    threads: Vec<JoinHandle<()>>,
}

/// What a session is judged by, and who is told.
pub struct Enrolment {
    /// Its name.
    pub session: SessionId,
    /// Its first process, which has done nothing yet: it was started suspended. All that it makes is of the session.
    pub root: AuditToken,
    /// What is judged by. Paths are absolute and resolved.
    pub policy: Policy,
    /// Files that es-guard records the session in: nobody in the tree writes to them, by whatever name.
    pub kept: Vec<FileId>,
    /// Who is told of denials, of the session's own, and of single uses: on a thread of the engine's, in order. What is
    /// let through is told of after the kernel was answered.
    pub witness: Arc<dyn Witness>,
    /// Called once when the last process of the session has ended, after all that it did was told of. It must not wait
    /// for the engine.
    pub ended: Box<dyn FnOnce() + Send>,
}

impl Engine {
    /// Connects, and gets to know the processes that there are; nobody is guarded yet.
    ///
    /// [`Scope::Descendants`] (macOS 27) needs no root: the caller must be an ancestor of all its sessions. Else it is
    /// [`Scope::System`], as root.
    pub fn start(framework: &Framework, scope: Scope, alarm: Arc<dyn Alarm>) -> Result<Self, StartError> {
        Self::start_on(framework, scope, alarm, volume::ignores_case)
    }

    /// The same where something else tells of volumes.
    pub(super) fn start_on(
        framework: &Framework,
        scope: Scope,
        alarm: Arc<dyn Alarm>,
        ignores_case: IgnoresCase,
    ) -> Result<Self, StartError> {
        // Who may not ask about launchd is no root: then whom launchd has adopted is one that nobody can tell of.
        let reaper =
            framework.token_of(1).or_else(|| framework.own_token()).ok_or(StartError::NoProcesses)?;
        let mut court = Court::new(Tree::new(reaper));
        court.know_outside(framework.processes());
        let court = Arc::new(Mutex::new(court));
        let (notes, told) = mpsc::channel();
        let (looks, looked) = mpsc::channel();
        let (serving, refuses) = (Arc::new(Mutex::new(())), Arc::new(OnceLock::new()));
        let handler = Handler {
            court: Arc::clone(&court),
            framework: framework.clone(),
            notes: notes.clone(),
            looks: looks.clone(),
            serving: Arc::clone(&serving),
            refuses: Arc::clone(&refuses),
            panics: AtomicU64::new(0),
        };
        let recorder = Recorder { court: Arc::clone(&court), alarm, doubtful: Vec::new() };
        let judged = Arc::clone(&court);
        let threads = vec![
            spawn("records", move || recorder.run(&told))?,
            spawn("looks", move || looker::run(&judged, &looked, &notes))?,
        ];
        let (holder, Held { control, guarantees }) = Holder::connect(framework, scope, handler)?;
        // It is set before anything can be lost of what was asked.
        let _ = refuses.set(guarantees.fails_closed);
        let selection = Mutex::new(Selection::begin(scope, &control)?);
        // Forks from here on are told of; who is there now is of no session. It is asked again, as some may have come
        // while the client was connected, and of those nobody can have seen the parents.
        lock(&court).know_outside(framework.processes());
        lock(&court).wards.extend(framework.own_token());
        // Its own files are no question to itself. Of descendants it is none, and is told of by no question anyway.
        if let (Scope::System, Some(own)) = (scope, framework.own_token()) {
            control.mute_process(&own)?;
        }
        Ok(Self {
            framework: framework.clone(),
            scope,
            ignores_case,
            court,
            control,
            guarantees,
            selection,
            serving,
            looks: Some(looks),
            holder: Some(holder),
            threads,
        })
    }

    /// One more of es-guard's processes that no tree may send a signal to; this one is known. It matters where the
    /// user's own helper guards (macOS 27): root's nobody of a tree can reach.
    pub fn protect(&self, who: AuditToken) {
        lock(&self.court).wards.insert(who);
    }

    /// What the system promises.
    pub fn guarantees(&self) -> Guarantees {
        self.guarantees
    }

    /// Guards the tree of a process from now on: when this returns, what it does is judged.
    pub fn enrol(&self, enrolment: Enrolment) -> Result<(), EnrolError> {
        let Enrolment { session: id, root, policy, kept, witness, ended } = enrolment;
        supports(&policy)?;
        lock(&self.selection).add(&self.control, &policy)?;
        let rules = Rules::new(policy, self.ignores_case);
        let mut court = lock(&self.court);
        if let Some(Standing::Member(of)) = court.tree.session_of(root)
            && let Some(outer) = court.sessions.get(&of)
        {
            return Err(EnrolError::Nested { pid: root.pid(), of: outer.id.clone() });
        }
        court.last += 1;
        let number = court.last;
        court.tree.enrol(root, number);
        court.roots.insert(root.pid(), root);
        let session = Session {
            number,
            id,
            witness,
            ended: Some(ended),
            kept: kept.into_iter().collect(),
            rules,
            own: Own::default(),
            used: HashMap::new(),
            began: i64::try_from(now()).unwrap_or(i64::MAX),
        };
        court.sessions.insert(number, session);
        Ok(())
    }

    /// Judges a session by another policy from now on; the last one stays where there is an error.
    pub fn replace_policy(&self, session: &SessionId, policy: Policy) -> Result<(), EnrolError> {
        supports(&policy)?;
        // Selected first: there is no moment in which a zone of either is not asked about.
        let mut selection = lock(&self.selection);
        selection.add(&self.control, &policy)?;
        let rules = Rules::new(policy, self.ignores_case);
        let given = {
            let mut court = lock(&self.court);
            let found = court.sessions.values_mut().find(|known| known.id == *session);
            found.ok_or_else(|| EnrolError::NoSession(session.clone()))?.rules = rules;
            court.sessions.values().map(|session| session.rules.given().clone()).collect::<Vec<_>>()
        };
        selection.keep_only(&self.control, given.iter());
        Ok(())
    }

    /// Whether a process of the session lives.
    pub fn is_alive(&self, session: &SessionId) -> bool {
        let court = lock(&self.court);
        court.number(session).is_some_and(|number| court.tree.is_alive(number))
    }

    /// The processes of a session.
    pub fn members(&self, session: &SessionId) -> Vec<AuditToken> {
        let court = lock(&self.court);
        court.number(session).map(|number| court.tree.members(number).collect()).unwrap_or_default()
    }

    /// Whose tree a process is in, for whoever may grant and who may only ask; `None`: in none. An error is to be
    /// treated as of every session.
    pub fn session_of(&self, who: AuditToken) -> Result<Option<SessionId>, Uncertain> {
        let known = lock(&self.court).tree.session_of(who);
        // One that was made just now may not have been told of yet: then the first ancestor that is known decides.
        let standing = match known {
            Some(standing) => Some(standing),
            None => {
                let parents: HashMap<_, _> = self.framework.processes().into_iter().collect();
                let court = lock(&self.court);
                std::iter::successors(parents.get(&who).copied().flatten(), |who| {
                    parents.get(who).copied().flatten()
                })
                .take(parents.len())
                .find_map(|ancestor| court.tree.session_of(ancestor))
            }
        };
        match standing {
            Some(Standing::Member(number)) => {
                Ok(lock(&self.court).sessions.get(&number).map(|session| session.id.clone()))
            }
            Some(Standing::Outside) => Ok(None),
            // Of its descendants a client is told everything: who is none is nobody's.
            None if self.scope == Scope::Descendants => Ok(None),
            Some(Standing::Uncertain) | None => Err(Uncertain),
        }
    }

    /// Waits until the witnesses and the alarm have heard of all that was answered before.
    pub fn settle(&self) {
        drop(lock(&self.serving));
        let (waits, settled) = mpsc::channel();
        if let Some(looks) = &self.looks
            && looks.send(Look::Settle(waits)).is_ok()
        {
            // An error is an end: nobody is left to wait for.
            let _ = settled.recv();
        }
    }

    /// Forgets a session. Whoever of its tree still lives is judged no more.
    pub fn retire(&self, session: &SessionId) {
        let mut selection = lock(&self.selection);
        let given = {
            let mut court = lock(&self.court);
            court.sessions.retain(|_, known| known.id != *session);
            court.sessions.values().map(|session| session.rules.given().clone()).collect::<Vec<_>>()
        };
        selection.keep_only(&self.control, given.iter());
    }
}

impl Court {
    fn number(&self, session: &SessionId) -> Option<u32> {
        self.sessions.values().find(|known| known.id == *session).map(|session| session.number)
    }
}

impl Drop for Engine {
    /// Disconnects first; what is told of by then is told.
    fn drop(&mut self) {
        drop(self.holder.take());
        self.looks = None;
        for thread in self.threads.drain(..) {
            // One that panicked has nothing more to tell.
            let _ = thread.join();
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(StartError::Thread)
}
