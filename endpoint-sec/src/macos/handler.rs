//! The block that the framework calls, and what it does with a message before the caller's closure sees it.

use crate::macos::connection::Connection;
use crate::macos::control::Control;
use crate::macos::incoming::{Incoming, Notice};
use crate::macos::message::Message;
use crate::macos::question::Question;
use crate::macos::sequence::Sequence;
use crate::macos::subscription::Subscription;
use endpoint_sec_sys::macos::api::Client;
use endpoint_sec_sys::macos::block::{Block, Descriptor, HAS_COPY_DISPOSE};
use endpoint_sec_sys::macos::message as sys;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

/// What the caller does with a message.
pub(crate) type Closure = Box<dyn Fn(&Control, Incoming<'_>) + Send + Sync>;

/// What the block captures.
pub(crate) struct Context {
    control: Control,
    closure: Closure,
    /// Locked by the handler alone, which the framework never calls twice at a time.
    sequence: Mutex<Sequence>,
}

impl Context {
    pub(crate) fn new(connection: &Arc<Connection>, closure: Closure) -> Arc<Self> {
        Arc::new(Self { control: Control(Arc::clone(connection)), closure, sequence: Mutex::default() })
    }

    fn receive(&self, message: Message<'_>) {
        let connection = &self.control.0;
        // A question is under watch before anything else is done: nothing below can lose it.
        let ticket = if message.is_question() {
            match connection.waiting.add(&message, connection.framework.now()) {
                Some(ticket) => Some(ticket),
                None => return connection.refuse(&message),
            }
        } else {
            None
        };
        let (of_type, global) = message.numbers();
        let incoming = match (ticket, message.subscription()) {
            (None, _) => Incoming::Notice(Notice(message)),
            (Some(ticket), Some(Subscription::AuthOpen)) => {
                Incoming::Open(Question::new(message, connection, ticket))
            }
            (Some(ticket), _) => Incoming::Question(Question::new(message, connection, ticket)),
        };
        let lost = {
            let mut sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
            sequence.note(message.event_type(), of_type, global)
        };
        if let Some(lost) = lost {
            (self.closure)(&self.control, Incoming::Lost(lost));
        }
        (self.closure)(&self.control, incoming);
    }
}

/// A block for `context`, which must be copied before `context` goes.
pub(crate) fn block(context: &Arc<Context>) -> Block {
    Block {
        isa: context.control.0.framework.api().stack_block,
        flags: HAS_COPY_DISPOSE,
        reserved: 0,
        invoke,
        descriptor: &DESCRIPTOR,
        captured: Arc::as_ptr(context).cast(),
    }
}

static DESCRIPTOR: Descriptor = Descriptor { reserved: 0, size: size_of::<Block>(), copy, dispose };

/// A block was copied: there is one more that has the context.
unsafe extern "C" fn copy(_: *mut Block, from: *const Block) {
    // SAFETY:
    // - only blocks of `block` have this descriptor, so this is a context in an `Arc` that is alive: the caller's
    //   for the block on the stack, the copy's own for any other.
    unsafe { Arc::increment_strong_count((*from).captured.cast::<Context>()) };
}

/// A copy goes.
unsafe extern "C" fn dispose(block: *mut Block) {
    // SAFETY:
    // - `copy` counted this copy, and it is disposed of once.
    unsafe { Arc::decrement_strong_count((*block).captured.cast::<Context>()) };
}

/// A message came.
unsafe extern "C" fn invoke(block: *mut Block, _: *mut Client, message: *const sys::Message) {
    // SAFETY:
    // - as in `copy`; the framework lets no block go while it is called.
    let context = unsafe { &*(*block).captured.cast::<Context>() };
    let Some(message) = NonNull::new(message.cast_mut()) else { return };
    let received = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY:
        // - the framework calls with a message of its own that lives until this returns.
        let message = unsafe { Message::new(message, &context.control.0.framework) };
        context.receive(message);
    }));
    if let Err(payload) = received {
        // What was asked is answered: the unwinding dropped it. A panic beyond this function would abort, and what
        // was thrown may panic when it is dropped; what that throws is left alone.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(payload);
        }
        context.control.0.panicked();
    }
}
