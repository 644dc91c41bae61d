//! Plays one row.

use crate::steps::{Cant, Done};
use e2e::person;
use e2e::row::{Expected, Row, Who};
use e2e::sandbox::{self, Sandbox};
use e2e::words::words;
use endpoint_sec::macos::Scope;
use endpoint_sec::macos::simulated::{Action, Actor, Facts, Outcome, Simulation, System};
use helper_daemon::deeds::Deed;
use helper_daemon::denial::Denial;
use helper_daemon::engine::Witness;
use helper_daemon::engine::endpoint_security::{Alarm, Engine, Enrolment, Incident};
use helper_daemon::policy::{Override, Policy, Zone};
use helper_daemon::session::SessionId;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What was refused.
#[derive(Default)]
struct Told(Mutex<Vec<Denial>>);

impl Witness for Told {
    fn denied(&self, denial: Denial) {
        self.0.lock().expect("nobody panics with it").push(denial);
    }

    fn stashed(&self, what: Denial, _: Vec<u64>) {
        panic!("nothing is kept: {what:?}");
    }

    fn own(&self, _: Deed) {}
    fn used_up(&self, _: Override) {}
    fn rests(&self) {}
    fn own_went(&self, _: u64) {}
    fn lost(&self, _: u64) {}
}

impl Alarm for Told {
    fn raise(&self, _: &[SessionId], what: Incident) {
        panic!("{what}");
    }
}

/// One process that plays the agent.
pub(super) struct Player {
    pub(super) actor: Actor,
    pub(super) root: PathBuf,
    pub(super) cwd: OwnedFd,
    pub(super) slots: HashMap<Vec<u8>, OwnedFd>,
    /// What is not allowed to anybody of what it makes.
    pub(super) mask: Mode,
    /// Whatever is removed is held: a later file has another number, as on macOS.
    pub(super) held: Vec<OwnedFd>,
}

impl Player {
    /// Plays a row; what is not as on Linux.
    pub(super) fn plays(system: System, row: &Row, who: Who) -> Vec<String> {
        let sandbox = Sandbox::of(row, who);
        // The engine, too: as the helper that `wrap` starts.
        let wrong = as_who(who, || Self::guarded(system, row, &sandbox)).unwrap_or_else(|wrong| vec![wrong]);
        let told = |what: String| format!("{} ({who:?}, messages {}): {what}", row.name, system.version);
        wrong.into_iter().map(told).collect()
    }

    /// `Err`: it can't be played to its end.
    fn guarded(system: System, row: &Row, sandbox: &Sandbox) -> Result<Vec<String>, String> {
        let simulation = Simulation::new(system);
        let scope = if system.has_27 { Scope::Descendants } else { Scope::System };
        let told = Arc::new(Told::default());
        let engine = Engine::start(&simulation.framework(), scope, told.clone()).expect("an engine");
        let agent = simulation.caller().fork();
        let enrolment = Enrolment {
            session: SessionId::parse("row").expect("a name"),
            root: agent.token(),
            policy: policy(row, &sandbox.root()),
            kept: Vec::new(),
            witness: told.clone(),
            ended: Box::new(|| ()),
        };
        engine.enrol(enrolment).map_err(|error| error.to_string())?;
        Self::new(agent, &sandbox.root()).steps(row, sandbox)?;
        engine.settle();
        drop(engine);
        let mut wrong = sandbox.unmet(&row.after);
        let denials = told.0.lock().expect("nobody panics with it");
        let reasons: Vec<_> = denials.iter().map(|denial| denial.reason).collect();
        if row.reasons().is_some_and(|expected| expected != reasons) {
            wrong.push(format!("expected {:?}, got {reasons:?}", row.reasons()));
        }
        let (faults, left) = (simulation.faults(), simulation.messages());
        if !faults.is_empty() || left != 0 {
            wrong.push(format!("{faults:?}, and {left} messages are left"));
        }
        Ok(wrong)
    }

    fn new(actor: Actor, root: &Path) -> Self {
        let cwd = openat(AT_FDCWD, root, crate::walk::DIRECTORY, Mode::empty()).expect("the sandbox");
        Self {
            actor,
            root: root.to_owned(),
            cwd,
            slots: HashMap::new(),
            mask: Mode::empty(),
            held: Vec::new(),
        }
    }

