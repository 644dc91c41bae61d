//! The engine against the simulated framework. Rows of the corpus are played in `tests/e2e`.

mod making;
mod operations;
mod own;
mod places;
mod sealed;
mod sessions;
mod tree;

use super::engine::IgnoresCase;
use super::{Alarm, Engine, Enrolment, Incident};
use crate::deeds::Deed;
use crate::denial::Denial;
use crate::engine::Witness;
use crate::policy::judge::Reason;
use crate::policy::operation::Op;
use crate::policy::{Override, Policy, Zone};
use crate::session::SessionId;
use endpoint_sec::macos::simulated::{Action, Actor, Facts, Outcome, Simulation, System, To};
use endpoint_sec::macos::{FileId, Scope};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Both ways to run: as root below macOS 27, as the ancestor from there on.
const SYSTEMS: [System; 3] = [System::MACOS_13, System::MACOS_26, System::MACOS_27];

/// What witness and alarm were told.
#[derive(Default)]
struct Told {
    denials: Mutex<Vec<Denial>>,
    deeds: Mutex<Vec<Deed>>,
    used: Mutex<Vec<Override>>,
    incidents: Mutex<Vec<(Vec<SessionId>, Incident)>>,
    ended: AtomicUsize,
}

impl Witness for Told {
    fn denied(&self, denial: Denial) {
        self.denials.lock().unwrap().push(denial);
    }

    fn stashed(&self, _: Denial, _: Vec<u64>) {
        panic!("nothing is ever kept");
    }

    fn own(&self, deed: Deed) {
        self.deeds.lock().unwrap().push(deed);
    }

    fn used_up(&self, what: Override) {
        self.used.lock().unwrap().push(what);
    }

    fn rests(&self) {}
    fn own_went(&self, _: u64) {}
    fn lost(&self, _: u64) {}
}

impl Alarm for Told {
    fn raise(&self, sessions: &[SessionId], what: Incident) {
        self.incidents.lock().unwrap().push((sessions.to_vec(), what));
    }
}

/// A Mac with one session, a person's shell beside it.
struct Mac {
    simulation: Simulation,
    engine: Option<Engine>,
    told: Arc<Told>,
    root: Actor,
    shell: Actor,
}

impl Mac {
    /// With `/zone`.
    fn new(system: System) -> Self {
        Self::with(system, policy())
    }

    fn with(system: System, policy: Policy) -> Self {
        Self::on(system, policy, |_| false, Vec::new())
    }

    fn on(system: System, policy: Policy, ignores_case: IgnoresCase, kept: Vec<FileId>) -> Self {
        let simulation = Simulation::new(system);
        let (told, shell) = (Arc::new(Told::default()), simulation.process("/bin/zsh"));
        let scope = if system.has_27 { Scope::Descendants } else { Scope::System };
        let engine = Engine::start_on(&simulation.framework(), scope, told.clone(), ignores_case).unwrap();
        let root = simulation.caller().fork();
        let mut mac = Self { simulation, engine: Some(engine), told, root, shell };
        mac.enrol(&mac.root.clone(), "first", policy, kept).unwrap();
        mac
    }

    fn enrol(
        &mut self,
        root: &Actor,
        id: &str,
        policy: Policy,
        kept: Vec<FileId>,
    ) -> Result<(), super::EnrolError> {
        let told = Arc::clone(&self.told);
        let ended = move || {
            told.ended.fetch_add(1, Ordering::SeqCst);
        };
        self.engine().enrol(Enrolment {
            session: session(id),
            root: root.token(),
            policy,
            kept,
            witness: self.told.clone(),
            ended: Box::new(ended),
        })
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    /// What is denied to the session's first process, and why; `None`: it is let through.
    fn denies(&self, action: &Action) -> Option<Reason> {
        self.denies_to(&self.root, action)
    }

    fn denies_to(&self, actor: &Actor, action: &Action) -> Option<Reason> {
        let before = self.denials().len();
        match does(actor, action) {
            Outcome::Allowed => None,
            Outcome::Denied => Some(self.denials().get(before).expect("a record").reason),
            Outcome::Waiting => panic!("nobody answers {action:?}"),
        }
    }

    fn denials(&self) -> Vec<Denial> {
        self.engine().settle();
        self.told.denials.lock().unwrap().clone()
    }

    fn deeds(&self) -> Vec<Deed> {
        self.engine().settle();
        self.told.deeds.lock().unwrap().clone()
    }

    fn incidents(&self) -> Vec<Incident> {
        self.engine().settle();
        self.told.incidents.lock().unwrap().iter().map(|(_, what)| what.clone()).collect()
    }

    /// Makes a file, as the kernel has it asked and told.
    fn makes(&self, actor: &Actor, file: &Facts) {
        assert_eq!(
            does(actor, &Action::Create { to: To::new(file.path()), mode: 0o100_644 }),
            Outcome::Allowed
        );
        actor.has_made(file.clone());
    }

    /// Ends the engine: nothing was done wrong, and nothing is left behind.
    fn ends(mut self) {
        drop(self.engine.take());
        assert_eq!(self.simulation.faults(), []);
        assert_eq!((self.simulation.messages(), self.simulation.clients()), (0, 0));
    }
}

/// Does something, and waits until it is answered.
fn does(actor: &Actor, action: &Action) -> Outcome {
    let attempt = actor.attempts(action);
    actor.deliver();
    let hang = Instant::now() + Duration::from_secs(60);
    while attempt.outcome() == Outcome::Waiting && Instant::now() < hang {
        std::thread::yield_now();
    }
    attempt.outcome()
}

fn session(id: &str) -> SessionId {
    SessionId::parse(id).unwrap()
}

fn policy() -> Policy {
    Policy { zones: vec![Zone::new("/zone")], ..Policy::default() }
}

fn file(path: &str) -> Facts {
    Facts::file(path)
}

fn unlink(path: &str) -> Action {
    Action::unlink(file(path))
}

fn rename(from: &str, to: &str) -> Action {
    Action::rename(file(from), To::new(to))
}

fn rename_over(from: &str, to: &str) -> Action {
    Action::rename(file(from), To::Existing(file(to)))
}

fn open_for_writing(path: &str) -> Action {
    const FWRITE: i32 = 2;
    Action::Open { file: file(path), fflag: FWRITE }
}

fn link(from: &str, to: &str) -> Action {
    let to = Path::new(to);
    let directory = Facts::directory(to.parent().unwrap());
    Action::Link { source: file(from), directory, name: to.file_name().unwrap().into() }
}

fn copy(from: &str, existing: Option<&str>, to: &str) -> Action {
    let to = Path::new(to);
    Action::CopyFile {
        source: file(from),
        existing: existing.map(file),
        directory: Facts::directory(to.parent().unwrap()),
        name: to.file_name().unwrap().into(),
    }
}

fn clone(from: &str, to: &str) -> Action {
    let to = Path::new(to);
    let directory = Facts::directory(to.parent().unwrap());
    Action::Clone { source: file(from), directory, name: to.file_name().unwrap().into() }
}
