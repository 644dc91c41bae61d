//! Anthropic's Messages API, as Claude Code speaks it.

use super::{Act, Aside, Dialect, event};
use serde_json::{Value, json};

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Messages;

impl Dialect for Messages {
    fn news(&self, path: &str, body: &Value) -> Option<Value> {
        // A conversation has tools; what else is asked for (a title, a summary) has none.
        let has_tools = body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
        let messages =
            (path == "/v1/messages" && has_tools).then(|| body["messages"].as_array()).flatten()?;
        let seen = messages.iter().rposition(|message| message["role"] == "assistant");
        let news = &messages[seen.map_or(0, |last| last + 1)..];
        Some(if seen.is_some() { news.into() } else { json!([body["system"], news]) })
    }

    fn stream(&self, act: &Act, number: usize) -> String {
        let (start, delta, stop) = match act {
            Act::Say(text) => {
                (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": text}), "end_turn")
            }
            other => {
                let (name, input) = tool(other);
                let block =
                    json!({"type": "tool_use", "id": format!("toolu_{number}"), "name": name, "input": {}});
                let input = json!({"type": "input_json_delta", "partial_json": input.to_string()});
                (block, input, "tool_use")
            }
        };
        [
            json!({"type": "message_start", "message": message(number, &json!([]), Value::Null)}),
            json!({"type": "content_block_start", "index": 0, "content_block": start}),
            json!({"type": "content_block_delta", "index": 0, "delta": delta}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
                "usage": {"output_tokens": 1}}),
            json!({"type": "message_stop"}),
        ]
        .iter()
        .map(event)
        .collect()
    }

    fn aside(&self, path: &str, body: &Value) -> Aside {
        let not_played =
            json!({"type": "error", "error": {"type": "not_found_error", "message": "not played"}});
        match path {
            "/v1/messages" if body["stream"] == true => Aside::Act(Act::Say("A title".to_owned())),
            "/v1/messages" => Aside::Json(
                200,
                message(super::ASIDE, &json!([{"type": "text", "text": "A title"}]), "end_turn"),
            ),
            "/v1/messages/count_tokens" => Aside::Json(200, json!({"input_tokens": 1})),
            _ => Aside::Json(404, not_played),
        }
    }
}

/// Its name is its own: of two with the same name the agent makes one.
fn message(number: usize, content: &Value, stop: impl Into<Value>) -> Value {
    let id = format!("msg_{number}");
    json!({"id": id, "type": "message", "role": "assistant", "content": content, "model": "played",
        "stop_reason": stop.into(), "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}})
}

/// The tool that an act takes, and what it is given.
fn tool(act: &Act) -> (String, Value) {
    match act {
        Act::Run(line) => ("Bash".to_owned(), json!({"command": line, "description": "Do it"})),
        Act::Write(path, text) => ("Write".to_owned(), json!({"file_path": path, "content": text})),
        Act::Guard { tool, arguments } => (format!("mcp__es-guard__{tool}"), arguments.clone()),
        Act::Say(_) | Act::Patch(_) => panic!("{act:?} is no tool of this agent's"),
    }
}
