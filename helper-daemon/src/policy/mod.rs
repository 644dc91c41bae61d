//! What is protected, and the one place a verdict is made.
//!
//! [`Policy`] is the compiled form: absolute, resolved paths. [`mod@file`] parses what a person writes; [`judge`]
//! makes verdicts from a policy and an [`Operation`](operation::Operation), opens no file and knows no engine; [`table`]
//! is the policy for an engine that judges by itself, in the kernel.

mod asking;
pub mod check;
pub mod file;
pub mod judge;
pub mod operation;
mod replacers;
pub mod table;

pub use asking::{Asking, Requests};
pub use replacers::REPLACERS;

use crate::encoding::path_text;
use crate::policy::operation::Op;
use crate::policy::table::OPERATIONS;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Names that are left alone as a component below a zone: build output and caches. `.git` is not among them:
/// see [`GIT_DIR`].
pub const EXEMPT_NAMES: [&str; 5] = ["node_modules", "target", ".cache", "result", ".Trash"];

/// Left alone for git and jj, protected from everyone else.
pub const GIT_DIR: &str = ".git";

/// Places that are left alone when a zone lies above them.
pub const EXEMPT_PREFIXES: [&str; 4] = ["/tmp", "/private/tmp", "/var/folders", "/private/var/folders"];

/// The rules of one session. Paths are absolute and resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What is protected.
    pub zones: Vec<Zone>,
    /// What is let through for now.
    pub overrides: Vec<Override>,
    /// Further exempt names, beside [`EXEMPT_NAMES`].
    #[serde(default)]
    pub exempt_names: Vec<String>,
    /// Further replacers, beside [`REPLACERS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replacers: Vec<String>,
    /// Who decides what is asked for.
    #[serde(default, skip_serializing_if = "Asking::is_usual")]
    pub asking: Asking,
    /// Where there are several policies at once, each of them: what any one denies is denied. They can't be
    /// poured into one, as another zone is another place that things may be moved to. The fields above are then
    /// what all of them have together, to tell what has to be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Policy>,
}

/// A directory, or a single file, whose contents are protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Where.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// Whether es-guard added it for itself (its state folder): protected alike, not shown as a person's zone.
    #[serde(default)]
    pub internal: bool,
    /// What becomes of what would be lost.
    #[serde(default)]
    pub on_delete: OnDelete,
}

/// What becomes of what an operation would take from a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDelete {
    /// The operation is let through, and what it takes is kept in the session's stash.
    Stash,
    /// The operation is denied.
    #[default]
    Deny,
}

impl Zone {
    /// A zone in which what would be lost is refused.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), internal: false, on_delete: OnDelete::Deny }
    }
}

/// A path below a zone that is let through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The path, and all below it; of one for a single use the path alone.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// When it ends, in Unix seconds; `None`: never.
    #[serde(default)]
    pub expires_at: Option<u64>,
    /// Why it was given.
    #[serde(default)]
    pub reason: Option<String>,
    /// The operation that is let through; `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<Op>,
    /// Of one that is used up by the first operation that it lets through: its number, which no other one of the
    /// session has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<u64>,
}

impl Override {
    /// Whether it lets this operation at `path` through. Where no operation is asked about, it must be good for any,
    /// any number of times.
    fn covers(&self, path: &Path, now: u64, op: Option<Op>) -> bool {
        self.expires_at.is_none_or(|end| now < end)
            && (self.op.is_none() || self.op == op)
            && match self.once {
                None => path.starts_with(&self.path),
                // One operation takes one name: what is below it nobody has looked at.
                Some(_) => op.is_some() && path == self.path,
            }
    }

    /// What es-guard keeps for itself is opened by no override of something above it.
    fn may_open(&self, zone: &Zone) -> bool {
        !zone.internal || (self.path != zone.path && self.path.starts_with(&zone.path))
    }
}

impl Policy {
    /// The zone that guards `path`: the path is the zone or below it, nothing exempt lies between, and no live
    /// override covers it. `now` in Unix seconds; `git` when git itself asks, for which `.git` is exempt. Of several
    /// the strictest.
    ///
    /// A path is guarded as a *place*, whether something is there or not, and whoever made it.
    pub fn guards(&self, path: &Path, now: u64, git: bool) -> Option<&Zone> {
        self.guards_from(path, now, git, None)
    }

    /// The same against one operation: an override may let through just that.
    pub fn guards_from(&self, path: &Path, now: u64, git: bool, op: Option<Op>) -> Option<&Zone> {
        let overridden =
            |zone: &Zone| self.overrides.iter().any(|o| o.covers(path, now, op) && o.may_open(zone));
        let guarding = self.zones.iter().filter(|zone| {
            let within = path.strip_prefix(&zone.path);
            within.is_ok_and(|below| !self.exempt(zone, path, below, git)) && !overridden(zone)
        });
        strictest(guarding)
    }

