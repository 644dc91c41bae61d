//! Connecting, asking for events, and going.
//!
//! Muting is turned round before anything is asked for: otherwise there is a moment in which the whole system waits
//! for our answers. So the recipes are of what is [`Prepared`], and a [`Client`] has them no more:
//!
//! ```compile_fail,E0599
//! use endpoint_sec::macos::{AuditToken, Client};
//! fn too_late(client: Client, root: AuditToken) {
//!     let _ = client.only_processes(&[root]); // no such method
//! }
//! ```
//! ```
//! use endpoint_sec::macos::{AuditToken, Prepared};
//! fn in_time(prepared: Prepared, root: AuditToken) {
//!     let _ = prepared.only_processes(&[root]);
//! }
//! ```
//!
//! Before macOS 27 only the thread that connected a client may delete it, so it does not leave that thread:
//!
//! ```compile_fail,E0277
//! use endpoint_sec::macos::Client;
//! fn away(client: Client) {
//!     std::thread::spawn(move || drop(client)); // cannot be sent between threads
//! }
//! ```
//! ```
//! use endpoint_sec::macos::Client;
//! fn controls_may(client: Client) {
//!     let control = client.control().clone();
//!     std::thread::spawn(move || control.late());
//! }
//! ```

use crate::macos::connect_error::ConnectError;
use crate::macos::connection::Connection;
use crate::macos::control::{Control, Refused};
use crate::macos::framework::Framework;
use crate::macos::handler::{self, Context};
use crate::macos::incoming::Incoming;
use crate::macos::subscription::Subscription;
use crate::macos::watch::Watch;
use endpoint_sec_sys::macos::result::{DEADLINE_MISS_FAIL_CLOSED, NEW_CLIENT_SUCCESS};
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

/// Whose events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's: root and Full Disk Access are needed.
    #[doc(alias = "es_new_client")]
    System,
    /// The caller's descendants', those that are there and those to come (macOS 27): neither is needed. Of the
    /// caller itself there are only notices.
    #[doc(alias = "es_new_descendants_client")]
    Descendants,
}

/// What the system promises besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarantees {
    /// The kernel itself refuses what is not answered in time, and what it had to drop (macOS 27). Otherwise it kills
    /// a client that is late, and lets through what it dropped.
    #[doc(alias = "es_set_deadline_miss_mode")]
    pub fails_closed: bool,
}

/// A client that has asked for nothing yet.
#[must_use = "a client that asks for nothing guards nothing"]
pub struct Prepared {
    connected: Connected,
}

/// A client that gets events, until it is dropped.
#[must_use = "a client that is dropped guards nothing"]
pub struct Client {
    connected: Connected,
}

/// What is deleted in the end, by the thread that made it.
struct Connected {
    control: Control,
    guarantees: Guarantees,
    stays: PhantomData<*const ()>,
}

impl Prepared {
    /// Connects. `handler` is called for one message at a time, on a thread of the framework.
    ///
    /// It should answer at once, or keep the question and return: while it runs, no other message comes.
    #[doc(alias("es_new_client", "es_new_descendants_client", "es_handler_block_t"))]
    pub fn connect(
        framework: &Framework,
        scope: Scope,
        handler: impl Fn(&Control, Incoming<'_>) + Send + Sync + 'static,
    ) -> Result<Self, ConnectError> {
        let api = framework.api();
        let new_client = match scope {
            Scope::System => api.new_client,
            Scope::Descendants => api.new_descendants_client.ok_or(ConnectError::NoDescendantsClients)?,
        };
        let connection = Arc::new(Connection::new(framework));
        let context = Context::new(&connection, Box::new(handler));
        let block = handler::block(&context);
        let mut client = null_mut();
        // SAFETY:
        // - `client` is writable, and `block` is a block of the type that handlers have.
        // - the framework copies the block, and that keeps the context.
        let result = unsafe { new_client(&mut client, &block) };
        let client = match NonNull::new(client) {
            Some(client) if result == NEW_CLIENT_SUCCESS => client,
            _ => return Err(ConnectError::of(result)),
        };
        connection.connected(client);
        let control = Control(connection);
        let fails_closed = api.set_deadline_miss_mode.is_some_and(|set| {
            // SAFETY:
            // - the client is alive.
            let set = |client| unsafe { set(client, DEADLINE_MISS_FAIL_CLOSED) };
            control.call("have the kernel refuse what is late", set).is_ok()
        });
        let guarantees = Guarantees { fails_closed };
        let connected = Connected { control, guarantees, stays: PhantomData };
        framework.stand_watch(Watch(Arc::clone(&connected.control.0))).map_err(ConnectError::Watch)?;
        Ok(Self { connected })
    }

    /// Asks for events.
    #[doc(alias = "es_subscribe")]
    pub fn subscribe(self, events: &[Subscription]) -> Result<Client, Refused> {
        let api = self.connected.control.0.framework.api();
        let numbers: Vec<u32> = events.iter().map(|event| event.number()).collect();
        let count = u32::try_from(numbers.len()).map_err(|_| Refused("ask for events"))?;
        self.control().call("ask for events", |client| {
            // SAFETY:
            // - the client is alive; `numbers` has `count` entries, and they are copied.
            unsafe { (api.subscribe)(client, numbers.as_ptr(), count) }
        })?;
        Ok(Client { connected: self.connected })
    }

    /// What may be done with it at any time.
    pub fn control(&self) -> &Control {
        &self.connected.control
    }

    /// What the system promises.
    pub fn guarantees(&self) -> Guarantees {
        self.connected.guarantees
    }
}

impl Client {
    /// What may be done with it at any time.
    pub fn control(&self) -> &Control {
        &self.connected.control
    }

    /// What the system promises.
    pub fn guarantees(&self) -> Guarantees {
        self.connected.guarantees
    }
}

impl Drop for Connected {
    /// Asks for nothing more, refuses what waits, and disconnects.
    #[doc(alias = "es_delete_client")]
    fn drop(&mut self) {
        let connection = &self.control.0;
        let api = connection.framework.api();
        // SAFETY:
        // - the client is alive.
        let _ = self.control.call("ask for nothing", |client| unsafe { (api.unsubscribe_all)(client) });
        for unanswered in connection.waiting.close() {
            connection.refuse(&unanswered.message());
        }
        if let Some(client) = connection.disconnect() {
            // SAFETY:
            // - nobody else has the pointer any more, and nobody uses it: taking it waited for those who did.
            // - this is the thread that connected it, as this value does not leave that thread.
            // - should it fail, memory is lost, and there is nothing to be done about it.
            unsafe { (api.delete_client)(client.as_ptr()) };
        }
    }
}
