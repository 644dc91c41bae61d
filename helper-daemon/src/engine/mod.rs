//! Engines.
pub mod probe;