    /// The zone that would go with `path` if it were moved: the path is the zone itself or one of its
    /// ancestors, and no live override covers the zone.
    pub fn carries(&self, path: &Path, now: u64, op: Option<Op>) -> Option<&Zone> {
        let free =
            |zone: &&Zone| self.overrides.iter().any(|o| o.covers(&zone.path, now, op) && o.may_open(zone));
        self.zones.iter().filter(|zone| zone.path.starts_with(path)).find(|zone| !free(zone))
    }

    /// Whether all that is or comes to be at `path` or below it is guarded against every operation.
    pub fn keeps_whole(&self, path: &Path, now: u64, git: bool) -> bool {
        let guards = |op| self.guards_from(path, now, git, Some(op)).is_some();
        OPERATIONS.into_iter().all(guards) && self.overrides_below(path, now).next().is_none()
    }

    /// The paths below `path` that live overrides are of, for whatever operation.
    pub fn overrides_below<'a>(&'a self, path: &'a Path, now: u64) -> impl Iterator<Item = &'a Path> {
        let lives = move |o: &&Override| o.expires_at.is_none_or(|end| now < end);
        let paths = self.overrides.iter().filter(lives).map(|o| o.path.as_path());
        paths.filter(move |at| at.starts_with(path) && *at != path)
    }

    /// The live overrides that cover `path`, for this operation.
    pub fn overrides_of(&self, path: &Path, now: u64, op: Option<Op>) -> impl Iterator<Item = &Override> {
        self.overrides.iter().filter(move |o| o.covers(path, now, op))
    }

    /// The same policy without the overrides for a single use that `used` says so of.
    pub fn without_single_uses(&self, used: impl Fn(u64) -> bool + Copy) -> Self {
        let mut policy = self.clone();
        policy.overrides.retain(|o| !o.once.is_some_and(used));
        policy.layers = policy.layers.iter().map(|layer| layer.without_single_uses(used)).collect();
        policy
    }

    /// Whether it has overrides for a single use.
    pub fn has_single_uses(&self) -> bool {
        self.overrides.iter().any(|o| o.once.is_some())
    }

    /// Whether some zone covers `path`, whoever asks and whatever is overridden for now.
    pub fn covers(&self, path: &Path) -> bool {
        self.zones.iter().any(|zone| {
            path.strip_prefix(&zone.path).is_ok_and(|below| !self.exempt(zone, path, below, false))
        })
    }

    /// The zone of es-guard's own that `path` lies in, whatever is exempt or overridden.
    pub fn seals(&self, path: &Path) -> Option<&Zone> {
        self.zones.iter().filter(|zone| zone.internal).find(|zone| path.starts_with(&zone.path))
    }

    /// Whether `path` lies in a zone at all, whatever is exempt or overridden.
    pub fn within(&self, path: &Path) -> bool {
        self.zones.iter().any(|zone| path.starts_with(&zone.path))
    }

    fn exempt(&self, zone: &Zone, path: &Path, below: &Path, git: bool) -> bool {
        // What es-guard keeps for itself has no build output in it, and no name that opens it.
        if zone.internal {
            return false;
        }
        let name_is_exempt = |name: &OsStr| {
            EXEMPT_NAMES.iter().any(|exempt| name == *exempt)
                || self.exempt_names.iter().any(|exempt| name == exempt.as_str())
                || (git && name == GIT_DIR)
        };
        let by_name =
            below.components().any(|c| matches!(c, Component::Normal(name) if name_is_exempt(name)));
        // A zone inside an exempt place is protected all the same, so the prefix must lie below the zone.
        let by_prefix = EXEMPT_PREFIXES.iter().any(|prefix| {
            let prefix = Path::new(prefix);
            path.starts_with(prefix) && prefix.starts_with(&zone.path) && prefix != zone.path
        });
        by_name || by_prefix
    }

    /// The zones that a person asked for.
    pub fn visible_zones(&self) -> impl Iterator<Item = &Zone> {
        self.zones.iter().filter(|zone| !zone.internal)
    }
}

/// The first of the strictest zones.
pub fn strictest<'a>(zones: impl Iterator<Item = &'a Zone>) -> Option<&'a Zone> {
    zones.reduce(|first, zone| if zone.on_delete > first.on_delete { zone } else { first })
}

/// Whether a component of `path` is `.git`: only then does it matter whether git asks.
pub fn has_git_component(path: &Path) -> bool {
    // Cheap before exact: most paths have no such bytes at all.
    let bytes = path.as_os_str().as_bytes();
    bytes.windows(GIT_DIR.len()).any(|w| w == GIT_DIR.as_bytes())
        && path.components().any(|c| c == Component::Normal(OsStr::new(GIT_DIR)))
}

#[cfg(test)]
mod tests;
