//! What a policy may ask for and this engine can't do: refused at the start, never done by half.
//!
//! Endpoint Security asks and takes an answer; the kernel then does what was asked for, all of it or nothing. So nothing
//! can be moved aside first, or held until its program has ended.

use crate::engine::unsupported::{Unsupported, kept};
use crate::policy::Policy;

/// What is refused by this engine and let through by others, a sentence each: to be said before a session.
pub const LIMITS: [&str; 2] = [
    "git removes and replaces only what the session itself made: switch, restore and rebase outside of the session",
    "programs that save by removing a file first (tar, vim with its defaults, sed -i with an older backup) are refused it",
];

/// Whether the engine can do all that a policy asks for.
pub fn supports(policy: &Policy) -> Result<(), Unsupported> {
    if let Some(zone) = kept(policy) {
        return Err(Unsupported {
            key: "on_delete",
            zone: Some(zone.path.clone()),
            why: "macOS asks before something is removed, but can't have it kept first",
            remedy: "Leave `on_delete` out or write `\"on_delete\": \"deny\"`",
        });
    }
    if !policy.replacers.is_empty() {
        return Err(Unsupported {
            key: "replacers",
            zone: None,
            why: "what a program removes can't be held here until the program has ended",
            remedy: "Leave `replacers` out, and grant an override where such a program must save",
        });
    }
    policy.layers.iter().try_for_each(supports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{OnDelete, Zone};

    #[test]
    fn what_can_t_be_done_is_named_with_what_to_do() {
        let mut policy = Policy { zones: vec![Zone::new("/p")], ..Policy::default() };
        assert_eq!(supports(&policy), Ok(()));
        policy.zones.push(Zone { on_delete: OnDelete::Stash, ..Zone::new("/kept") });
        assert_eq!(
            supports(&policy).unwrap_err().to_string(),
            "guard by `on_delete` of /kept: macOS asks before something is removed, but can't have it kept first. \
             Leave `on_delete` out or write `\"on_delete\": \"deny\"`"
        );
        policy.zones.pop();
        policy.replacers.push("patch".into());
        let error = supports(&policy).unwrap_err();
        assert_eq!(error.key, "replacers");
        let layered = Policy { layers: vec![policy], ..Policy::default() };
        assert_eq!(supports(&layered), Err(error));
    }
}
