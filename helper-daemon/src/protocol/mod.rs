//! How `wrap` and a helper talk: frames of a length and JSON, over a Unix stream socket.
//!
//! The embedded helper and the system's speak the same. A frame is a four-byte big-endian length and that
//! many bytes of JSON; descriptors go with a frame's first byte. A frame longer than [`MAX_FRAME`] ends the
//! conversation.

mod authority;
mod event;
mod frame;
mod message;
mod requests;

pub use authority::{Granter, LiveOverride, MAX_GRANTS, MAX_REASON, Refusal, RefusalCode};
pub use event::{Description, Event, ExitStatus, Failure, FailureKind};
pub use frame::{Channel, ChannelError, MAX_FRAME, encode};
pub use message::{PROTOCOL_VERSION, Register, Request, Wanted};
pub use requests::{
    AccessRequest, Decision, MAX_PENDING, MAX_READER, MAX_READERS, MAX_REMEMBERED, MAX_WAIT, MAX_WAITING,
    NumberedDenial, ONCE_WITHIN, RequestState,
};
