//! The verdict. Pure: it opens no file, reads no clock and knows no engine.

use crate::policy::operation::{Kind, Operation, Place};
use crate::policy::{Policy, Zone};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Why an operation is denied. The words are stable: they are in ledgers and in what agents are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It would remove something protected.
    Removed,
    /// It would move something protected to where it is not protected.
    MovedOut,
    /// It would move or remove a zone, or a directory that holds one.
    ZoneMoved,
    /// It would put something else in the place of something protected.
    Clobbered,
    /// It would change what es-guard keeps for itself, or end or read one of its processes.
    Sealed,
    /// The caller can't be read, so what it asks for can't be known.
    Unreadable,
    /// Where the name lies can't be told, and it is on a zone's file system.
    Unclear,
}

impl Reason {
    /// The word in records.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Removed => "removed",
            Reason::MovedOut => "moved-out",
            Reason::ZoneMoved => "zone-moved",
            Reason::Clobbered => "clobbered",
            Reason::Sealed => "sealed",
            Reason::Unreadable => "unreadable",
            Reason::Unclear => "unclear",
        }
    }
}

/// The answer to an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a verdict that is not acted on protects nothing"]
pub enum Verdict {
    /// Let it happen.
    Allow,
    /// Refuse it.
    Deny {
        /// The zone that it would harm.
        zone: PathBuf,
        /// How.
        reason: Reason,
    },
}

/// What a verdict depends on beside policy and operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// Unix seconds, for overrides.
    pub now: u64,
    /// Whether git's or jj's own executable asks.
    pub git: bool,
}

/// Judges one operation.
pub fn judge(policy: &Policy, operation: &Operation, when: Circumstances) -> Verdict {
    if policy.layers.is_empty() {
        return judge_by(policy, operation, when);
    }
    let verdicts = policy.layers.iter().map(|layer| judge_by(layer, operation, when));
    verdicts.into_iter().find(|verdict| *verdict != Verdict::Allow).unwrap_or(Verdict::Allow)
}

fn judge_by(policy: &Policy, operation: &Operation, when: Circumstances) -> Verdict {
    let court = Court { policy, when };
    let found = match operation {
        Operation::Unlink(place) => court.removal(place),
        Operation::Rmdir(place) => court.carried(place).or_else(|| court.removal(place)),
        Operation::Rename { from, to } => court.rename(from, to),
        Operation::Exchange { first, second } => court.exchange(first, second),
        Operation::Write(place) => court.sealed(place),
        Operation::Cover(place) => court.covered(place),
    };
    match found {
        None => Verdict::Allow,
        Some((zone, reason)) => Verdict::Deny { zone: zone.path.clone(), reason },
    }
}

type Finding<'a> = Option<(&'a Zone, Reason)>;

struct Court<'a> {
    policy: &'a Policy,
    when: Circumstances,
}

impl<'a> Court<'a> {
    /// The zone that guards the place, whatever is there.
    fn guarded(&self, place: &Place) -> Option<&'a Zone> {
        place.paths.iter().find_map(|path| self.policy.guards(path, self.when.now, self.when.git))
    }

    /// The zone that protects what is there.
    fn protected(&self, place: &Place) -> Option<&'a Zone> {
        if place.kind.is_none() || place.own { None } else { self.guarded(place) }
    }

    fn carried(&self, place: &Place) -> Finding<'a> {
        let zone = place.paths.iter().find_map(|path| self.policy.carries(path, self.when.now))?;
        Some((zone, Reason::ZoneMoved))
    }

    fn removal(&self, place: &Place) -> Finding<'a> {
        self.protected(place).map(|zone| (zone, Reason::Removed))
    }

    fn moved_out(&self, from: &Place, to: &Place) -> Finding<'a> {
        let zone = self.protected(from)?;
        self.guarded(to).is_none().then_some((zone, Reason::MovedOut))
    }

    /// What es-guard keeps for itself, whatever is overridden.
    fn sealed(&self, place: &Place) -> Finding<'a> {
        let zone = place.paths.iter().find_map(|path| self.policy.seals(path))?;
        Some((zone, Reason::Sealed))
    }

    /// Mounted over, a place is hidden with all below it.
    fn covered(&self, place: &Place) -> Finding<'a> {
        let holds = |zone: &&Zone| place.paths.iter().any(|path| zone.path.starts_with(path));
        let held = self.policy.zones.iter().filter(|zone| zone.internal).find(holds);
        self.sealed(place).or_else(|| held.map(|zone| (zone, Reason::Sealed)))
    }

    fn rename(&self, from: &Place, to: &Place) -> Finding<'a> {
        self.carried(from)
            .or_else(|| self.moved_out(from, to))
            .or_else(|| self.sealed(to))
            .or_else(|| self.clobbered(from, to))
    }

    /// Putting a new file in the place of an old one is an edit: it is how programs save. Putting an *older*
    /// file there loses the one that was there.
    fn clobbered(&self, from: &Place, to: &Place) -> Finding<'a> {
        let zone = self.protected(to)?;
        let is_new = from.own || self.guarded(from).is_none();
        let both_files = from.kind == Some(Kind::Regular) && to.kind == Some(Kind::Regular);
        (!(is_new && both_files)).then_some((zone, Reason::Clobbered))
    }

    fn exchange(&self, first: &Place, second: &Place) -> Finding<'a> {
        if let Some(finding) = self.carried(first).or_else(|| self.carried(second)) {
            return Some(finding);
        }
        if let Some(finding) = self.sealed(first).or_else(|| self.sealed(second)) {
            return Some(finding);
        }
        if self.edit_by_swap(first, second) || self.edit_by_swap(second, first) {
            return None;
        }
        self.moved_out(first, second).or_else(|| self.moved_out(second, first))
    }

    fn edit_by_swap(&self, new: &Place, old: &Place) -> bool {
        let both_files = new.kind == Some(Kind::Regular) && old.kind == Some(Kind::Regular);
        both_files && new.own && self.guarded(new).is_some() && self.protected(old).is_some()
    }
}

/// Whether the exchange of `new` and `old` is an edit by swap: `new` is the session's own file and stays so.
pub fn is_edit_by_swap(policy: &Policy, new: &Place, old: &Place, when: Circumstances) -> bool {
    Court { policy, when }.edit_by_swap(new, old)
}

#[cfg(test)]
mod tests;
