//! `es-guard hook AGENT EVENT`: what an agent's own hook says to its model.
//!
//! It asks the helper what was refused since it asked last, and does not read it out of what tools have printed:
//! that is in any language, and may have been thrown away. It never stands in an agent's way: where there is nothing
//! to say, or anything goes wrong, it says nothing and succeeds.

use crate::agents;
use crate::asking::target::places;
use crate::cli::HookArgs;
use crate::explained::{news, orientation};
use crate::render::print;
use helper_daemon::client::live;
use serde_json::Value;
use std::io::{Read, stdin};
use std::process::ExitCode;

/// What an agent tells its hook is not longer than this, in bytes.
const MOST: u64 = 64 << 20;

/// The event at which a conversation begins, or goes on with an empty memory.
const START: &str = "SessionStart";

/// Says it on standard output.
pub(crate) fn run(args: &HookArgs) -> ExitCode {
    // All of it is read: the agent writes it without a thought of who doesn't listen.
    let mut told = Vec::new();
    let read = stdin().lock().take(MOST).read_to_end(&mut told);
    let told = read.ok().and_then(|_| serde_json::from_slice(&told).ok()).unwrap_or(Value::Null);
    if let Some(answer) = answer(args, &told) {
        print(&answer.to_string());
    }
    ExitCode::SUCCESS
}

fn answer(args: &HookArgs, told: &Value) -> Option<Value> {
    let agent = agents::named(&args.agent)?;
    let again = told["stop_hook_active"] == true;
    if !agent.listens(&args.event, again) {
        return None;
    }
    let live = live::inside(&places(args.helper.as_deref()).ok()?)?;
    let text = if args.event == START { orientation(&live) } else { news(&live, agent.name()) }?;
    Some(agent.answer(&args.event, &text))
}
