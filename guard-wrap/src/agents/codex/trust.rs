//! Trust in one hook, as Codex keeps it: by the hook's place, and a digest of everything that it is.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Where Codex says that settings of the command line are.
const SOURCE: &str = "/<session-flags>/config.toml";

/// That this hook is trusted: the one of the group of this number at an event of the command line's.
pub(super) fn of(event: &str, group: usize, handler: &Value) -> (String, toml::Value) {
    let event = snake(event);
    let digest = digest(&event, handler);
    let state = toml::Table::from_iter([("trusted_hash".to_owned(), digest.into())]);
    (format!("{SOURCE}:{event}:{group}:0"), state.into())
}

/// Of the shortest JSON of a hook with everything that Codex takes for granted, its keys in order.
fn digest(event: &str, handler: &Value) -> String {
    let mut whole = handler.clone();
    whole["async"] = false.into();
    // In order, as this map keeps its keys.
    let identity = json!({"event_name": event, "hooks": [whole]}).to_string();
    Sha256::digest(identity).iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Text takes whatever is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn snake(event: &str) -> String {
    let mut text = String::new();
    for letter in event.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_trusted_by_its_place_and_what_it_is() {
        let handler = json!({"type": "command", "command": "x", "timeout": 10});
        let (key, state) = of("PostToolUse", 1, &handler);
        assert_eq!(key, "/<session-flags>/config.toml:post_tool_use:1:0");
        // sha256sum of the text that follows.
        let text = r#"{"event_name":"post_tool_use","hooks":[{"async":false,"command":"x","timeout":10,"type":"command"}]}"#;
        let expected: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(state["trusted_hash"].as_str(), Some(format!("sha256:{expected}").as_str()));
    }
}
