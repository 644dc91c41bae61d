//! What the client asks to be told of: the kernel leaves out everything else.
//!
//! Every client selects by what an event is about, never by who does it: of a process that was only just made nobody
//! could have selected anything. Before macOS 27 the zones are selected, and the directories that hold them; a client
//! of its own descendants selects every name. Opening and cutting matter only among es-guard's own files.

use super::names::twins;
use super::volume;
use crate::policy::Policy;
use endpoint_sec::macos::{Control, PathKind, Refused, Scope, Subscription};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// All that the client subscribes to. A signal is about no path, so all of the scope are told: of a user's own helper
/// that is its own tree; root's can't be reached by a user, and is told of none.
pub(super) fn subscriptions(scope: Scope) -> Vec<Subscription> {
    let signals = (scope == Scope::Descendants).then_some(Subscription::AuthSignal);
    NAMES.into_iter().chain(CONTENT).chain(PROCESSES).chain(signals).collect()
}

/// What changes names.
const NAMES: [Subscription; 8] = [
    Subscription::AuthUnlink,
    Subscription::AuthRename,
    Subscription::AuthCreate,
    Subscription::AuthLink,
    Subscription::AuthClone,
    Subscription::AuthCopyFile,
    Subscription::AuthExchangeData,
    Subscription::NotifyCreate,
];
/// What changes content.
const CONTENT: [Subscription; 2] = [Subscription::AuthOpen, Subscription::AuthTruncate];
/// What makes, changes and ends processes: by these the tree is told.
const PROCESSES: [Subscription; 3] =
    [Subscription::NotifyFork, Subscription::NotifyExec, Subscription::NotifyExit];

/// A path that is selected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    path: PathBuf,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// What happens to the name itself.
    Name,
    /// What happens to all names below it, and to it.
    NamesBelow,
    /// What happens to the content of files below it.
    ContentBelow,
}

/// What is selected now.
#[derive(Debug)]
pub(super) struct Selection {
    scope: Scope,
    selected: BTreeSet<Target>,
}

impl Selection {
    /// Of a client that has turned the muting of targets round.
    pub(super) fn begin(scope: Scope, control: &Control) -> Result<Self, Refused> {
        if scope == Scope::Descendants {
            // A file with several names may be told by any of them, so no part of the disk can be left out.
            control.mute_path_events(PathKind::TargetPrefix, Path::new("/"), &NAMES)?;
        }
        Ok(Self { scope, selected: BTreeSet::new() })
    }

    /// Selects what a policy needs. What others need stays selected.
    pub(super) fn add(&mut self, control: &Control, policy: &Policy) -> Result<(), Refused> {
        for target in targets(self.scope, policy) {
            if !self.selected.contains(&target) {
                target.select(control)?;
                self.selected.insert(target);
            }
        }
        Ok(())
    }

    /// Selects no more than these policies need.
    pub(super) fn keep_only<'a>(&mut self, control: &Control, policies: impl Iterator<Item = &'a Policy>) {
        let needed: BTreeSet<Target> = policies.flat_map(|policy| targets(self.scope, policy)).collect();
        let stale: Vec<Target> = self.selected.difference(&needed).cloned().collect();
        for target in stale {
            // The kernel forgets a path with all its events, and what is selected at `/` is not ours to forget.
            let shared =
                needed.iter().any(|other| other.path == target.path && other.kind() == target.kind());
            if !shared && target.path != Path::new("/") {
                // What can't be taken back is asked about and let through.
                let _ = control.unmute_path(target.kind(), &target.path);
                self.selected.retain(|other| other.path != target.path || other.kind() != target.kind());
            }
        }
    }
}

impl Target {
    fn kind(&self) -> PathKind {
        match self.what {
            What::Name => PathKind::TargetLiteral,
            What::NamesBelow | What::ContentBelow => PathKind::TargetPrefix,
        }
    }

    fn select(&self, control: &Control) -> Result<(), Refused> {
        let events: &[Subscription] = match self.what {
            What::Name | What::NamesBelow => &NAMES,
            What::ContentBelow => &CONTENT,
        };
        control.mute_path_events(self.kind(), &self.path, events)
    }
}

/// What a policy needs. Looks at the disk.
fn targets(scope: Scope, policy: &Policy) -> BTreeSet<Target> {
    let mut all = BTreeSet::new();
    for zone in &policy.zones {
        // As the kernel will tell it; and as it is written, for one that is not there yet.
        for place in [volume::as_the_disk_has_it(&zone.path), zone.path.clone()] {
            let mut add = |path: &Path, what| {
                all.extend(twins(path).into_iter().map(|path| Target { path, what }));
            };
            if zone.internal {
                add(&place, What::ContentBelow);
            }
            if scope == Scope::System {
                add(&place, What::NamesBelow);
                place.ancestors().skip(1).for_each(|above| add(above, What::Name));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Zone;

    fn policy() -> Policy {
        let state = Zone { internal: true, ..Zone::new("/nowhere/state") };
        Policy { zones: vec![Zone::new("/nowhere/zone"), state], ..Policy::default() }
    }

    #[test]
    fn zones_and_what_holds_them_by_all_their_names() {
        let all = targets(Scope::System, &policy());
        let has = |path: &str, what| all.contains(&Target { path: path.into(), what });
        assert!(has("/nowhere/zone", What::NamesBelow) && !has("/nowhere/zone", What::ContentBelow));
        assert!(has("/System/Volumes/Data/nowhere/zone", What::NamesBelow));
        assert!(has("/nowhere", What::Name) && has("/", What::Name) && !has("/nowhere", What::NamesBelow));
        assert!(has("/nowhere/state", What::NamesBelow) && has("/nowhere/state", What::ContentBelow));
    }

    #[test]
    fn of_descendants_every_name_is_selected_anyway() {
        let all = targets(Scope::Descendants, &policy());
        assert!(all.iter().all(|target| target.what == What::ContentBelow) && !all.is_empty());
    }
}
