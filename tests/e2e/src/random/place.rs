//! Where things lie: in a zone, exempt in it, or outside; and what is promised there.

/// What is promised of what lies somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Care {
    /// Nothing.
    Free,
    /// What would be lost is kept.
    Kept,
    /// What would lose something is refused.
    Refused,
}

/// What is promised in the two zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Of `zone`.
    pub zone: Care,
    /// Of `other`.
    pub other: Care,
}

impl Rules {
    /// What is promised of a name, relative to the directory with the zones.
    pub fn of(&self, name: &str) -> Care {
        let mut components = name.split('/');
        let care = match components.next() {
            Some("zone") => self.zone,
            Some("other") => self.other,
            _ => Care::Free,
        };
        if components.any(|component| component == "target") { Care::Free } else { care }
    }

    /// Whether what would be lost is kept somewhere.
    pub fn keep(&self) -> bool {
        [self.zone, self.other].contains(&Care::Kept)
    }

    /// Whether anything is.
    pub fn protect(&self, name: &str) -> bool {
        self.of(name) != Care::Free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_but_for_what_is_exempt_in_it() {
        let rules = Rules { zone: Care::Refused, other: Care::Kept };
        let found = ["zone/s1/a", "zone/s1/target/a", "zone/s1/target", "other/s1/d/targets", "out/s1/a"];
        let expected = [Care::Refused, Care::Free, Care::Free, Care::Kept, Care::Free];
        assert_eq!(found.map(|name| rules.of(name)), expected);
    }
}
