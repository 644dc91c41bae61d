//! Real programs, as data (`cases/tools/*.toml`): each [row] is run bare and then in a session.
//!
//! An attack must do its harm bare, and in a session do none, be told so and be in the ledger. Ordinary work
//! must come to the same [tree], the same words and the same status both times, with nothing in the ledger. A [day] is many such steps in one session; a [mistake] is also undone.

pub mod day;
pub mod mistake;
pub mod record;
pub mod row;
pub mod runner;
pub mod tree;
