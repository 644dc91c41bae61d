//! What a policy may ask for and this engine can't do: refused at the start, never done by half.
//!
//! The kernel refuses or lets go, at once. Nothing can be moved aside first, held until its program has ended, or looked
//! up in a repository.

use crate::engine::unsupported::{Unsupported, kept};
use crate::policy::{OnDelete, Policy};

/// What is refused by this engine and let through by seccomp, a sentence each: to be said before a session.
pub const LIMITS: [&str; 2] = [
    "with bpf-lsm git removes and replaces only what the session itself made: switch, restore and rebase outside of the session, or take --engine seccomp",
    "with bpf-lsm programs that save by removing a file first (tar, vim with its defaults, sed -i with an older backup) are refused it",
];

/// What this engine guards by where another one is above it: whatever that one lets through, it does itself, for the one
/// who asked. So what gets past it is refused. What sessions inside the session have added is the other one's alone.
pub fn floor_of(policy: &Policy) -> Policy {
    let mut floor = policy.layers.first().unwrap_or(policy).without_single_uses(|_| true);
    floor.zones.iter_mut().for_each(|zone| zone.on_delete = OnDelete::Deny);
    floor.replacers.clear();
    floor
}

/// Whether the engine can do all that a policy asks for.
pub fn supports(policy: &Policy) -> Result<(), Unsupported> {
    if let Some(zone) = kept(policy) {
        return Err(Unsupported {
            key: "on_delete",
            zone: Some(zone.path.clone()),
            why: "the engine bpf-lsm refuses a removal in the kernel, and can't have what it takes kept first",
            remedy: "Leave `on_delete` out or write `\"on_delete\": \"deny\"`, or take --engine seccomp",
        });
    }
    if !policy.replacers.is_empty() {
        return Err(Unsupported {
            key: "replacers",
            zone: None,
            why: "with the engine bpf-lsm what a program removes can't be held until the program has ended",
            remedy: "Leave `replacers` out, and grant an override where such a program must save, or take --engine seccomp",
        });
    }
    if policy.has_single_uses() {
        return Err(Unsupported {
            key: "once",
            zone: None,
            why: "the engine bpf-lsm can't use an override up",
            remedy: "Grant it for a while, or take --engine seccomp",
        });
    }
    policy.layers.iter().try_for_each(supports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Override, Zone};

    #[test]
    fn what_can_t_be_done_is_named_with_what_to_do() {
        let good = Policy { zones: vec![Zone::new("/p")], ..Policy::default() };
        assert_eq!(supports(&good), Ok(()));
        let kept = vec![Zone { on_delete: OnDelete::Stash, ..Zone::new("/kept") }];
        assert_eq!(
            supports(&Policy { zones: kept, ..good.clone() }).unwrap_err().to_string(),
            "guard by `on_delete` of /kept: the engine bpf-lsm refuses a removal in the kernel, and can't have what it takes kept first. \
             Leave `on_delete` out or write `\"on_delete\": \"deny\"`, or take --engine seccomp"
        );
        let once = vec![Override { path: "/p/a".into(), once: Some(1), ..Override::default() }];
        let others = [
            Policy { replacers: vec!["patch".into()], ..good.clone() },
            Policy { overrides: once, ..good.clone() },
        ];
        let keys = others.each_ref().map(|policy| supports(policy).unwrap_err().key);
        assert_eq!(keys, ["replacers", "once"]);
        let beside = |layer: &Policy| Policy { layers: vec![good.clone(), layer.clone()], ..good.clone() };
        assert_eq!(supports(&beside(&good)), Ok(()));
        assert_eq!(others.each_ref().map(|policy| supports(&beside(policy)).unwrap_err().key), keys);
        assert_eq!(others.map(|policy| supports(&floor_of(&policy)).is_ok()), [true; 2]);
    }
}
