//! A project, an agent that works in it, its model, and a person outside.

use super::{Program, folder};
use crate::guard::{Mode, Outcome, PATH, Stage, run};
use crate::row::Who;
use crate::sandbox::Sandbox;
use crate::service::{Act, Asked};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Where an agent works.
#[derive(Debug)]
pub struct Scene<'a> {
    folder: &'a Path,
    stage: &'a Stage,
    /// The agent.
    pub program: Program,
    /// With the folder `project`, and `a` and `b` in it.
    pub sandbox: Sandbox,
}

/// What came of a task.
#[derive(Debug)]
pub struct Played {
    /// Of the process that was started.
    pub outcome: Outcome,
    /// What the model was asked.
    pub asked: Vec<Asked>,
}

/// How an agent is started.
#[derive(Clone, Debug, Default)]
pub struct Start<'a> {
    /// Without es-guard.
    pub bare: bool,
    /// Options of `es-guard wrap`.
    pub wrap: &'a [&'a str],
    /// What stands before the agent.
    pub wrapper: Vec<String>,
    /// By this path, instead of its own.
    pub agent: Option<PathBuf>,
    /// Words on the agent's own command line, before its task.
    pub words: Vec<String>,
}

impl<'a> Scene<'a> {
    /// Every agent as an ordinary user with a helper of its own, and as root with the system's.
    pub fn each(play: impl Fn(&Scene<'_>)) {
        let Some(folder) = folder() else { return };
        for (stage, who) in Stage::of_every_helper_once() {
            Program::ALL.into_iter().for_each(|program| play(&Scene::new(&folder, &stage, program, who)));
        }
    }

    /// These agents, each once: with a helper of its own, as an ordinary user.
    pub fn once(programs: &[Program], play: impl Fn(&Scene<'_>)) {
        let Some((folder, stage)) = folder().zip(Stage::with_engine()) else { return };
        programs.iter().for_each(|program| play(&Scene::new(&folder, &stage, *program, Who::User)));
    }

    fn new(folder: &'a Path, stage: &'a Stage, program: Program, who: Who) -> Self {
        let sandbox = Sandbox::new(who);
        let project = sandbox.root().join("project");
        std::fs::create_dir(&project).expect("a project");
        for name in ["a", "b"] {
            std::fs::write(project.join(name), "old\n").expect("a file");
        }
        sandbox.hand_over();
        Self { folder, stage, program, sandbox }
    }

    /// A path in the project.
    pub fn path(&self, name: &str) -> PathBuf {
        self.sandbox.root().join("project").join(name)
    }

    /// The same as text.
    pub fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The agent's own path.
    pub fn agent(&self) -> PathBuf {
        self.program.path(self.folder)
    }

    /// es-guard's own command as the agent types it.
    pub fn words(&self, line: &str) -> String {
        format!(
            "{} {line} --helper {}",
            self.stage.program("es-guard").display(),
            self.stage.helper().display()
        )
    }

    /// A person who answers what is asked for, in a terminal of their own.
    pub fn person(&self) -> Person {
        let helper = self.stage.helper().display().to_string();
        Person::new(self.stage.guard(&self.sandbox, &["approve", "--helper", &helper]))
    }

    /// Has the agent do its task, in a session that guards the project, with this model.
    pub fn play(&self, model: impl FnMut(&Asked) -> Act + Send + 'static) -> Played {
        self.start(&Start::default(), model)
    }

    /// The same, while a person outside gives these answers, one to each request; tells what they saw of it.
    pub fn play_answered(
        &self,
        answers: &[&str],
        model: impl FnMut(&Asked) -> Act + Send + 'static,
    ) -> (Played, Vec<String>) {
        let mut person = self.person();
        std::thread::scope(|scope| {
            let saw = scope.spawn(move || answers.iter().map(|answer| person.answers(answer)).collect());
            let played = self.play(model);
            (played, saw.join().expect("a person"))
        })
    }

    /// The same, started in this way.
    pub fn start(&self, start: &Start<'_>, model: impl FnMut(&Asked) -> Act + Send + 'static) -> Played {
        let service = self.program.service(model);
        let path = start.agent.clone().unwrap_or_else(|| self.agent());
        let mut command = if start.bare {
            self.stage.command(&self.sandbox, &Mode::Bare, &path)
        } else {
            let project = self.name("");
            let options = [&["wrap", "--quiet", "--zone", &project], start.wrap].concat();
            let mut command = self.stage.guard(&self.sandbox, &options);
            command.arg("--").args(&start.wrapper).arg(path);
            command
        };
        command.args(self.program.words()).args(&start.words).arg("Do the task.").env("PATH", PATH);
        self.program.settle(&self.sandbox, &service, &mut command);
        let outcome = run(&self.sandbox, command);
        Played { outcome, asked: service.asked() }
    }
}

/// A model that does these, and then says that it is done.
pub fn does(acts: Vec<Act>) -> impl FnMut(&Asked) -> Act + Send + 'static {
    move |asked| acts.get(asked.number).cloned().unwrap_or_else(Act::done)
}

/// Somebody at `es-guard approve`.
#[derive(Debug)]
pub struct Person {
    child: Child,
    words: ChildStdin,
    lines: Receiver<String>,
}

impl Person {
    fn new(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a person");
        let words = child.stdin.take().expect("a pipe");
        let read = BufReader::new(child.stdout.take().expect("a pipe"));
        let (tell, lines) = channel();
        // Who no longer listens need not be told.
        std::thread::spawn(move || read.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        Self { child, words, lines }
    }

    /// Waits for a request, and answers it; tells what was shown of it.
    pub fn answers(&mut self, answer: &str) -> String {
        let shown = self.sees();
        writeln!(self.words, "{answer}").expect("somebody who reads");
        self.sees();
        shown
    }

    fn sees(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(60)).expect("a line")
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl std::fmt::Display for Scene<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, {:?}, --helper {}", self.program, self.sandbox.who, self.stage.helper().display())
    }
}
