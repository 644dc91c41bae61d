//! The thread that has the client: before macOS 27 only the one that connected it may delete it.

use super::error::StartError;
use super::handler::Handler;
use super::selection::subscriptions;
use endpoint_sec::macos::{Client, Control, Framework, Guarantees, Prepared, Scope};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

/// A client on its thread, until this is dropped.
pub(super) struct Holder {
    let_go: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the client can do from elsewhere.
pub(super) struct Held {
    pub(super) control: Control,
    pub(super) guarantees: Guarantees,
}

impl Holder {
    pub(super) fn connect(
        framework: &Framework,
        scope: Scope,
        handler: Handler,
    ) -> Result<(Self, Held), StartError> {
        let (told, hear) = mpsc::channel();
        let (let_go, until) = mpsc::channel::<()>();
        let framework = framework.clone();
        let run = move || match connect(&framework, scope, handler) {
            Ok(client) => {
                let held = Held { control: client.control().clone(), guarantees: client.guarantees() };
                if told.send(Ok(held)).is_ok() {
                    // Nothing is ever sent: it ends when the sender goes.
                    let _ = until.recv();
                }
            }
            Err(error) => drop(told.send(Err(error))),
        };
        let thread =
            thread::Builder::new().name("endpoint-security".into()).spawn(run).map_err(StartError::Thread)?;
        let holder = Self { let_go: Some(let_go), thread: Some(thread) };
        let gone = || StartError::Thread(std::io::Error::other("it ended at once"));
        let held = hear.recv().map_err(|_| gone())??;
        Ok((holder, held))
    }
}

fn connect(framework: &Framework, scope: Scope, handler: Handler) -> Result<Client, StartError> {
    let prepared =
        Prepared::connect(framework, scope, move |control, incoming| handler.receive(control, incoming))?;
    Ok(prepared.only_targets(&[])?.subscribe(&subscriptions(scope))?)
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.let_go = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has dropped its client by that.
            let _ = thread.join();
        }
    }
}
