//! What a session inside the session adds: zones that are guarded from then on, too, until the outer one ends.
//!
//! Each is a layer of its own, judged by itself: it denies more and lets nothing through. What a person lets
//! through in the session, is let through in every layer.

use super::grants::is_plain;
use crate::policy::Policy;
use crate::protocol::RefusalCode;

/// The most layers that are added, and the most zones of one.
const MOST_LAYERS: usize = 32;
const MOST_ZONES: usize = 64;

/// The layers that were added to a session's policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Nested(Vec<Policy>);

impl Nested {
    /// Adds one. One that is there already is not added again, however often it is asked for.
    pub(super) fn add(&mut self, mut layer: Policy) -> Result<(), RefusalCode> {
        layer.layers.clear();
        // es-guard's own files are the outer session's to look after.
        layer.zones.retain(|zone| !zone.internal);
        if layer.zones.is_empty() || !layer.zones.iter().all(|zone| is_plain(&zone.path)) {
            return Err(RefusalCode::BadPath);
        }
        if self.0.contains(&layer) {
            return Ok(());
        }
        if self.0.len() >= MOST_LAYERS || layer.zones.len() > MOST_ZONES {
            return Err(RefusalCode::TooMany);
        }
        self.0.push(layer);
        Ok(())
    }

    /// A policy, and these beside it.
    pub(super) fn beside(&self, policy: Policy) -> Policy {
        if self.0.is_empty() {
            return policy;
        }
        let mut all = policy.clone();
        let mut layers = vec![policy];
        for layer in &self.0 {
            let mut layer = layer.clone();
            layer.overrides.extend(all.overrides.iter().cloned());
            for zone in &layer.zones {
                if all.zones.iter().all(|there| there.path != zone.path) {
                    all.zones.push(zone.clone());
                }
            }
            layers.push(layer);
        }
        all.layers = layers;
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Override, Zone};

    fn policy(zones: &[&str], lets_through: &[&str]) -> Policy {
        let zone = |path: &&str| Zone { internal: path.contains("own"), ..Zone::new(path) };
        let through = |path: &&str| Override { path: path.into(), ..Override::default() };
        Policy {
            zones: zones.iter().map(zone).collect(),
            overrides: lets_through.iter().map(through).collect(),
            ..Policy::default()
        }
    }

    #[test]
    fn each_layer_stands_by_itself_and_a_persons_overrides_hold_in_all() {
        let mut nested = Nested::default();
        let outer = policy(&["/p", "/own"], &["/p/x", "/q/x"]);
        assert_eq!(nested.beside(outer.clone()), outer);
        nested.add(policy(&["/q", "/p", "/own2"], &["/q/y"])).unwrap();
        nested.add(policy(&["/q", "/p"], &["/q/y"])).unwrap();
        let all = nested.beside(outer.clone());
        assert_eq!(all.layers, [outer.clone(), policy(&["/q", "/p"], &["/q/y", "/p/x", "/q/x"])]);
        assert_eq!((all.zones, all.overrides), (policy(&["/p", "/own", "/q"], &[]).zones, outer.overrides));
    }

    #[test]
    fn what_is_no_zone_is_not_added_and_nothing_endlessly() {
        let mut nested = Nested::default();
        for zones in [&[][..], &["q"], &["/q/.."], &["/own"]] {
            assert_eq!(nested.add(policy(zones, &[])), Err(RefusalCode::BadPath), "{zones:?}");
        }
        let many = vec!["/q"; MOST_ZONES + 1];
        assert_eq!(nested.add(policy(&many, &[])), Err(RefusalCode::TooMany));
        for n in 0..MOST_LAYERS {
            nested.add(policy(&[&format!("/{n}")], &[])).unwrap();
        }
        assert_eq!(nested.add(policy(&["/q"], &[])), Err(RefusalCode::TooMany));
    }
}