    /// Plays the steps, up to the first that is not as on Linux.
    fn steps(mut self, row: &Row, sandbox: &Sandbox) -> Result<(), String> {
        for (n, step) in row.steps.iter().enumerate() {
            let told = |what: String| format!("step {}, {}: {what}", n + 1, step.text);
            if let Some(text) = step.of_person() {
                as_root(|| {
                    person::does(&self.root, text);
                    sandbox.hand_over();
                });
                continue;
            }
            let words = words(&step.text, &self.root.to_string_lossy());
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let got = match self.perform(&words) {
                Ok(()) => "ok".to_owned(),
                Err(Cant::Fail(errno)) => format!("{errno:?}"),
                Err(Cant::Play(why)) => return Err(told(why.to_owned())),
            };
            let is_as_expected = match step.expected {
                Expected::Done | Expected::Kept(_) => got == "ok",
                Expected::Denied(_) => got == "EPERM",
                Expected::Refused => got != "ok",
                // Endpoint Security has one word for a refusal. That it is no denial is in the records.
                Expected::Bare("ENOTEMPTY") => got == "ENOTEMPTY" || got == "EPERM",
                Expected::Bare(errno) => got == errno,
            };
            if !is_as_expected {
                return Err(told(format!("expected {:?}, got {got}", step.expected)));
            }
        }
        Ok(())
    }

    /// Has the engine be asked.
    pub(super) fn asks(&self, action: &Action) -> Done {
        let attempt = self.actor.attempts(action);
        self.actor.deliver();
        let hang = Instant::now() + Duration::from_secs(60);
        while attempt.outcome() == Outcome::Waiting && Instant::now() < hang {
            std::thread::yield_now();
        }
        match attempt.outcome() {
            Outcome::Allowed => Ok(()),
            Outcome::Denied => Err(Cant::Fail(Errno::EPERM)),
            Outcome::Waiting => panic!("nobody answers {action:?}"),
        }
    }

    /// Holds what is at a path, so that its number is nobody else's.
    pub(super) fn hold(&mut self, path: &Path) {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        self.held.extend(openat(AT_FDCWD, path, flags, Mode::empty()));
    }

    /// Has the engine be told what was made.
    pub(super) fn has_made(&mut self, path: &Path) {
        self.hold(path);
        if let Ok(made) = Facts::of(path) {
            self.actor.has_made(made);
        }
    }

    /// The directory that a word names: `cwd`, or a descriptor.
    pub(super) fn base(&self, word: &[u8]) -> Result<OwnedFd, Cant> {
        let base = if word == b"cwd" { Some(&self.cwd) } else { self.slots.get(word) };
        let base = base.ok_or(Cant::Fail(Errno::EBADF))?;
        base.try_clone().map_err(|_| Cant::Fail(Errno::EMFILE))
    }
}

fn policy(row: &Row, root: &Path) -> Policy {
    let zone = |zone: &String| {
        let path = root.join(OsStr::from_bytes(zone.as_bytes()));
        // As `wrap` resolves it.
        Zone { on_delete: row.on_delete, ..Zone::new(path.canonicalize().unwrap_or(path)) }
    };
    let overrides = row.overrides.iter().map(|o| Override {
        path: root.join(&o.path),
        expires_at: o.expires_at,
        op: o.op,
        ..Override::default()
    });
    Policy {
        zones: row.zones.iter().map(zone).collect(),
        overrides: overrides.collect(),
        exempt_names: row.exempt_names.clone(),
        ..Policy::default()
    }
}

/// Acts as whom the row is run, on this thread.
fn as_who<T>(who: Who, act: impl FnOnce() -> T) -> T {
    if !sandbox::is_root() || who == Who::Root {
        return act();
    }
    setfsgid(Gid::from_raw(sandbox::USER));
    setfsuid(Uid::from_raw(sandbox::USER));
    let done = act();
    setfsuid(Uid::from_raw(0));
    setfsgid(Gid::from_raw(0));
    done
}

/// Acts as the person, who may do what the agent may not.
fn as_root(act: impl FnOnce()) {
    let [user, group] =
        [setfsuid(Uid::from_raw(u32::MAX)).as_raw(), setfsgid(Gid::from_raw(u32::MAX)).as_raw()];
    if sandbox::is_root() {
        setfsuid(Uid::from_raw(0));
        setfsgid(Gid::from_raw(0));
    }
    act();
    setfsgid(Gid::from_raw(group));
    setfsuid(Uid::from_raw(user));
}
