//! What is kept, as the file system has it: taken into a stash, moved, copied with all that is said of it, weighed
//! and thrown away. Everything is reached by handles, never by a path a second time.

mod content;
mod copy;
mod descent;
mod discard;
mod looks;
mod shift;
mod store;
#[cfg(test)]
mod tests;
mod weight;

pub use copy::{copy, copy_whole};
pub use descent::TreeError;
pub use discard::discard;
pub use looks::{Lost, Trait};
pub use shift::shift;
pub use store::{Entry, Store, name_of};
pub use weight::weigh;
