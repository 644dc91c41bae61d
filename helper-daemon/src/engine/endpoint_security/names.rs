//! One spelling for each place, so that paths can be compared.
//!
//! macOS has several for one: `/tmp` is `/private/tmp`, the data volume is grown into the system's by firmlinks
//! (`/System/Volumes/Data/Users` is `/Users`), and on most volumes a name may be written in any case and in any
//! Unicode form. The kernel tells what is there as the disk has it, but a new name as the caller typed it.

use crate::policy::{EXEMPT_NAMES, Override, Policy, Zone};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use unicode_normalization::UnicodeNormalization;

/// Where the data volume is mounted. Its directories are seen at `/`, too.
const DATA: &str = "/System/Volumes/Data";
/// Directories of `/` that are symlinks into `/private`.
const PRIVATE: [&str; 3] = ["tmp", "var", "etc"];

/// How a session's paths are spelled.
#[derive(Clone, Debug, Default)]
pub(super) struct Spelling {
    /// Zones on volumes that ignore case, folded.
    folding: Vec<PathBuf>,
    /// The others, as they are.
    exact: Vec<PathBuf>,
    /// What a zone's path is in the person's policy.
    written: HashMap<PathBuf, PathBuf>,
}

impl Spelling {
    /// For a policy. `ignores_case` tells whether the volume of a zone does.
    pub(super) fn of(policy: &Policy, ignores_case: impl Fn(&Path) -> bool) -> Self {
        let mut spelling = Self::default();
        for zone in &policy.zones {
            let plain = plain(&zone.path);
            let spelled = if ignores_case(&zone.path) {
                let folded = folded(&plain);
                spelling.folding.push(folded.clone());
                folded
            } else {
                spelling.exact.push(plain.clone());
                plain
            };
            spelling.written.insert(spelled, zone.path.clone());
        }
        spelling
    }

    /// Every spelling under which a path is compared: folded where it lies on the way to or in a zone that ignores case,
    /// plain elsewhere, and both where a zone that does not ignore it is concerned as well.
    pub(super) fn all(&self, path: &Path) -> Vec<PathBuf> {
        let plain = plain(path);
        match self.fold(&plain) {
            Some(folded)
                if self.exact.iter().any(|zone| plain.starts_with(zone) || zone.starts_with(&plain)) =>
            {
                vec![plain, folded]
            }
            Some(folded) => vec![folded],
            None => vec![plain],
        }
    }

    /// The one spelling that two names of one place have in common.
    pub(super) fn key(&self, path: &Path) -> PathBuf {
        let plain = plain(path);
        self.fold(&plain).unwrap_or(plain)
    }

    fn fold(&self, plain: &Path) -> Option<PathBuf> {
        if self.folding.is_empty() {
            return None;
        }
        let folded = folded(plain);
        let concerns = |zone: &PathBuf| folded.starts_with(zone) || zone.starts_with(&folded);
        self.folding.iter().any(concerns).then_some(folded)
    }

    /// A zone as the person wrote it.
    pub(super) fn written<'a>(&'a self, zone: &'a Path) -> &'a Path {
        self.written.get(zone).map_or(zone, PathBuf::as_path)
    }

    /// A policy in these spellings.
    pub(super) fn respell(&self, policy: &Policy) -> Policy {
        let zone = |zone: &Zone| {
            let plain = plain(&zone.path);
            let folded = folded(&plain);
            let path = if self.folding.contains(&folded) { folded } else { plain };
            Zone { path, ..zone.clone() }
        };
        let spelled = |what: &Override| {
            let what = what.clone();
            self.all(&what.path).into_iter().map(move |path| Override { path, ..what.clone() })
        };
        Policy {
            zones: policy.zones.iter().map(zone).collect(),
            overrides: policy.overrides.iter().flat_map(spelled).collect(),
            layers: policy.layers.iter().map(|layer| self.respell(layer)).collect(),
            ..policy.clone()
        }
    }
}

/// A path as the kernel tells it, whatever led there.
pub(super) fn plain(path: &Path) -> PathBuf {
    let path = match path.strip_prefix(DATA) {
        Ok(below) => Path::new("/").join(below),
        Err(_) => path.to_owned(),
    };
    match path.components().nth(1) {
        Some(Component::Normal(name)) if PRIVATE.iter().any(|private| name == *private) => {
            Path::new("/private").join(path.strip_prefix("/").unwrap_or(&path))
        }
        _ => path,
    }
}

/// A path by all its names: as it is given, plain, and as the data volume has it.
pub(super) fn twins(path: &Path) -> Vec<PathBuf> {
    let plain = plain(path);
    let mut all = vec![path.to_owned()];
    if plain != path {
        all.push(plain.clone());
    }
    match plain.strip_prefix("/") {
        Ok(below) if !below.as_os_str().is_empty() => all.push(Path::new(DATA).join(below)),
        _ => {}
    }
    all
}

