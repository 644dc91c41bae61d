//! The verdict. Pure: it opens no file, reads no clock and knows no engine.

mod leaving;

use crate::policy::operation::{Kind, Op, Operation, Place};
use crate::policy::{OnDelete, Override, Policy, Zone};
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
    /// It would have been let through, had there been room in the stash for what it takes.
    StashFull,
    /// It would have been let through, could what it takes have been put into the stash.
    NotKept,
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
            Reason::StashFull => "stash-full",
            Reason::NotKept => "not-kept",
        }
    }
}

/// The answer to an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a verdict that is not acted on protects nothing"]
pub enum Verdict {
    /// Let it happen.
    Allow,
    /// Let it happen, and keep what would be lost: if that can't be done, refuse it.
    Stash(Vec<Loss>),
    /// Let it happen, and hold what it removes until its process has ended: if the name was made again, it was
    /// an edit; if not, it is put back, and was refused. If it can't be held, refuse it.
    Hold(Loss),
    /// Refuse it.
    Deny(Loss),
}

/// What an operation would take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The zone that it would harm.
    pub zone: PathBuf,
    /// How.
    pub reason: Reason,
}

/// What a verdict depends on beside policy and operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// Unix seconds, for overrides.
    pub now: u64,
    /// Whether git's or jj's own executable asks.
    pub git: bool,
    /// Whether a replacer's own executable asks. Makes a difference only to what would be denied.
    pub replacer: bool,
    /// Whether it is git that asks, for something that its repository tracks.
    pub tracked: bool,
    /// Whether it is the kernel that judges, by a table: nobody is git to it, and what an override of something in a
    /// directory opens goes with that directory, and is nothing that comes to its path.
    pub in_kernel: bool,
}

/// Judges one operation.
pub fn judge(policy: &Policy, operation: &Operation, when: Circumstances) -> Verdict {
    if policy.layers.is_empty() {
        return judge_by(policy, operation, when);
    }
    let mut losses: Vec<Loss> = Vec::new();
    let mut held = None;
    for layer in &policy.layers {
        match judge_by(layer, operation, when) {
            Verdict::Allow => {}
            // One thing is kept once, whichever zone it is kept for.
            Verdict::Stash(more) => {
                let new = |loss: &Loss| losses.iter().all(|known| known.reason != loss.reason);
                let more: Vec<Loss> = more.into_iter().filter(new).collect();
                losses.extend(more);
            }
            // What is held is kept as well, and then put back.
            hold @ Verdict::Hold(_) => held = held.or(Some(hold)),
            deny @ Verdict::Deny(_) => return deny,
        }
    }
    held.unwrap_or(if losses.is_empty() { Verdict::Allow } else { Verdict::Stash(losses) })
}

fn judge_by(policy: &Policy, operation: &Operation, when: Circumstances) -> Verdict {
    let court = Court { policy, when, op: operation.op() };
    let found = match operation {
        Operation::Unlink(place) => court.removal(place),
        Operation::Rmdir(place) => court.carried(place).or_else(|| court.removal(place)),
        Operation::Rename { from, to } => court.rename(from, to),
        Operation::Exchange { first, second } => court.exchange(first, second),
        Operation::Write(place) => court.sealed(place),
        Operation::Cover(place) => court.covered(place),
    };
    let Some((zone, reason)) = found.map(|found| court.kept(operation, found)) else { return Verdict::Allow };
    let loss = Loss { zone: zone.path.clone(), reason };
    // A zone itself, and what es-guard keeps, can't be brought back from a stash.
    let can_be_kept =
        matches!(reason, Reason::Removed | Reason::Clobbered | Reason::MovedOut) && !zone.internal;
    match zone.on_delete {
        _ if can_be_kept && when.tracked => by_git(operation, loss),
        OnDelete::Stash if can_be_kept => Verdict::Stash(vec![loss]),
        OnDelete::Deny if can_be_kept && when.replacer => replaced(operation, loss),
        _ => Verdict::Deny(loss),
    }
}

/// What becomes of what git tracks: it can be brought back. A directory is where what it tracks was.
fn by_git(operation: &Operation, loss: Loss) -> Verdict {
    match (operation, loss.reason) {
        (Operation::Rmdir(_), Reason::Removed) => Verdict::Allow,
        (Operation::Unlink(_), Reason::Removed) | (Operation::Rename { .. }, Reason::Clobbered) => {
            Verdict::Stash(vec![loss])
        }
        _ => Verdict::Deny(loss),
    }
}

