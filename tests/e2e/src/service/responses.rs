//! OpenAI's Responses API, as Codex speaks it.
//!
//! Codex offers its tools in one of two ways. *Classic*: each by itself. *Code mode*: one tool that runs JavaScript,
//! which calls the others.

use super::{Act, Aside, Dialect, event};
use serde_json::{Value, json};

/// How tools are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tools {
    /// Each by itself.
    Classic,
    /// From JavaScript.
    Code,
}

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Responses(pub Tools);

impl Dialect for Responses {
    fn news(&self, path: &str, body: &Value) -> Option<Value> {
        let input = path.ends_with("/responses").then(|| body["input"].as_array()).flatten()?;
        let is_act = |item: &Value| {
            let kind = item["type"].as_str().unwrap_or_default();
            kind.ends_with("_call") || (kind == "message" && item["role"] == "assistant")
        };
        let seen = input.iter().rposition(is_act).map_or(0, |last| last + 1);
        Some(input[seen..].into())
    }

    fn stream(&self, act: &Act, number: usize) -> String {
        let response = format!("resp_{number}");
        let usage = json!({"input_tokens": 1, "input_tokens_details": null, "output_tokens": 1,
            "output_tokens_details": null, "total_tokens": 2});
        [
            json!({"type": "response.created", "response": {"id": response}}),
            json!({"type": "response.output_item.done", "item": self.item(act, number)}),
            json!({"type": "response.completed", "response": {"id": response, "usage": usage}}),
        ]
        .iter()
        .map(event)
        .collect()
    }

    fn aside(&self, path: &str, _: &Value) -> Aside {
        match path {
            "/v1/models" => Aside::Json(200, json!({"models": []})),
            _ => Aside::Json(404, json!({"error": {"message": "not played"}})),
        }
    }
}

impl Responses {
    fn item(self, act: &Act, number: usize) -> Value {
        let id = format!("call_{number}");
        let function = |name: &str, arguments: &Value| json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments.to_string()});
        let custom = |name: &str, input: &str| json!({"type": "custom_tool_call", "call_id": id, "name": name, "input": input});
        match (self.0, act) {
            (_, Act::Say(text)) => {
                json!({"type": "message", "role": "assistant", "id": format!("msg_{number}"),
                "content": [{"type": "output_text", "text": text}]})
            }
            (Tools::Classic, Act::Run(line)) => function("exec_command", &json!({"cmd": line})),
            (Tools::Classic, Act::Patch(patch)) => custom("apply_patch", patch),
            (Tools::Classic, Act::Guard { tool, arguments }) => {
                let mut call = function(tool, arguments);
                call["namespace"] = "mcp__es_guard".into();
                call
            }
            (Tools::Code, Act::Run(line)) => {
                custom("exec", &format!("text(await tools.exec_command({}));", json!({"cmd": line})))
            }
            (Tools::Code, Act::Patch(patch)) => {
                custom("exec", &format!("text(await tools.apply_patch({}));", json!(patch)))
            }
            (Tools::Code, Act::Guard { tool, arguments }) => {
                custom("exec", &format!("text(await tools.mcp__es_guard__{tool}({arguments}));"))
            }
            (_, Act::Write(path, text)) => self.item(&Act::Patch(adding(path, text)), number),
        }
    }
}

/// The patch that makes a file.
fn adding(path: &str, text: &str) -> String {
    let lines: String = text.lines().map(|line| format!("+{line}\n")).collect();
    format!("*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch\n")
}
