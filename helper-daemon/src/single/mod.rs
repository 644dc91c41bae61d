//! The system's helper on macOS: one process of root's, a thread a connection, one client of Endpoint Security for all
//! sessions. launchd starts it.
//!
//! | room | what it does |
//! |---|---|
//! | [`listen`] | the socket, and who is let in |
//! | [`house`] | the engine and all sessions, and how whoever asks stands to them |
//! | [`ask`] | one question of somebody who is no owner |
//! | [`session`] | a session on its owner's connection |
//!
//! It parses no file and opens no path of a user's: policies come compiled, ledgers as open descriptors. Frames it
//! does parse, as root: there is nobody else to, as a client is one process. Who has sent them, the kernel says.
//!
//! What it needs of macOS is handed in, so it runs against a simulated framework, too.

mod ask;
mod house;
mod listen;
mod session;
#[cfg(test)]
mod tests;

pub use listen::{Problem, Settings, run};