/// What becomes of a replacer's removals, and of its older backups, which the next one displaces. Directories are
/// never replaced.
fn replaced(operation: &Operation, loss: Loss) -> Verdict {
    let is_file = |place: &Place| place.kind.is_some_and(|kind| kind != Kind::Directory);
    match operation {
        Operation::Unlink(place) if is_file(place) => Verdict::Hold(loss),
        Operation::Rename { from, to }
            if loss.reason == Reason::Clobbered && is_file(from) && is_file(to) =>
        {
            Verdict::Stash(vec![loss])
        }
        _ => Verdict::Deny(loss),
    }
}

type Finding<'a> = Option<(&'a Zone, Reason)>;

struct Court<'a> {
    policy: &'a Policy,
    when: Circumstances,
    op: Op,
}

impl<'a> Court<'a> {
    /// The zone that guards the place, whatever is there.
    fn guarded(&self, place: &Place) -> Option<&'a Zone> {
        self.guarded_from(place, self.when.git)
    }

    /// The zone that guards the place from git, or from anyone else.
    fn guarded_from(&self, place: &Place, git: bool) -> Option<&'a Zone> {
        self.guarded_against(place, git, self.op)
    }

    /// The zone that protects what is there.
    fn protected(&self, place: &Place) -> Option<&'a Zone> {
        self.protected_from(place, self.when.git)
    }

    fn protected_from(&self, place: &Place, git: bool) -> Option<&'a Zone> {
        if place.kind.is_none() || place.own { None } else { self.guarded_from(place, git) }
    }

    fn carried(&self, place: &Place) -> Finding<'a> {
        let zone =
            place.paths.iter().find_map(|path| self.policy.carries(path, self.when.now, Some(self.op)))?;
        Some((zone, Reason::ZoneMoved))
    }

    fn removal(&self, place: &Place) -> Finding<'a> {
        self.protected(place).map(|zone| (zone, Reason::Removed))
    }

    /// What es-guard keeps for itself, whatever is overridden.
    fn sealed(&self, place: &Place) -> Finding<'a> {
        let zone = place.paths.iter().find_map(|path| self.policy.seals(path))?;
        Some((zone, Reason::Sealed))
    }

    /// What is refused for the sake of what es-guard keeps is nobody's to let through, and is called so, also where a
    /// zone of the person's is around it.
    fn kept(&self, operation: &Operation, (zone, reason): (&'a Zone, Reason)) -> (&'a Zone, Reason) {
        let sealed = operation.places().find_map(|place| self.sealed(place));
        sealed.unwrap_or(if zone.internal { (zone, Reason::Sealed) } else { (zone, reason) })
    }

    /// Mounted over, a place is hidden with all below it.
    fn covered(&self, place: &Place) -> Finding<'a> {
        let holds = |zone: &&Zone| place.paths.iter().any(|path| zone.path.starts_with(path));
        let held = self.policy.zones.iter().filter(|zone| zone.internal).find(holds);
        self.sealed(place).or_else(|| held.map(|zone| (zone, Reason::Sealed)))
    }

    fn rename(&self, from: &Place, to: &Place) -> Finding<'a> {
        self.carried(from)
            // Also where a zone of the person's is around it, in which it would stay.
            .or_else(|| from.kind.and_then(|_| self.sealed(from)))
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

/// The overrides for a single use that an operation uses up: it is let through as it is by them alone.
pub fn uses_up<'a>(policy: &'a Policy, operation: &Operation, when: Circumstances) -> Vec<&'a Override> {
    if !policy.has_single_uses() {
        return Vec::new();
    }
    let without = policy.without_single_uses(|_| true);
    if judge(&without, operation, when) == judge(policy, operation, when) {
        return Vec::new();
    }
    let paths = operation.places().flat_map(|place| &place.paths);
    let used = paths.flat_map(|path| policy.overrides_of(path, when.now, Some(operation.op())));
    used.filter(|o| o.once.is_some()).collect()
}

/// Whether it is the first of two names that an exchange would take out of protection.
pub fn moves_out(policy: &Policy, operation: &Operation, when: Circumstances) -> bool {
    let Operation::Exchange { first, second } = operation else { return false };
    let layers = if policy.layers.is_empty() { std::slice::from_ref(policy) } else { &policy.layers };
    layers.iter().any(|policy| Court { policy, when, op: Op::Exchange }.moved_out(first, second).is_some())
}

/// Whether the exchange of `new` and `old` is an edit by swap: `new` is the session's own file and stays so.
pub fn is_edit_by_swap(policy: &Policy, new: &Place, old: &Place, when: Circumstances) -> bool {
    Court { policy, when, op: Op::Exchange }.edit_by_swap(new, old)
}

#[cfg(test)]
mod tests;
