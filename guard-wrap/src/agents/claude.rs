//! Anthropic's Claude Code.
//!
//! Of two `--settings` the last replaces the first, so es-guard's are merged into a person's own; of two
//! `--mcp-config` both count. An option that takes several values would take the prompt, too: each is one word.

use super::{Agent, Guard, SERVER, has_option, hooks};
use serde_json::{Map, Value, json};
use std::ffi::OsString;

/// Claude Code.
pub(super) struct Claude;

/// What fires when a tool has succeeded, when it has failed, at the beginning and at the end.
const EVENTS: [&str; 4] = ["SessionStart", "PostToolUse", "PostToolUseFailure", "Stop"];

/// First words that start no conversation.
const ERRANDS: [&str; 24] = [
    "agents",
    "attach",
    "auth",
    "auto-mode",
    "doctor",
    "gateway",
    "import",
    "install",
    "logs",
    "mcp",
    "plugin",
    "plugins",
    "purge",
    "respawn",
    "rm",
    "setup-token",
    "stop",
    "kill",
    "update",
    "upgrade",
    "-h",
    "--help",
    "-v",
    "--version",
];

/// What has the conversation go on in tmux.
const TMUX: &str = "--tmux";

impl Agent for Claude {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["claude", "claude.exe"]
    }

    fn packages(&self) -> &'static [&'static str] {
        &["@anthropic-ai/claude-code"]
    }

    fn extended(&self, args: &[OsString], guard: &Guard) -> Option<Vec<OsString>> {
        if args.first().is_some_and(|first| ERRANDS.iter().any(|errand| first == errand)) {
            return None;
        }
        // Asked for at once: a tool that has to be searched for first is not thought of.
        let server = json!({"type": "stdio", "command": guard.program(), "args": guard.server_args(), "alwaysLoad": true});
        let servers = json!({"mcpServers": {SERVER: server}});
        let mut extended = vec![format!("--mcp-config={servers}").into()];
        let mut args = args.to_vec();
        match settings(&args) {
            None => extended.push(format!("--settings={}", self.settings(guard)).into()),
            Some(theirs) => {
                // What can't be read is Claude Code's to complain of.
                if let Some(Value::Object(mut merged)) = read(&theirs.value) {
                    merge(&mut merged, &self.settings(guard));
                    let merged = Value::Object(merged).to_string();
                    args[theirs.at] =
                        if theirs.joined { format!("--settings={merged}").into() } else { merged.into() };
                }
            }
        }
        extended.extend(args);
        Some(extended)
    }

    /// A terminal multiplexer's server may be anybody's child.
    fn done_elsewhere(&self, args: &[OsString]) -> Option<&'static str> {
        has_option(args, TMUX).then_some(TMUX)
    }
}

impl Claude {
    fn settings(&self, guard: &Guard) -> Value {
        let hooks = hooks(self, &EVENTS, guard).into_iter();
        let hooks: Map<_, _> =
            hooks.map(|(event, handler)| (event.to_owned(), json!([{"hooks": [handler]}]))).collect();
        json!({"hooks": hooks, "permissions": {"allow": [format!("mcp__{SERVER}")]}})
    }
}

/// Settings that a person gives.
struct Theirs {
    /// The word that has them.
    at: usize,
    /// Whether the option is in the same word.
    joined: bool,
    value: String,
}

/// The last ones, which are in force.
fn settings(args: &[OsString]) -> Option<Theirs> {
    let mut last = None;
    for (at, word) in args.iter().enumerate() {
        let Some(word) = word.to_str() else { continue };
        if word == "--" {
            break;
        }
        if let Some(value) = word.strip_prefix("--settings=") {
            last = Some(Theirs { at, joined: true, value: value.to_owned() });
        } else if word == "--settings" {
            let value = args.get(at + 1).and_then(|value| value.to_str());
            last = value.map(|value| Theirs { at: at + 1, joined: false, value: value.to_owned() }).or(last);
        }
    }
    last
}

/// Settings are JSON itself, or a file's name.
fn read(value: &str) -> Option<Value> {
    if value.trim_start().starts_with('{') {
        return serde_json::from_str(value).ok();
    }
    serde_json::from_slice(&std::fs::read(value).ok()?).ok()
}

/// Adds settings to others: lists grow, and what is there stays.
fn merge(into: &mut Map<String, Value>, more: &Value) {
    for (key, value) in more.as_object().into_iter().flatten() {
        match (into.get_mut(key), value) {
            (Some(Value::Object(there)), Value::Object(_)) => merge(there, value),
            (Some(Value::Array(there)), Value::Array(value)) => there.extend(value.iter().cloned()),
            (Some(_), _) => {}
            (None, _) => drop(into.insert(key.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended(args: &[&str]) -> Vec<String> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let extended = Claude.extended(&args, &Guard::of_tests()).unwrap();
        extended.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    fn of(word: &str) -> Value {
        serde_json::from_str(word.strip_prefix("--settings=").unwrap_or(word)).unwrap()
    }

    #[test]
    fn the_persons_words_follow_as_they_are() {
        let words = extended(&["-p", "a task"]);
        assert!(words[0].starts_with("--mcp-config={") && words[1].starts_with("--settings={"), "{words:?}");
        assert_eq!(words[2..], ["-p", "a task"]);
        let settings = of(&words[1]);
        assert_eq!(settings["permissions"]["allow"], json!(["mcp__es-guard"]));
        let stop = &settings["hooks"]["Stop"][0]["hooks"][0];
        assert_eq!(stop["command"], "/bin/es-guard hook claude Stop");
    }

    #[test]
    fn settings_of_the_persons_own_stay_in_force() {
        let own = r#"{"model":"x","permissions":{"allow":["Bash"]},"hooks":{"Stop":[{"hooks":[]}]}}"#;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s.json");
        std::fs::write(&file, own).unwrap();
        let joined = format!("--settings={}", file.display());
        for args in [vec!["--settings", own, "-p", "x"], vec![&joined, "-p", "x"]] {
            let words = extended(&args);
            assert_eq!(words.len(), args.len() + 1, "{words:?}");
            let merged = of(&words[words.len() - 3]);
            assert_eq!(merged["model"], "x");
            assert_eq!(merged["permissions"]["allow"], json!(["Bash", "mcp__es-guard"]));
            assert_eq!(merged["hooks"]["Stop"].as_array().map(Vec::len), Some(2));
            assert_eq!(words[words.len() - 2..], ["-p", "x"]);
        }
    }

    #[test]
    fn settings_that_cant_be_read_are_left_to_the_agent() {
        for own in ["/there/is/no/such/file", "{broken"] {
            assert_eq!(extended(&["--settings", own, "x"])[1..], ["--settings", own, "x"]);
        }
        // After `--` it is a prompt.
        assert_eq!(extended(&["--", "--settings", "{broken"])[2..], ["--", "--settings", "{broken"]);
    }

    #[test]
    fn errands_are_left_alone() {
        for errand in ["mcp", "--version"] {
            assert_eq!(Claude.extended(&[errand.into(), "x".into()], &Guard::of_tests()), None);
        }
        assert!(Claude.extended(&[], &Guard::of_tests()).is_some());
    }
}
