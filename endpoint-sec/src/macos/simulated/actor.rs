//! A process that does things.

use super::Simulation;
use super::action::Action;
use super::build::{self, What};
use super::facts::{Facts, To};
use super::outcome::{Attempt, Outcome};
use crate::macos::token::AuditToken;
use endpoint_sec_sys::macos::event_type as types;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// A process.
#[derive(Clone)]
pub struct Actor {
    simulation: Simulation,
    pid: i32,
}

impl Actor {
    pub(super) fn new(simulation: Simulation, pid: i32) -> Self {
        Self { simulation, pid }
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Who it is now: another one after each exec.
    pub fn token(&self) -> AuditToken {
        self.simulation.kernel(|kernel| AuditToken::new(build::token(&kernel.processes[&self.pid])))
    }

    /// Makes a child, and has all be told.
    pub fn fork(&self) -> Self {
        let child = self.fork_undelivered();
        self.simulation.deliver();
        child
    }

    /// Makes a child that has the number of a real process, which stands for it elsewhere; has all be told.
    ///
    /// # Panics
    ///
    /// Where something simulated has it.
    pub fn fork_as(&self, pid: u32) -> Self {
        self.simulation.kernel(|kernel| kernel.next_is(pid as i32));
        self.fork()
    }

    /// Makes a child; the notice stays in the queues.
    pub fn fork_undelivered(&self) -> Self {
        let shared = &self.simulation.0;
        let pid = self.simulation.kernel(|kernel| {
            let pid = kernel.fork(self.pid);
            let child = kernel.processes[&pid].clone();
            kernel.submit(shared, self.pid, types::NOTIFY_FORK, None, &[], &What::Fork { child: &child });
            pid
        });
        Self::new(self.simulation.clone(), pid)
    }

    /// Executes a program, if it may.
    pub fn exec<A: AsRef<OsStr>>(&self, executable: impl AsRef<Path>, arguments: &[A]) -> Outcome {
        self.exec_for(Facts::file(executable.as_ref()), None, arguments)
    }

    /// Executes a program, if it may, for a script where it is an interpreter.
    pub fn exec_for<A: AsRef<OsStr>>(
        &self,
        executable: Facts,
        script: Option<&Facts>,
        arguments: &[A],
    ) -> Outcome {
        let shared = &self.simulation.0;
        let arguments: Vec<OsString> =
            arguments.iter().map(|argument| argument.as_ref().to_owned()).collect();
        let targets = [executable.path.clone()];
        let (target, number) = self.simulation.kernel(|kernel| {
            let mut target = kernel.processes[&self.pid].clone();
            target.version = kernel.new_version();
            target.executable = executable;
            let what = What::Exec { target: &target, script, arguments: &arguments };
            let number = kernel.ask(shared, self.pid, types::AUTH_EXEC, 0, &targets, &what);
            (target, number)
        });
        let attempt = Attempt { simulation: self.simulation.clone(), number };
        self.simulation.deliver();
        if attempt.outcome() == Outcome::Allowed {
            self.simulation.kernel(|kernel| {
                let what = What::Exec { target: &target, script, arguments: &arguments };
                kernel.submit(shared, self.pid, types::NOTIFY_EXEC, None, &targets, &what);
                kernel.processes.insert(self.pid, target.clone());
            });
            self.simulation.deliver();
        }
        attempt.outcome()
    }

    /// Executes a program; the notice stays in the queues, and nobody is asked.
    pub fn exec_undelivered(&self, executable: impl AsRef<Path>) {
        self.simulation.kernel(|kernel| {
            let mut target = kernel.processes[&self.pid].clone();
            target.version = kernel.new_version();
            target.executable = Facts::file(executable.as_ref());
            let (targets, what) = (
                [target.executable.path.clone()],
                What::Exec { target: &target, script: None, arguments: &[] },
            );
            kernel.submit(&self.simulation.0, self.pid, types::NOTIFY_EXEC, None, &targets, &what);
            kernel.processes.insert(self.pid, target.clone());
        });
    }

    /// Sends another process a signal, if it may. What it would do to that one is the caller's to perform.
    pub fn signals(&self, other: &Self, number: i32) -> Outcome {
        let asked = self.simulation.kernel(|kernel| {
            let target = kernel.processes[&other.pid].clone();
            let what = What::Signal { number, target: &target };
            kernel.ask(&self.simulation.0, self.pid, types::AUTH_SIGNAL, 0, &[], &what)
        });
        let attempt = Attempt { simulation: self.simulation.clone(), number: asked };
        self.simulation.deliver();
        attempt.outcome()
    }

    /// Ends, and has all be told.
    pub fn exit(self, status: i32) {
        let shared = &self.simulation.0;
        self.simulation.kernel(|kernel| {
            kernel.submit(shared, self.pid, types::NOTIFY_EXIT, None, &[], &What::Exit { status });
            kernel.exit(self.pid);
        });
        self.simulation.deliver();
    }

    /// Does something, and has all be asked. What the action would do to files is the caller's to perform.
    pub fn does(&self, action: &Action) -> Outcome {
        let attempt = self.attempts(action);
        self.simulation.deliver();
        attempt.outcome()
    }

    /// Has all be told what it has made: what the kernel says after an [`Action::Create`] that was performed.
    pub fn has_made(&self, what: Facts) {
        let created = Action::Create { to: To::Existing(what), mode: 0 };
        self.simulation.kernel(|kernel| {
            let (targets, what) = (created.targets(), What::Action(&created));
            kernel.submit(&self.simulation.0, self.pid, types::NOTIFY_CREATE, None, &targets, &what);
        });
        self.simulation.deliver();
    }

    /// Has all be asked what is in the queues.
    pub fn deliver(&self) {
        self.simulation.deliver();
    }

    /// Begins something; the question stays in the queues.
    pub fn attempts(&self, action: &Action) -> Attempt {
        let flags = if let Action::Open { fflag, .. } = action { *fflag as u32 } else { 0 };
        let number = self.simulation.kernel(|kernel| {
            let what = What::Action(action);
            kernel.ask(&self.simulation.0, self.pid, action.event_type(), flags, &action.targets(), &what)
        });
        Attempt { simulation: self.simulation.clone(), number }
    }
}
