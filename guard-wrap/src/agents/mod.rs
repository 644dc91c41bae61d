//! Agents that es-guard knows, and how they learn of it: for one run, on their command line, in nobody's files.
//!
//! | room | what it does |
//! |---|---|
//! | [`recognise`] | which agent a command line starts, by whatever wrapper |
//! | [`codex`], [`claude`], [`gemini`] | one agent each: what its command line gets, and how its hook speaks |
//! | [`guard`] | how an agent calls es-guard |
//!
//! An agent is one file: an [`Agent`], and its line in [`ALL`]. Whatever a person says on the same command line
//! stays in force; where an option of theirs would be replaced by es-guard's, the two are made one. An agent that
//! is not known, or whose arguments can't be read, is started as it is: the text in a blocked command's own output
//! reaches every agent.

mod claude;
mod codex;
mod gemini;
mod guard;
mod recognise;

pub(crate) use guard::Guard;

use serde_json::{Value, json};
use std::ffi::OsString;

/// The name of es-guard's MCP server, everywhere.
const SERVER: &str = "es-guard";

/// For how many seconds an agent may wait for es-guard's hook.
const PATIENCE: u64 = 10;

/// One agent.
pub(crate) trait Agent: Sync {
    /// As `es-guard hook` is told it.
    fn name(&self) -> &'static str;

    /// What files are called that start it.
    fn programs(&self) -> &'static [&'static str];

    /// The packages that have it.
    fn packages(&self) -> &'static [&'static str];

    /// Its arguments, with what tells it of es-guard. `None`: they start no conversation, or can't be read.
    fn extended(&self, args: &[OsString], guard: &Guard) -> Option<Vec<OsString>>;

    /// Whether the model can be told something at an event. `again`: it goes on only because a hook has asked it to.
    /// Who is always asked to go on never ends.
    fn listens(&self, event: &str, again: bool) -> bool {
        event != "Stop" || !again
    }

    /// What its hook says at an event, to hand the model a text.
    fn answer(&self, event: &str, text: &str) -> Value {
        match event {
            "Stop" => json!({"decision": "block", "reason": text}),
            _ => json!({"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}}),
        }
    }
}

/// Every agent that is known.
pub(crate) static ALL: [&dyn Agent; 3] = [&codex::Codex, &claude::Claude, &gemini::Gemini];

/// The agent of this name.
pub(crate) fn named(name: &str) -> Option<&'static dyn Agent> {
    ALL.into_iter().find(|agent| agent.name() == name)
}

/// A command line that tells the agent it starts of es-guard; the same where it starts none that is known.
pub(crate) fn integrated(command: &[OsString], guard: &Guard) -> Vec<OsString> {
    let extended = recognise::agent(command).and_then(|(agent, at)| {
        let args = agent.extended(&command[at..], guard)?;
        Some([&command[..at], &args].concat())
    });
    extended.unwrap_or_else(|| command.to_vec())
}

/// What the hook of an agent is for: one command an event.
fn hooks(agent: &dyn Agent, events: &[&'static str], guard: &Guard) -> Vec<(&'static str, Value)> {
    let handler = |event: &str| {
        let command = guard.hook(agent.name(), event);
        json!({"type": "command", "command": command, "timeout": PATIENCE})
    };
    events.iter().map(|event| (*event, handler(event))).collect()
}
