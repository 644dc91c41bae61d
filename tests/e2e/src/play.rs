//! A session, as tests of who may say what begin: the zone `zone`, and in it `a` and `b`.

use crate::agent::Agent;
use crate::asking::{Desk, answer_to, grant, names, narrow, overrides, request, revoke, word};
use crate::guard::{Mode, Stage, denials, ledgers, output, read};
use crate::row::Who;
use crate::sandbox::Sandbox;
use helper_daemon::ledger::{OverrideRecord, Record};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Output;

/// What came of: list, overrides, grant, revoke, narrow, request, answer. Of the answer: of a request that there is not.
pub type Cells = [String; 7];

/// A running session.
#[derive(Debug)]
pub struct Play {
    // In this order they end: the agent before the helper that guards it.
    /// A shell.
    pub agent: Agent,
    /// Where the helper is asked.
    pub desk: Desk,
    /// Whose session it is, and where.
    pub sandbox: Sandbox,
    /// With the helper.
    pub stage: Stage,
}

impl Play {
    /// A session of this user's; `None`, noted as a skip, without root.
    pub fn new(who: Who) -> Option<Self> {
        let mut stage = Stage::with_system_helper()?;
        let desk = Desk::of(&mut stage);
        let sandbox = sandbox(who);
        let agent = Agent::start(stage.command(&sandbox, &mode(&sandbox), "sh".as_ref()));
        Some(Self { agent, desk, sandbox, stage }.begun())
    }

    /// A session of this user's with a helper of its own; `None`, noted as a skip, where there can be none.
    pub fn embedded(who: Who) -> Option<Self> {
        let stage = Stage::with_engine()?;
        let sandbox = sandbox(who);
        let mut agent = Agent::start(stage.command(&sandbox, &mode(&sandbox), "sh".as_ref()));
        let desk = Desk::at_door(&stage, agent.says("echo $ES_GUARD_DOOR").into());
        Some(Self { agent, desk, sandbox, stage }.begun())
    }

    /// One of each kind of helper.
    pub fn of_every_helper(who: Who) -> impl Iterator<Item = Self> {
        [Self::embedded, Self::new].into_iter().filter_map(move |play| play(who))
    }

    /// es-guard's own command, as the session's user outside of it.
    ///
    /// # Panics
    /// When it can't be run.
    pub fn person(&self, args: &[&str]) -> Output {
        self.stage
            .guard(&self.sandbox, &[args, &["--helper", &self.helper()]].concat())
            .output()
            .expect("an end")
    }

    /// es-guard's own command, as the agent types it: a line of shell without anything around it.
    pub fn agents_words(&self, line: &str) -> String {
        format!("$STAGE/es-guard {line} --helper {}", self.helper())
    }

    /// What `--helper` says.
    pub fn helper(&self) -> String {
        if self.stage.is_embedded() { "none".to_owned() } else { self.desk.socket.display().to_string() }
    }

    fn begun(mut self) -> Self {
        assert_eq!(self.agent.does("true"), 0);
        self
    }

    /// The session's name.
    ///
    /// # Panics
    /// When it has no ledger.
    pub fn session(&self) -> String {
        let ledger = ledgers(&self.sandbox).pop().expect("a ledger");
        ledger.file_stem().expect("a name").to_string_lossy().into_owned()
    }

    /// A path in the zone.
    pub fn path(&self, name: &str) -> PathBuf {
        self.sandbox.root().join("zone").join(name)
    }

    /// What this user is answered, outside every tree.
    pub fn cells_of(&self, uid: u32) -> Cells {
        cells(&self.session(), self.path("b"), |question| self.desk.asks(uid, question))
    }

    /// The same for an agent, its own or another one, which asks by way of a shell command around `@`.
    pub fn cells_of_agent(&self, agent: &mut Agent, by: &str) -> Cells {
        cells(&self.session(), self.path("b"), |question| self.desk.agent_asks(agent, by, question))
    }

