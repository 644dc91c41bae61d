//! Opening for writing and cutting are edits, but of what es-guard keeps; and the exchange of two files' content.

use super::Ruling;
use super::doer::Doer;
use super::place::Cut;
use super::session::{Session, Use};
use crate::policy::judge::{Loss, Reason, Verdict};
use crate::policy::operation::{Op, Operation};
use endpoint_sec::macos::File;

impl Session {
    pub(super) fn write(&mut self, doer: &Doer, file: &File) -> Ruling {
        match self.spot(file, None) {
            Ok(spot) => self.sealed(doer, &spot, Some(file)).unwrap_or(Ruling::Allow(Vec::new())),
            Err(Cut(path)) => self.unclear(doer, Op::Write, &path),
        }
    }

    /// Why a file must not be written to by any of its names, if es-guard records the session in it.
    pub(super) fn keeps(&self, file: &File) -> Option<Loss> {
        let zones = &self.rules.policy.zones;
        let zone = || zones.iter().find(|zone| zone.internal).or(zones.first()).map(|zone| zone.path.clone());
        let kept = self.kept.contains(&file.id);
        kept.then(|| Loss { zone: zone().unwrap_or_default(), reason: Reason::Sealed })
    }

    /// `exchangedata`: both names stay, with each other's content.
    pub(super) fn exchange_data(&mut self, doer: &Doer, first: &File, second: &File) -> Ruling {
        let (one, other) = match (self.spot(first, None), self.spot(second, None)) {
            (Ok(one), Ok(other)) => (one, other),
            (Err(Cut(path)), _) | (_, Err(Cut(path))) => return self.unclear(doer, Op::Exchange, &path),
        };
        let operation = Operation::Exchange { first: one.place.clone(), second: other.place.clone() };
        let used_by = Use::new(doer, Op::Exchange, Some(first), &one.path, Some(&other.path));
        match self.verdict(doer, &operation, &used_by) {
            (Verdict::Deny(loss), _) => self.denied(doer, Op::Exchange, &one.path, Some(&other.path), &loss),
            (_, notes) => Ruling::Allow(notes),
        }
    }
}
