//! The tools, as a model is told them.

use rmcp::model::Tool;
use serde_json::{Value, json};
use std::sync::Arc;

/// Why something was refused.
pub(super) const EXPLAIN: &str = "explain_denial";
/// What would become of something.
pub(super) const CHECK: &str = "check_access";
/// Asking a person.
pub(super) const REQUEST: &str = "request_override";

/// What a client is told of all of them.
pub(super) const INSTRUCTIONS: &str = "es-guard guards this session by the policy of the person who started it: files that were there before it began can be edited, but not deleted, moved out or replaced; such operations fail with EPERM (\"Operation not permitted\"), which no permission, no sudo and no other tool changes. explain_denial tells why, check_access what would be, request_override asks the person for a path.";

/// All of them.
pub(super) fn all() -> Vec<Tool> {
    let path =
        json!({"type": "string", "description": "A file or directory, absolute or in the current directory"});
    let operation = json!({"type": "string", "enum": ["unlink", "rmdir", "rename", "exchange", "write"], "description": "The operation; unlink removes a file"});
    vec![
        tool(
            EXPLAIN,
            "Tells why an operation was refused in this session with \"Operation not permitted\": what, which zone of the policy, what is allowed instead, and what has become of a request for it.",
            &json!({"path": path}),
            &[],
        ),
        tool(
            CHECK,
            "Tells what would become of an operation on a file, without doing it: allowed or denied, and why.",
            &json!({"operation": operation, "path": path, "destination": {"type": "string", "description": "The new name, for rename; the other name, for exchange"}}),
            &["operation", "path"],
        ),
        tool(
            REQUEST,
            "Asks the person who guards this session to let one path through for a while, and waits for their answer. They see the path and the reason. Asked for again, a path is the same request. After it is granted, the refused operation can be done again.",
            &json!({
                "path": path,
                "reason": {"type": "string", "description": "Why it is needed, for the person to decide by"},
                "operation": operation,
                "minutes": {"type": "number", "minimum": 0, "description": "For how long it is needed; without it the person says"},
                "wait_seconds": {"type": "number", "minimum": 0, "description": "How long to wait for the answer; 600 if it is not said"},
            }),
            &["path", "reason"],
        ),
    ]
}

fn tool(name: &'static str, description: &'static str, properties: &Value, required: &[&str]) -> Tool {
    let schema = json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let Value::Object(schema) = schema else { unreachable!("it is written as an object") };
    Tool::new(name, description, Arc::new(schema))
}
