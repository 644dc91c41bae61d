//! `es-guard mcp`, by its protocol: what a client is told while a person is waited for, and what becomes of a call
//! that the client takes back.
#![cfg(target_os = "linux")]

use e2e::approver::Approver;
use e2e::asking::word;
use e2e::guard::eventually;
use e2e::play::Play;
use e2e::row::Who;
use e2e::sandbox::USER;
use serde_json::{Value, json};
use std::fs;

/// The agent's server, which is spoken to in lines of JSON.
struct Server<'a> {
    play: &'a mut Play,
}

impl<'a> Server<'a> {
    fn start(play: &'a mut Play) -> Self {
        let serve = play.agents_words("mcp");
        assert_eq!(play.agent.does(&format!("mkfifo in; {serve} >out 2>errors <in & exec 9>in")), 0);
        let mut server = Self { play };
        let client = json!({"name": "e2e", "version": "0"});
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        server.is_told(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
        assert_eq!(server.answers(0)["result"]["serverInfo"]["name"], "es-guard");
        server.is_told(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server
    }

    fn is_told(&mut self, message: &Value) {
        assert_eq!(self.play.agent.does(&format!("echo '{message}' >&9")), 0);
    }

    /// Calls a tool; a progress token is the call's number.
    fn calls(&mut self, id: u64, tool: &str, arguments: &Value) {
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": id}});
        self.is_told(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}));
    }

    fn takes_back(&mut self, id: u64) {
        let params = json!({"requestId": id, "reason": "the user pressed escape"});
        self.is_told(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}));
    }

    /// All that it has said.
    fn said(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.play.sandbox.root().join("out")).expect("what it said");
        // The last line may not be whole yet.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn waits_for(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || self.said().iter().any(&is_it));
        self.said().into_iter().find(is_it).expect("just seen")
    }

    fn answers(&self, id: u64) -> Value {
        self.waits_for(&format!("an answer to {id}"), |said| said["id"] == id)
    }

    fn tells_progress(&self, id: u64) -> Value {
        let method = "notifications/progress";
        self.waits_for("progress", |said| said["method"] == method && said["params"]["progressToken"] == id)
    }
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}: no text"))
}

#[test]
fn seccomp_who_waits_for_a_person_is_told_so() {
    for mut play in Play::of_every_helper(Who::User) {
        let mut person = Approver::start(&play);
        let path = play.path("a");
        let mut server = Server::start(&mut play);
        server.calls(1, "request_override", &json!({"path": path, "reason": "it is old"}));
        let progress = server.tells_progress(1);
        assert_eq!(progress["params"]["message"], "request 1 waits for a person's answer");
        // Others are answered meanwhile.
        server.calls(2, "check_access", &json!({"operation": "unlink", "path": path}));
        assert!(text(&server.answers(2)).starts_with("denied: removing"), "{:?}", server.said());
        assert!(!server.said().iter().any(|said| said["id"] == 1));
        person.shows();
        person.types("1 10m");
        assert!(text(&server.answers(1)).contains("is let through"));
        assert!(play.removes("a"));
        person.shows();
        assert!(person.ends());
    }
}

#[test]
fn seccomp_a_call_that_is_taken_back_ends_and_what_was_asked_for_stays_asked() {
    for mut play in Play::of_every_helper(Who::User) {
        let (session, desk, path) = (play.session(), play.desk.clone(), play.path("a"));
        let mut server = Server::start(&mut play);
        server.calls(1, "request_override", &json!({"path": path, "reason": "it is old"}));
        server.tells_progress(1);
        server.takes_back(1);
        server.calls(2, "check_access", &json!({"operation": "unlink", "path": path}));
        server.answers(2);
        let answer = json!({"request": "answer", "session": session, "number": 1, "decision": "session"});
        assert_eq!(word(&desk.asks(USER, &answer)), "request");
        server.calls(3, "request_override", &json!({"path": path, "reason": "it is old"}));
        assert!(text(&server.answers(3)).contains("is let through"), "{:?}", server.said());
        assert!(!server.said().iter().any(|said| said["id"] == 1), "{:?}", server.said());
        // It ends with its client.
        assert_eq!(play.agent.does("exec 9>&-; wait"), 0);
        assert_eq!(fs::read_to_string(play.sandbox.root().join("errors")).expect("a file"), "");
    }
}
