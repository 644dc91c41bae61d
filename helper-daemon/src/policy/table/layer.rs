//! One layer of a policy, as a table numbers its zones. It looks at no place itself.

use super::{Ends, FOREVER, MAX_NAME, NotLowered, OPERATIONS, Places, Spot, Zones, spot};
use crate::policy::{EXEMPT_NAMES, Override, Policy, Zone};
use std::collections::{BTreeMap, BTreeSet};

/// One layer of a policy, whose first zone has this number.
pub(super) struct Layer<'a> {
    pub(super) policy: &'a Policy,
    pub(super) first: u32,
}

impl Layer<'_> {
    /// Its zones, each with its bit.
    pub(super) fn zones(&self) -> impl Iterator<Item = (&Zone, Zones)> {
        self.policy.zones.iter().zip(self.first..).map(|(zone, number)| (zone, 1 << number))
    }

    pub(super) fn all(&self, wanted: impl Fn(&Zone) -> bool) -> Zones {
        self.zones().filter(|(zone, _)| wanted(zone)).fold(0, |zones, (_, number)| zones | number)
    }

    /// Until when its overrides let a zone of its own go.
    pub(super) fn freed(&self, zone: &Zone) -> Ends {
        let mut free = Ends::default();
        let covers = |what: &&Override| zone.path.starts_with(&what.path) && what.may_open(zone);
        self.policy.overrides.iter().filter(covers).for_each(|what| open(&mut free, what));
        free
    }

    /// The names that are exempt from its zones.
    pub(super) fn exempt_names(&self) -> Result<BTreeSet<Vec<u8>>, NotLowered> {
        let further = self.policy.exempt_names.iter().map(String::as_str);
        let bytes = |name: &str| match name.as_bytes() {
            bytes if bytes.len() > MAX_NAME => Err(NotLowered::LongName(name.to_owned())),
            bytes => Ok(bytes.to_vec()),
        };
        EXEMPT_NAMES.into_iter().chain(further).filter(|name| !name.is_empty()).map(bytes).collect()
    }

    /// Where its overrides are: the zones that they open, and until when.
    pub(super) fn opened(&self, places: &impl Places) -> BTreeMap<Spot, (Zones, Ends)> {
        let mut opened = BTreeMap::<_, (Zones, Ends)>::new();
        for what in &self.policy.overrides {
            if let Some(spot) = spot(&what.path, places) {
                let (opens, until) = opened.entry(spot).or_default();
                *opens |= self.all(|zone| what.may_open(zone));
                open(until, what);
            }
        }
        opened
    }
}

fn open(ends: &mut Ends, what: &Override) {
    let end = what.expires_at.unwrap_or(FOREVER);
    for (known, op) in ends.iter_mut().zip(OPERATIONS) {
        if what.op.is_none_or(|only| only == op) {
            *known = end.max(*known);
        }
    }
}
