//! What a policy may ask for and an engine can't do: refused at the start, never done by half.

use crate::policy::{OnDelete, Policy, Zone};
use std::path::PathBuf;

/// What a policy asks for and an engine can't do: the key of the policy, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("guard by `{key}`{}: {why}. {remedy}", .zone.as_ref().map(|zone| format!(" of {}", zone.display())).unwrap_or_default())]
pub struct Unsupported {
    /// The key of the policy file.
    pub key: &'static str,
    /// The zone, where it is of one.
    pub zone: Option<PathBuf>,
    /// Why not.
    pub why: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// The first zone with a stash.
pub(super) fn kept(policy: &Policy) -> Option<&Zone> {
    policy.zones.iter().find(|zone| zone.on_delete == OnDelete::Stash)
}