/// A path whose case and Unicode form say nothing any more. Names that a policy knows keep the policy's spelling.
fn folded(path: &Path) -> PathBuf {
    path.iter().map(fold_name).collect()
}

fn fold_name(name: &OsStr) -> OsString {
    let bytes = name.as_bytes();
    let folded = match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_ascii() => {
            OsString::from(text.nfd().flat_map(char::to_lowercase).nfd().collect::<String>())
        }
        // Not text: such volumes take no such names, so it is on another one.
        _ => OsString::from_vec(bytes.to_ascii_lowercase()),
    };
    let known = EXEMPT_NAMES.iter().find(|known| folded.as_bytes().eq_ignore_ascii_case(known.as_bytes()));
    known.map_or(folded, OsString::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelling(zones: &[&str], ignores_case: bool) -> (Spelling, Policy) {
        let zones = zones.iter().map(|zone| Zone::new(*zone)).collect();
        let policy = Policy { zones, ..Policy::default() };
        let spelling = Spelling::of(&policy, |_| ignores_case);
        let respelled = spelling.respell(&policy);
        (spelling, respelled)
    }

    fn guards(zone: &str, ignores_case: bool, path: &str) -> bool {
        let (spelling, policy) = spelling(&[zone], ignores_case);
        spelling.all(Path::new(path)).iter().any(|path| policy.guards(path, 0, false).is_some())
    }

    #[test]
    fn what_is_seen_twice_is_one_place() {
        for (path, expected) in [
            ("/System/Volumes/Data/Users/me", "/Users/me"),
            ("/System/Volumes/Data", "/"),
            ("/System/Volumes/Database", "/System/Volumes/Database"),
            ("/tmp/a", "/private/tmp/a"),
            ("/var", "/private/var"),
            ("/variety", "/variety"),
            ("/System/Volumes/Data/tmp/a", "/private/tmp/a"),
            ("/Users/me/tmp", "/Users/me/tmp"),
            ("/", "/"),
        ] {
            assert_eq!(plain(Path::new(path)), Path::new(expected), "{path}");
        }
        assert!(guards("/tmp/z", false, "/private/tmp/z/a"));
        assert!(guards("/Users/me/z", false, "/System/Volumes/Data/Users/me/z/a"));
        assert_eq!(
            twins(Path::new("/Users/me")),
            [Path::new("/Users/me"), Path::new("/System/Volumes/Data/Users/me")]
        );
    }

    #[test]
    fn case_and_unicode_form_say_nothing_where_the_volume_ignores_them() {
        for path in ["/Users/Me/Proj/a", "/users/me/PROJ/a", "/USERS/ME/proj"] {
            assert!(guards("/Users/me/proj", true, path), "{path}");
        }
        assert!(!guards("/Users/me/proj", false, "/Users/me/PROJ/a"));
        assert!(guards("/Users/me/caf\u{e9}", true, "/Users/me/cafe\u{301}/a"));
        assert!(guards("/Users/me/CAFE\u{301}", true, "/Users/me/caf\u{e9}/a"));
        assert!(!guards("/Users/me/proj", true, "/Users/me/proj2/a"));
    }

    #[test]
    fn exempt_names_are_exempt_in_any_case_where_the_volume_ignores_it() {
        assert!(!guards("/p", true, "/p/.TRASH/a") && !guards("/p", true, "/p/.Trash/a"));
        assert!(!guards("/p", true, "/p/Target/a"));
        assert!(guards("/p", false, "/p/Target/a"));
    }

    #[test]
    fn a_zone_is_told_as_it_was_written() {
        let (spelling, policy) = spelling(&["/tmp/Proj"], true);
        assert_eq!(policy.zones[0].path, Path::new("/private/tmp/proj"));
        assert_eq!(spelling.written(&policy.zones[0].path), Path::new("/tmp/Proj"));
    }

    #[test]
    fn overrides_hold_in_every_spelling_and_a_zone_that_minds_case_is_not_folded() {
        let mut policy =
            Policy { zones: vec![Zone::new("/Users/a"), Zone::new("/Users/a/Vol")], ..Policy::default() };
        policy.overrides.push(Override { path: "/users/A/Tmp".into(), ..Override::default() });
        let spelling = Spelling::of(&policy, |zone| zone == Path::new("/Users/a"));
        let policy = spelling.respell(&policy);
        assert_eq!(policy.zones[1].path, Path::new("/Users/a/Vol"));
        let guards =
            |path: &str| spelling.all(Path::new(path)).iter().any(|p| policy.guards(p, 0, false).is_some());
        assert!(!guards("/Users/a/tmp/x") && guards("/Users/a/x") && guards("/Users/a/Vol/x"));
    }
}
