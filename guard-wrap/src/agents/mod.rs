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

    /// Its arguments where it is told nothing: as they are, but for what keeps its work in its own process tree.
    fn kept_here(&self, args: &[OsString]) -> Vec<OsString> {
        args.to_vec()
    }

    /// The word that has its work done by a process that may be anybody's child.
    fn done_elsewhere(&self, _args: &[OsString]) -> Option<&'static str> {
        None
    }

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

/// Variables that keep an agent's work in its own process tree, be it started by whatever in there: Claude Code's,
/// which else has a daemon do it.
pub(crate) const KEPT_HERE: [(&str, &str); 1] = [("CLAUDE_CODE_DISABLE_AGENT_VIEW", "1")];

/// A command line by which an agent's work is done where no session guards it.
#[derive(Debug, thiserror::Error)]
#[error(
    "start {agent}: `{word}` has the work done by a process that this session does not guard. Leave it out, or start \
     that process under es-guard"
)]
pub(crate) struct Elsewhere {
    agent: &'static str,
    word: &'static str,
}

/// A command line that keeps the agent it starts inside the session, and tells it of es-guard as `guard` says; the
/// same where it starts none that is known.
pub(crate) fn arranged(command: &[OsString], guard: Option<&Guard>) -> Result<Vec<OsString>, Elsewhere> {
    let Some((agent, at)) = recognise::agent(command) else { return Ok(command.to_vec()) };
    let (before, args) = command.split_at(at);
    if let Some(word) = agent.done_elsewhere(args) {
        return Err(Elsewhere { agent: agent.name(), word });
    }
    let told = guard.and_then(|guard| agent.extended(args, guard));
    Ok([before, &told.unwrap_or_else(|| agent.kept_here(args))].concat())
}

/// Whether there is this option, with its value in the same word or not.
fn has_option(args: &[OsString], option: &str) -> bool {
    let mut words = args.iter().take_while(|arg| *arg != "--").filter_map(|arg| arg.to_str());
    words.any(|word| word.split_once('=').map_or(word, |(name, _)| name) == option)
}

/// What the hook of an agent is for: one command an event.
fn hooks(agent: &dyn Agent, events: &[&'static str], guard: &Guard) -> Vec<(&'static str, Value)> {
    let handler = |event: &str| {
        let command = guard.hook(agent.name(), event);
        json!({"type": "command", "command": command, "timeout": PATIENCE})
    };
    events.iter().map(|event| (*event, handler(event))).collect()
}
