//! Asking a helper, as somebody: from outside every tree, and by an agent from inside one.

use crate::agent::Agent;
use crate::guard::Stage;
use crate::sandbox::is_root;
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a helper is asked, and about which session.
#[derive(Clone, Debug)]
pub struct Desk {
    ask: PathBuf,
    /// Where the helper listens.
    pub socket: PathBuf,
}

impl Desk {
    /// The desk of the stage's helper.
    ///
    /// # Panics
    /// When the stage has none.
    pub fn of(stage: &mut Stage) -> Self {
        let socket = stage.system_helper().expect("a helper").socket.clone();
        Self { ask: stage.program("ask"), socket }
    }

    /// The desk of a session that has a helper of its own: its door.
    pub fn at_door(stage: &Stage, socket: PathBuf) -> Self {
        Self { ask: stage.program("ask"), socket }
    }

    /// Whether this user can connect at all.
    ///
    /// # Panics
    /// When that can't be tried.
    pub fn admits(&self, uid: u32) -> bool {
        let mut command = Command::new(&self.ask);
        command.arg(&self.socket).arg("{}").env_clear();
        if is_root() {
            command.uid(uid).gid(uid);
        }
        command.output().expect("a try").status.success()
    }

    /// Asks as this user, outside every tree.
    ///
    /// # Panics
    /// When nothing is answered.
    pub fn asks(&self, uid: u32, question: &Value) -> Value {
        let mut command = Command::new(&self.ask);
        command.arg(&self.socket).arg(question.to_string()).env_clear();
        if is_root() {
            command.uid(uid).gid(uid);
        }
        answer(&String::from_utf8_lossy(&command.output().expect("an answer").stdout))
    }

    /// Asks on the connection of this process, as root can: as it would itself.
    ///
    /// # Panics
    /// When nothing is answered.
    pub fn asks_as_owner(&self, owner: u32, question: &Value) -> Value {
        let mut command = Command::new(&self.ask);
        command.arg(&self.socket).arg("--of").arg(owner.to_string()).arg(question.to_string());
        answer(&String::from_utf8_lossy(&command.output().expect("an answer").stdout))
    }

    /// The command line that asks. Its words have no single quote in them.
    pub fn line(&self, question: &Value) -> String {
        format!("{} {} '{question}'", self.ask.display(), self.socket.display())
    }

    /// An agent asks, from inside its tree, by way of a shell command around `@`, which stands for asking.
    pub fn agent_asks(&self, agent: &mut Agent, by: &str, question: &Value) -> Value {
        answer(&agent.says(&by.replace('@', &self.line(question))))
    }
}

/// The names in a list of sessions.
///
/// # Panics
/// When it is none.
pub fn names(listed: &Value) -> Vec<String> {
    let sessions = listed["sessions"].as_array().unwrap_or_else(|| panic!("{listed}: no list"));
    let name = |session: &Value| session["session"]["id"].as_str().expect("a name").to_owned();
    sessions.iter().map(name).collect()
}

/// An answer in short: the event, or the code of a refusal.
///
/// # Panics
/// When it is neither.
pub fn word(answer: &Value) -> String {
    let word = if answer["event"] == "refused" { &answer["code"] } else { &answer["event"] };
    word.as_str().unwrap_or_else(|| panic!("{answer}: no answer")).to_owned()
}

fn answer(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text:?}: no answer"))
}

/// A request to let a path through for as long as the session lasts.
pub fn grant(session: &str, path: &Path) -> Value {
    json!({"request": "grant", "session": session, "path": path, "expires_at": null, "reason": "asked for"})
}

/// A request to take that back.
pub fn revoke(session: &str, path: &Path) -> Value {
    json!({"request": "revoke", "session": session, "path": path})
}

/// A request to guard a path, too.
pub fn narrow(session: &str, path: &Path) -> Value {
    let policy = json!({"zones": [{"path": path}], "overrides": [], "exempt_names": []});
    json!({"request": "narrow", "session": session, "policy": policy})
}

/// A request for a path.
pub fn request(session: &str, path: &Path) -> Value {
    json!({"request": "request", "session": session, "path": path, "reason": "needed"})
}

/// An answer to a request: `once`, `session`, `deny`, or an object.
pub fn answer_to(session: &str, number: u64, decision: &Value) -> Value {
    json!({"request": "answer", "session": session, "number": number, "decision": decision})
}

/// A question what has become of a request, which waits so many seconds for an answer.
pub fn await_answer(session: &str, number: u64, seconds: u64) -> Value {
    json!({"request": "await", "session": session, "number": number, "wait": seconds})
}

/// A question what was denied since.
pub fn denials(session: &str, since: u64) -> Value {
    json!({"request": "denials", "session": session, "since": since})
}

/// A request to tell what is let through.
pub fn overrides(session: &str) -> Value {
    json!({"request": "overrides", "session": session})
}

/// Every request that only the owner of a session may make, of the session that its connection registered.
pub fn of_owners() -> Vec<Value> {
    let policy = json!({"zones": [], "overrides": [], "exempt_names": []});
    vec![
        json!({"request": "proof"}),
        json!({"request": "go"}),
        json!({"request": "awake", "stop": 1}),
        json!({"request": "policy", "policy": policy, "detail": "forged"}),
        json!({"request": "policy_refused", "detail": "forged"}),
        json!({"request": "settle"}),
        json!({"request": "close", "status": 0}),
    ]
}
