//! All sessions and the tree of processes: who asks is looked up here, and each session judges its own.
//!
//! One lock is held around it, for as long as a verdict takes; nothing in it waits for a disk.

use super::Ruling;
use super::doer::Doer;
use super::incident::{Incident, SetRight};
use super::programs::Programs;
use super::recorder::Note;
use super::rename::Looked;
use super::session::Session;
use crate::policy::judge::{Loss, Reason};
use crate::policy::operation::Op;
use crate::session::SessionId;
use crate::tree::{Standing, Stranger, Tree};
use endpoint_sec::macos::{AuditToken, Destination, Event, Lost, Message, OpenFor, Process};
use std::collections::{BTreeMap, HashMap, HashSet};

/// All that is judged by.
pub(super) struct Court {
    pub(super) tree: Tree<AuditToken, u32>,
    pub(super) programs: Programs,
    pub(super) sessions: BTreeMap<u32, Session>,
    pub(super) last: u32,
    /// First processes of sessions, by process id, until they execute something or end. How they came to be may be told
    /// only after they were enrolled, and says nothing then.
    pub(super) roots: HashMap<i32, AuditToken>,
    /// es-guard's own processes that the trees could reach.
    pub(super) wards: HashSet<AuditToken>,
}

impl Court {
    pub(super) fn new(tree: Tree<AuditToken, u32>) -> Self {
        Self {
            tree,
            programs: Programs::default(),
            sessions: BTreeMap::new(),
            last: 0,
            roots: HashMap::new(),
            wards: HashSet::new(),
        }
    }

    /// These are of no session: there is none yet.
    pub(super) fn know_outside(&mut self, processes: Vec<(AuditToken, Option<AuditToken>)>) {
        for (who, _) in processes {
            self.tree.settle(who, Standing::Outside);
        }
    }

    /// What happened.
    pub(super) fn note(&mut self, process: &Process, event: Event) -> Vec<Note> {
        match event {
            Event::Fork { child } if self.roots.contains_key(&child.token.pid()) => Vec::new(),
            Event::Fork { child } => {
                self.tree.forked(stranger(process), child.token);
                self.programs.forked(process.token, child.token);
                Vec::new()
            }
            Event::Exec { target, directory, arguments, .. } => {
                if self.roots.get(&target.token.pid()) != Some(&target.token) {
                    self.roots.remove(&target.token.pid());
                    self.tree.executed(stranger(process), target.token);
                }
                if self.tree.session_of(target.token) != Some(Standing::Outside) {
                    let directory = directory.map(|file| file.path_as_told().to_owned()).unwrap_or_default();
                    self.programs.executed(process.token, target.token, arguments, directory);
                }
                Vec::new()
            }
            Event::Exit { .. } => {
                let standing = self.tree.meet(stranger(process));
                self.roots.remove(&process.token.pid());
                self.tree.exited(process.token);
                self.programs.ended(process.token);
                if matches!(standing, Standing::Member(_)) { self.ended() } else { Vec::new() }
            }
            Event::Create { destination: Destination::Existing(file), .. } => {
                match self.tree.meet(stranger(process)) {
                    Standing::Member(number) => {
                        self.others(number).for_each(|session| session.taken_over(&[file.path()]));
                        self.sessions
                            .get_mut(&number)
                            .and_then(|session| session.made(&file))
                            .into_iter()
                            .collect()
                    }
                    // Whoever can't be told makes nothing a session's own.
                    Standing::Outside | Standing::Uncertain => {
                        self.sessions.values_mut().for_each(|session| session.taken_over(&[file.path()]));
                        Vec::new()
                    }
                }
            }
            _ => Vec::new(),
        }
    }

    /// May it be done?
    pub(super) fn rule(
        &mut self,
        process: Process,
        time: (i64, i64),
        event: &Event,
        looked: Option<&Looked>,
    ) -> Ruling {
        match self.tree.meet(stranger(&process)) {
            Standing::Outside => {
                self.takes_over(None, event);
                Ruling::Allow(Vec::new())
            }
            Standing::Member(number) => {
                let doer = self.doer(process, time);
                if let Some(ward) = self.reached(event) {
                    let session = self.sessions.get(&number);
                    return session.map_or(Ruling::Allow(Vec::new()), |session| session.reached(&doer, ward));
                }
                let ruling = match self.sessions.get_mut(&number) {
                    Some(session) => session.rule(&doer, event, looked),
                    // It was retired.
                    None => Ruling::Allow(Vec::new()),
                };
                if matches!(ruling, Ruling::Allow(_)) {
                    self.takes_over(Some(number), event);
                }
                ruling
            }
            // It may be of any of them: what any one denies is denied.
            Standing::Uncertain => {
                let doer = self.doer(process, time);
                if let Some((ward, session)) = self.reached(event).zip(self.sessions.values().next()) {
                    return session.reached(&doer, ward);
                }
                let mut all = Vec::new();
                for session in self.sessions.values_mut() {
                    match session.rule(&doer, event, looked) {
                        Ruling::Allow(notes) => all.extend(notes),
                        other => return other,
                    }
                }
                Ruling::Allow(all)
            }
        }
    }

    /// What is done by somebody else than a session's own tree is not its own any more.
    fn takes_over(&mut self, by: Option<u32>, event: &Event) {
        let touched = touched(event);
        let touched: Vec<_> = touched.iter().map(Option::as_deref).collect();
        let others = self.sessions.values_mut().filter(|session| Some(session.number) != by);
        others.for_each(|session| session.taken_over(&touched));
    }

