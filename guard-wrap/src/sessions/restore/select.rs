//! What is meant: a session, and entries of its stash.

use super::RestoreError;
use super::aside::is_aside;
use super::perform::Job;
use crate::stash::{Stash, StashError, names};
use crate::state::StateFolder;
use helper_daemon::session::SessionId;
use helper_daemon::stash::{How, Kept};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// What was chosen of a stash.
#[derive(Debug, Default)]
pub(super) struct Chosen<'a> {
    /// The entries to put back: of each path the newest, unless others were named.
    pub(super) entries: Vec<&'a (Timestamp, Kept)>,
    /// Older ones of the same paths.
    pub(super) older: Vec<&'a (Timestamp, Kept)>,
    /// What a restore has set aside at these paths.
    pub(super) aside: Vec<&'a (Timestamp, Kept)>,
}

/// The session that is meant, and the paths. The first word is taken for a session if there is one that is
/// called so; without one it is the last that ever kept something.
pub(super) fn session(
    state: &StateFolder,
    words: &[OsString],
) -> Result<(SessionId, Vec<PathBuf>), RestoreError> {
    let names = names(state)?;
    let paths = |words: &[OsString]| words.iter().map(PathBuf::from).collect();
    if let Some((first, rest)) = words.split_first()
        && first != "last"
        && let Some(prefix) = first.to_str().filter(|word| SessionId::parse(word).is_some())
    {
        let matches: Vec<&SessionId> =
            names.iter().filter(|name| name.as_str().starts_with(prefix)).collect();
        match matches.as_slice() {
            [one] => return Ok(((*one).clone(), paths(rest))),
            [] if is_name(prefix) => return Err(StashError::Unknown(prefix.to_owned()).into()),
            [] => {}
            many => {
                let exact = many.iter().find(|name| name.as_str() == prefix);
                let matches = many.iter().map(|name| name.to_string()).collect();
                let ambiguous = || StashError::Ambiguous { prefix: prefix.to_owned(), matches };
                return Ok(((*exact.ok_or_else(ambiguous)?).clone(), paths(rest)));
            }
        }
    }
    let rest = if words.first().is_some_and(|first| first == "last") { &words[1..] } else { words };
    for name in names.iter().rev() {
        // Also where all of it is back by now: to run a restore again must not put back another session's.
        if !Stash::read(state, name)?.contents.kept.is_empty() {
            return Ok((name.clone(), paths(rest)));
        }
    }
    Err(StashError::None.into())
}

/// Whether a word looks like the whole name of a session.
fn is_name(word: &str) -> bool {
    let mut parts = word.split('-').map(str::len);
    (parts.next(), parts.next(), parts.next(), parts.next()) == (Some(8), Some(6), Some(4), None)
}

/// The entries that are meant. A path means what was there and below it; without any everything is meant.
pub(super) fn entries<'a>(
    stash: &'a Stash,
    paths: &[PathBuf],
    numbers: &[u64],
    cwd: &Path,
) -> Result<Chosen<'a>, RestoreError> {
    let session = || stash.id.to_string();
    let all: Vec<_> = stash.left().collect();
    let mut numbered = Vec::new();
    for &entry in numbers {
        let found = all.iter().find(|(_, kept)| kept.entry == entry);
        numbered.push(*found.ok_or_else(|| RestoreError::NoEntry { entry, session: session() })?);
    }
    let mut meant: Vec<&(Timestamp, Kept)> = Vec::new();
    for path in paths {
        let found = below(&all, path, cwd);
        if found.is_empty() {
            return Err(RestoreError::NothingAt { path: path.clone(), session: session() });
        }
        meant.extend(found);
    }
    if paths.is_empty() && numbers.is_empty() {
        meant = all;
    }
    let mut newest = BTreeMap::new();
    let (mut older, mut aside) = (Vec::new(), Vec::new());
    meant.sort_by_key(|(_, kept)| kept.entry);
    meant.dedup_by_key(|(_, kept)| kept.entry);
    let named =
        meant.into_iter().map(|entry| (entry, false)).chain(numbered.into_iter().map(|entry| (entry, true)));
    for (entry, by_number) in named {
        if is_aside(&entry.1) && !by_number {
            aside.push(entry);
            continue;
        }
        older.extend(
            newest.insert(entry.1.path.as_path(), entry).filter(|other| other.1.entry != entry.1.entry),
        );
    }
    older.sort_by_key(|(_, kept)| kept.entry);
    Ok(Chosen { entries: newest.into_values().collect(), older, aside })
}

/// What was at a path and below it: as it is typed here, as it resolves now, or as it is below a zone.
fn below<'a>(all: &[&'a (Timestamp, Kept)], path: &Path, cwd: &Path) -> Vec<&'a (Timestamp, Kept)> {
    let here = plain(&cwd.join(path));
    let resolved = resolved(&here);
    for place in [here, resolved] {
        let found: Vec<_> = all.iter().filter(|(_, kept)| kept.path.starts_with(&place)).copied().collect();
        if !found.is_empty() {
            return found;
        }
    }
    let in_zone = |kept: &Kept| path.is_relative() && kept.path.starts_with(plain(&kept.zone.join(path)));
    all.iter().filter(|(_, kept)| in_zone(kept)).copied().collect()
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

/// A path whose existing part has no symlink in it.
fn resolved(path: &Path) -> PathBuf {
    for there in path.ancestors().skip(1) {
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), path.strip_prefix(there)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

/// What is to be done: parents before what is in them, and directories that were removed with what is chosen,
/// where they are still missing.
pub(super) fn jobs<'a>(stash: &'a Stash, chosen: &Chosen<'a>, to: Option<&Path>) -> Vec<Job<'a>> {
    let mut newest = BTreeMap::new();
    for (_, kept) in stash.left().filter(|(_, kept)| kept.how == How::Described) {
        newest.insert(kept.path.as_path(), kept);
    }
    let zones: HashSet<&Path> = chosen.entries.iter().map(|(_, kept)| kept.zone.as_path()).collect();
    let place = |kept: &Kept| match to {
        None => kept.path.clone(),
        Some(to) => below_zone(to, kept, zones.len() > 1),
    };
    let mut wanted: BTreeMap<&Path, &Kept> = BTreeMap::new();
    for (_, kept) in &chosen.entries {
        for above in kept.path.ancestors().skip(1) {
            let described = newest.get(above).filter(|dir| place(dir).symlink_metadata().is_err());
            wanted.extend(described.map(|dir| (above, *dir)));
        }
    }
    wanted.extend(chosen.entries.iter().map(|(_, kept)| (kept.path.as_path(), kept)));
    let job = |kept: &'a Kept| {
        let without = stash.contents.without.get(&kept.entry).map_or(&[][..], Vec::as_slice);
        Job { kept, place: place(kept), gone: stash.gone(kept.entry), without }
    };
    wanted.into_values().map(job).collect()
}

/// Where a thing goes below another directory: as it lay below its zone, with several zones in one of each.
fn below_zone(to: &Path, kept: &Kept, several: bool) -> PathBuf {
    let name = |path: &Path| path.file_name().unwrap_or(OsStr::new("root")).to_owned();
    let below = kept.path.strip_prefix(&kept.zone).unwrap_or(Path::new(""));
    let zone =
        if several || below.as_os_str().is_empty() { to.join(name(&kept.zone)) } else { to.to_owned() };
    if below.as_os_str().is_empty() { zone } else { zone.join(below) }
}