    /// The same for this session's agent.
    pub fn cells_inside(&mut self, by: &str) -> Cells {
        let (session, path, desk) = (self.session(), self.path("b"), self.desk.clone());
        cells(&session, path, |question| desk.agent_asks(&mut self.agent, by, question))
    }

    /// The same on the owner's own connection; `list` is not asked there.
    pub fn cells_of_owner(&mut self) -> Cells {
        let owner = self.agent.says("echo $PPID").parse().expect("a number");
        let (session, path) = (self.session(), self.path("b"));
        cells(&session, path, |question| {
            if question["request"] == "list" {
                json!({"event": "sessions", "sessions": [{"session": {"id": session}}]})
            } else {
                self.desk.asks_as_owner(owner, question)
            }
        })
    }

    /// Whether the agent can remove a file of the person's.
    ///
    /// # Panics
    /// When it says one thing and does another.
    pub fn removes(&mut self, name: &str) -> bool {
        let path = self.path(name);
        std::fs::write(&path, "old").expect("a file");
        let removed = self.agent.does(&format!("rm -f zone/{name}")) == 0;
        assert_eq!(removed, !path.exists());
        removed
    }

    /// Whether the session is guarded: what was there stays, the session's own goes.
    pub fn is_guarded(&mut self) -> bool {
        !self.removes("a") && self.agent.does("echo 1 > zone/own && rm zone/own") == 0
    }

    /// What the ledger has of overrides.
    pub fn changes(&self) -> Vec<OverrideRecord> {
        let ledger = ledgers(&self.sandbox).pop().expect("a ledger");
        let records = read(&ledger).lines.into_iter().map(|line| line.record);
        records.filter_map(|r| if let Record::Override(o) = r { Some(o) } else { None }).collect()
    }
}

fn cells(session: &str, path: PathBuf, mut asks: impl FnMut(&Value) -> Value) -> Cells {
    let seen = names(&asks(&json!({"request": "list"}))).iter().any(|name| name == session);
    [
        if seen { "seen" } else { "not seen" }.to_owned(),
        word(&asks(&overrides(session))),
        word(&asks(&grant(session, &path))),
        word(&asks(&revoke(session, &path))),
        word(&asks(&narrow(session, &path))),
        word(&asks(&request(session, &path))),
        word(&asks(&answer_to(session, 99, &json!("deny")))),
    ]
}

/// A sandbox with the zone.
///
/// # Panics
/// When it can't be made.
pub fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    std::fs::create_dir(sandbox.root().join("zone")).expect("a zone");
    for name in ["a", "b"] {
        std::fs::write(sandbox.root().join("zone").join(name), "old").expect("a file");
    }
    sandbox.hand_over();
    sandbox
}

/// Guarded, with that zone.
pub fn mode(sandbox: &Sandbox) -> Mode {
    Mode::Guarded { zones: vec![sandbox.root().join("zone")], policy: None }
}

/// Another session's run, of a program that leaves a trace.
pub fn another(stage: &Stage) -> (Sandbox, Output) {
    let sandbox = sandbox(Who::User);
    let mut command = stage.command(&sandbox, &mode(&sandbox), "sh".as_ref());
    let output = output(command.args(["-c", "touch ran; rm -f zone/a; exit 3"]));
    (sandbox, output)
}

/// Another session, begun, guarded, ended.
///
/// # Panics
/// When it is anything else.
pub fn another_is_guarded(stage: &Stage) {
    let (sandbox, output) = another(stage);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(sandbox.root().join("zone/a").exists());
    assert_eq!(denials(&sandbox).len(), 1);
}

/// Another session, which can't begin, and does nothing unguarded.
///
/// # Panics
/// When it is anything else.
pub fn another_is_refused(stage: &Stage) {
    let (sandbox, output) = another(stage);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(!sandbox.root().join("ran").exists() && sandbox.root().join("zone/a").exists());
}
