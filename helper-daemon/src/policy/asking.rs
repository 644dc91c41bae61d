//! Who decides what the agent asks for.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Who decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// Who.
    pub requests: Requests,
    /// Where the agent decides itself, where it may. Absolute and resolved.
    #[serde(default)]
    pub self_grant: Vec<PathBuf>,
    /// For how many seconds at most.
    #[serde(default)]
    pub self_grant_max: Option<u64>,
}

/// Who decides what is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requests {
    /// A person.
    #[default]
    Ask,
    /// Nobody: everything is refused at once.
    Deny,
    /// The agent itself, within some places and for some time; elsewhere a person.
    #[serde(rename = "self")]
    Itself,
}

/// For so many seconds at most the agent lets something through itself, if the policy says nothing else.
const USUAL_TIME: u64 = 600;

impl Asking {
    /// Whether a person decides everything.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// For how many seconds at most the agent may let something through itself; `None`: nothing.
    pub fn longest(&self) -> Option<u64> {
        let may = self.requests == Requests::Itself && !self.self_grant.is_empty();
        may.then(|| self.self_grant_max.unwrap_or(USUAL_TIME))
    }

    /// For how many seconds the agent may let a path through itself, if it asks for so many; `None`: it may not.
    pub fn itself(&self, path: &Path, asked: Option<u64>) -> Option<u64> {
        let within = self.self_grant.iter().any(|place| path.starts_with(place));
        let most = self.longest().filter(|_| within)?;
        Some(asked.map_or(most, |asked| asked.clamp(1, most)))
    }
}

impl Requests {
    /// Whether a person decides.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// The word in files and records.
    pub fn word(self) -> &'static str {
        match self {
            Requests::Ask => "ask",
            Requests::Deny => "deny",
            Requests::Itself => "self",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_decides_itself_only_where_and_as_long_as_it_may() {
        let mut asking = Asking { self_grant: vec!["/p/out".into()], ..Asking::default() };
        let path = Path::new("/p/out/a");
        assert_eq!(asking.itself(path, None), None);
        asking.requests = Requests::Itself;
        assert_eq!(asking.itself(path, None), Some(USUAL_TIME));
        assert_eq!(asking.itself(path, Some(5)), Some(5));
        assert_eq!(asking.itself(path, Some(9999)), Some(USUAL_TIME));
        asking.self_grant_max = Some(60);
        assert_eq!(asking.itself(path, Some(0)), Some(1));
        assert_eq!(asking.itself(path, Some(61)), Some(60));
        assert_eq!(asking.itself(Path::new("/p/other"), None), None);
        assert_eq!(asking.itself(Path::new("/p/outer"), None), None);
    }
}