    fn others(&mut self, number: u32) -> impl Iterator<Item = &mut Session> {
        self.sessions.values_mut().filter(move |session| session.number != number)
    }

    /// Whether an open of this kind has to be judged at all.
    pub(super) fn minds(purpose: OpenFor) -> bool {
        purpose.writes()
    }

    fn doer(&self, process: Process, time: (i64, i64)) -> Doer {
        Doer { program: self.programs.of(process.token), process, time }
    }

    /// The process of es-guard's own that a signal is for. Zero asks whether it is there, and does nothing.
    fn reached<'e>(&self, event: &'e Event) -> Option<&'e Process> {
        match event {
            Event::Signal { number, target } if *number != 0 && self.wards.contains(&target.token) => {
                Some(target)
            }
            _ => None,
        }
    }

    /// Messages were lost. `processes` are all that there are now, if forks, execs or exits may be among them.
    pub(super) fn lost(
        &mut self,
        lost: Lost,
        refused: bool,
        processes: Option<Vec<(AuditToken, Option<AuditToken>)>>,
    ) -> Vec<Note> {
        let tree = processes.map(|processes| {
            self.tree.taint();
            let found = self.tree.resynchronise(&processes);
            self.roots.retain(|_, root| processes.iter().any(|(who, _)| who == root));
            let tree = &self.tree;
            self.programs.keep_only(|who| tree.session_of(who).is_some());
            SetRight {
                adopted: found.adopted.len(),
                gone: found.gone.len(),
                uncertain: found.uncertain.len(),
            }
        });
        let what = Incident::Lost { messages: lost.messages, tree, refused };
        let mut notes = vec![Note::Incident { sessions: self.ids(), what }];
        notes.extend(self.ended());
        notes
    }

    /// The names of all sessions.
    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.sessions.values().map(|session| session.id.clone()).collect()
    }

    /// The sessions whose last process has ended, for whoever waits for that.
    fn ended(&mut self) -> Vec<Note> {
        let tree = &self.tree;
        let over = self.sessions.values_mut().filter(|session| !tree.is_alive(session.number));
        over.filter_map(|session| session.ended.take()).map(Note::Ended).collect()
    }
}

impl Session {
    /// The verdict on what one of the session asks for.
    fn rule(&mut self, doer: &Doer, event: &Event, looked: Option<&Looked>) -> Ruling {
        match event {
            Event::Unlink { target, directory } => self.remove(doer, target, directory),
            Event::Rename { source, destination } => self.rename(doer, source, destination, looked),
            Event::Create { destination, .. } => self.create(doer, destination),
            Event::Link { source, directory, name } => self.link(doer, source, directory, name),
            Event::Clone { source, directory, name } => self.copy(doer, source, None, directory, name),
            Event::CopyFile { source, existing, directory, name } => {
                self.copy(doer, source, existing.as_ref(), directory, name)
            }
            Event::ExchangeData { first, second } => self.exchange_data(doer, first, second),
            Event::Open { file, .. } | Event::Truncate { target: file } => self.write(doer, file),
            // A signal to one of its own; nobody asked to be asked about the others.
            Event::Signal { .. } | Event::Exec { .. } | Event::Fork { .. } | Event::Exit { .. } => {
                Ruling::Allow(Vec::new())
            }
        }
    }

    /// A signal would reach es-guard itself.
    fn reached(&self, doer: &Doer, ward: &Process) -> Ruling {
        let zone = self.rules.policy.zones.iter().find(|zone| zone.internal).map(|zone| zone.path.clone());
        let loss = Loss { zone: zone.unwrap_or_default(), reason: Reason::Sealed };
        self.denied(doer, Op::Signal, ward.executable.path_as_told(), None, &loss)
    }

    /// A person has made, replaced or removed what has these names: it is the person's now.
    fn taken_over(&mut self, names: &[Option<&std::path::Path>]) {
        for name in names.iter().flatten() {
            self.own.forget(&self.rules.spelling.key(name));
        }
    }
}

/// The names that stand for something else after an event.
fn touched(event: &Event) -> [Option<std::path::PathBuf>; 2] {
    let path = |file: &endpoint_sec::macos::File| file.path().map(Into::into);
    let made = |directory: &endpoint_sec::macos::File, name: &std::ffi::OsStr| {
        directory.path().map(|directory| directory.join(name))
    };
    match event {
        Event::Unlink { target, .. } if !target.is_directory() => [path(target), None],
        Event::Rename { source, destination } => [path(source), destination.path()],
        Event::Link { directory, name, .. }
        | Event::Clone { directory, name, .. }
        | Event::CopyFile { directory, name, existing: None, .. } => [made(directory, name), None],
        _ => [None, None],
    }
}

/// Who sent a message, and what it says of its parents.
pub(super) fn stranger(process: &Process) -> Stranger<AuditToken> {
    Stranger { who: process.token, parent: process.parent, first_parent: process.original_parent }
}

/// Who sent a message, when, and what it is about.
pub(super) fn read(message: &Message<'_>) -> Result<(Process, (i64, i64), Event), String> {
    let read =
        || Ok::<_, endpoint_sec::macos::Malformed>((message.process()?, message.time(), message.event()?));
    read().map_err(|error| error.to_string())
}
