//! The BPF LSM engine: told, not asked. The policy is [lowered](crate::policy::table) to tables, programs in the kernel
//! refuse by them, and what they refused is heard of afterwards. No call waits for anybody.
//!
//! A session's worker has no privilege to write those tables. Whoever holds them, root's process, takes them over a
//! socket in a fixed form, writes them under the session's number, and passes on what the kernel tells of it.
//!
//! | room | what it does |
//! |---|---|
//! | [`engine`] | one session: lowers its policy, and again when what it names has moved |
//! | [`places`] | looking at what a policy names, as the kernel numbers it |
//! | [`holder`], [`words`] | the one who holds the tables, as a worker reaches it; what the two say |
//! | [`bytes`] | a table on its way |
//! | [`told`] | from what the kernel tells to a denial |
//! | [`unsupported`] | what a policy may ask for and this engine can't do |

pub mod bytes;
mod engine;
pub mod holder;
pub mod places;
mod told;
mod unsupported;
pub mod words;

pub use engine::{BpfLsm, Settings};
pub use unsupported::{LIMITS, floor_of, supports};

/// The engine's name, as in records.
pub const NAME: &str = "bpf-lsm";
/// The same below the one that can do more.
pub const WITH_SECCOMP: &str = "bpf-lsm+seccomp";
