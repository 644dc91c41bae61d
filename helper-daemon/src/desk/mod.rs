//! Where a session is asked by others than its owner: who asks, what they may, and the answers.
//!
//! | room | what it does |
//! |---|---|
//! | [`standing`] | which guarded trees a process is in, by the kernel's word: a system's own way to know is in [`enrolled`] and `trees` |
//! | [`authority`] | what follows from that: the table of who may ask what |
//! | [`counter`] | the answer of one session to one question |
//! | [`waiting`] | those whose answer is not there yet |
//!
//! It knows no socket. The system's helper asks here in a session's worker ([`daemon`](crate::daemon)), the embedded
//! helper at its door ([`embedded`](crate::embedded)).

pub mod authority;
pub mod counter;
pub mod enrolled;
pub mod standing;
#[cfg(target_os = "linux")]
pub mod trees;
pub mod waiting;
