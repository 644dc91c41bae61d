//! The model's service, played: what an agent's requests go to in a test, instead of the network.
//!
//! Both kinds that agents speak are here: OpenAI's [`responses`] and Anthropic's [`messages`]. A test plays the
//! model: for each request it is asked for the next [`Act`], and may look at everything the request has.
//! What is answered is streamed as the real service streams it. Nothing leaves this machine.

mod http;
pub mod messages;
pub mod responses;

use serde_json::Value;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// What a model does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// It says something, and its turn ends.
    Say(String),
    /// It has a line of shell run.
    Run(String),
    /// It has a patch applied by the agent itself.
    Patch(String),
    /// It writes a file by the agent's own tool: path, text.
    Write(String, String),
    /// It calls a tool of es-guard's server.
    Guard {
        /// The tool.
        tool: &'static str,
        /// What it is given.
        arguments: Value,
    },
}

impl Act {
    /// The end of a turn.
    pub fn done() -> Self {
        Act::Say("Done.".to_owned())
    }
}

/// One request to the model.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which one of the conversation it is, from 0.
    pub number: usize,
    /// All of it.
    pub body: Value,
    /// What the model has not seen before: everything after its own last act.
    pub news: Value,
}

impl Asked {
    /// Every text that is new to the model, a line each.
    pub fn text(&self) -> String {
        text(&self.news)
    }

    /// Every text of the request.
    pub fn whole_text(&self) -> String {
        text(&self.body)
    }
}

/// Every string in a value, a line each.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text}\n"),
        Value::Array(values) => values.iter().map(text).collect(),
        Value::Object(fields) => fields.values().map(text).collect(),
        _ => String::new(),
    }
}

/// How a service speaks.
pub trait Dialect: Send + 'static {
    /// Of a request to the model itself, what is new in it. `None`: something else is asked for.
    fn news(&self, path: &str, body: &Value) -> Option<Value>;
    /// An act as it is streamed; `number` tells it from others.
    fn stream(&self, act: &Act, number: usize) -> String;
    /// The answer to anything else.
    fn aside(&self, path: &str, body: &Value) -> Aside;
}

/// The answer to what is no turn of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Aside {
    /// The model is asked for something small, and does it.
    Act(Act),
    /// A status, and JSON.
    Json(u16, Value),
}

/// The content of what is streamed.
const STREAM: &str = "text/event-stream";
/// The number of what is no turn.
const ASIDE: usize = usize::MAX;

/// A model: what it does when it is asked.
type Model = Box<dyn FnMut(&Asked) -> Act + Send>;

/// A running service, which ends with the value.
pub struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What answers requests: a dialect, a model, and what it has been asked.
struct Desk {
    dialect: Box<dyn Dialect>,
    model: Model,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    /// Begins to answer at a free port of the loopback. The model is asked once for each request to it, and may
    /// take its time: so a test acts as a person between two of the model's acts.
    pub fn start(dialect: impl Dialect, model: impl FnMut(&Asked) -> Act + Send + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let desk = Desk { dialect: Box::new(dialect), model: Box::new(model), asked: Arc::clone(&asked) };
        let (end, ended) = oneshot::channel();
        let (address, thread) = http::serve(desk, ended);
        Self { address, asked, end: Some(end), thread: Some(thread) }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the model has been asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Desk {
    /// The answer to a request: its status, the kind of its content, and that.
    fn answer(&mut self, path: &str, body: &Value) -> (u16, &'static str, String) {
        let Some(news) = self.dialect.news(path, body) else {
            return match self.dialect.aside(path, body) {
                Aside::Act(act) => (200, STREAM, self.dialect.stream(&act, ASIDE)),
                Aside::Json(status, answer) => (status, "application/json", answer.to_string()),
            };
        };
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = Asked { number: all.len(), body: body.clone(), news };
        all.push(asked.clone());
        drop(all);
        let act = (self.model)(&asked);
        (200, STREAM, self.dialect.stream(&act, asked.number))
    }
}

/// One event of a stream.
fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or("message"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_text_of_a_request_is_found() {
        assert_eq!(text(&json!({"a": ["x", {"b": "y"}], "n": 1})), "x\ny\n");
    }
}
