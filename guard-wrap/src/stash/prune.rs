//! `es-guard stash prune`, and the same at the end of every session: the oldest go, until the limits hold.

use super::list::{Item, ago, all};
use super::{Held, Stash, StashError, in_words, names};
use crate::cli::PruneArgs;
use crate::render::{json, note, print};
use crate::state::StateFolder;
use endpoint_sec::linux::handle::Handle;
use helper_daemon::session::SessionId;
use helper_daemon::stash::{TreeError, discard};
use serde::Serialize;
use std::ffi::{CString, OsStr};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// How long a stash is kept that nobody uses.
const OLDEST: Duration = Duration::from_secs(30 * 86_400);
/// How long a stash stays whatever room it takes, unless somebody asks for it to go: what a session has just said can
/// be put back is there.
const YOUNGEST: Duration = Duration::from_secs(86_400);
/// How much is kept in all, in bytes.
const LARGEST: u64 = 5 << 30;
/// What a stash's folder is called after its session's name when it goes: it is no stash any more.
const GOING: &str = ".going";

#[derive(Debug, Serialize)]
struct Report<'a> {
    dry_run: bool,
    gone: Vec<&'a Item>,
    bytes: u64,
    kept_bytes: u64,
}

/// Lets go of what the limits that were asked for leave no room for; tells whether all of it went.
pub(super) fn run(args: &PruneArgs) -> Result<bool, StashError> {
    let state = StateFolder::locate()?;
    if !args.dry_run {
        sweep(&state);
    }
    let (items, mut whole) = all(&state)?;
    let mut gone = Vec::new();
    for item in beyond(&items, args.older_than, args.keep_size) {
        if !args.dry_run
            && let Err(error) = let_go(&state, item)
        {
            note(&format!("{} stays: {error}", item.session));
            whole = false;
            continue;
        }
        gone.push(item);
    }
    let bytes = gone.iter().map(|item| item.bytes).sum();
    let kept_bytes = items.iter().map(|item| item.bytes).sum::<u64>() - bytes;
    if args.json {
        print(&json(&Report { dry_run: args.dry_run, gone, bytes, kept_bytes }));
        return Ok(whole);
    }
    let verb = if args.dry_run { "would go" } else { "gone" };
    for item in &gone {
        let used = ago(Duration::from_secs(item.age));
        print(&format!("{verb}  {}  {}  last used {used}", item.session, in_words(item.bytes)));
    }
    print(&format!("{} {verb}, {} kept", in_words(bytes), in_words(kept_bytes)));
    Ok(whole)
}

/// The same within the usual limits, in silence; stashes that nothing is in go, too. What fails is tried again
/// at the end of the next session.
pub(crate) fn tidy(state: &StateFolder) {
    sweep(state);
    let mut items = Vec::new();
    for id in names(state).unwrap_or_default() {
        let Ok(stash) = Stash::read(state, &id) else { continue };
        let item = super::list::item(state, &stash);
        if stash.contents.kept.is_empty() && stash.contents.notes.is_empty() && !item.live {
            let went = Held::of(state, &id).is_ok_and(|_held| state.discard_stash(&id));
            if !went {
                let _ = let_go(state, &item);
            }
        } else {
            items.push(item);
        }
    }
    for item in unasked(&items) {
        let _ = let_go(state, item);
    }
}

/// What goes though nobody has asked for it.
fn unasked(items: &[Item]) -> impl Iterator<Item = &Item> {
    beyond(items, OLDEST, LARGEST).into_iter().filter(|item| item.age >= YOUNGEST.as_secs())
}

/// What goes, of stashes that are sorted by age, the oldest session first. A live session's stash stays and
/// takes its room.
fn beyond(items: &[Item], older_than: Duration, keep: u64) -> Vec<&Item> {
    let mut left: u64 = items.iter().map(|item| item.bytes).sum();
    let mut going = Vec::new();
    for (aged, item) in items.iter().map(|item| (item.age >= older_than.as_secs(), item)) {
        if !item.live && (aged || left > keep) {
            left -= item.bytes;
            going.push(item);
        }
    }
    going
}

/// Removes a stash. From its first step on it is no stash any more, so that none is ever there in part.
fn let_go(state: &StateFolder, item: &Item) -> Result<(), StashError> {
    let Some(id) = SessionId::parse(&item.session) else { return Ok(()) };
    let _held = Held::of(state, &id)?;
    let path = state.stash(&id);
    let going = state.stashes().join(format!("{id}{GOING}"));
    std::fs::rename(&path, &going).map_err(|source| StashError::changing(path.clone(), source))?;
    remove(&going).map_err(|error| StashError::changing(path, error.errno().into()))
}

/// Removes what an earlier run has left of stashes that were to go.
fn sweep(state: &StateFolder) {
    for entry in std::fs::read_dir(state.stashes()).into_iter().flatten().flatten() {
        if entry.file_name().as_bytes().ends_with(GOING.as_bytes()) {
            // It is tried again by the next.
            let _ = remove(&entry.path());
        }
    }
}

fn remove(path: &Path) -> Result<(), TreeError> {
    let name = CString::new(path.file_name().map_or(&[][..], OsStr::as_bytes)).unwrap_or_default();
    let folder = Handle::open(path.parent().unwrap_or(path));
    let refused = |errno| TreeError::Refused { doing: "open", path: path.to_owned(), errno };
    discard(folder.map_err(refused)?.as_fd(), &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(session: &str, bytes: u64, days: u64, live: bool) -> Item {
        let age = days * 86_400;
        Item { session: session.into(), live, entries: 1, bytes, age, folder: "/s".into() }
    }

    fn going(items: &[Item], days: u64, keep: u64) -> Vec<&str> {
        let found = beyond(items, Duration::from_secs(days * 86_400), keep);
        found.into_iter().map(|item| item.session.as_str()).collect()
    }

    #[test]
    fn the_oldest_go_until_both_limits_hold() {
        let items = [item("a", 10, 40, false), item("b", 10, 20, false), item("c", 10, 1, false)];
        assert_eq!(going(&items, 30, 100), ["a"]);
        assert_eq!(going(&items, 30, 20), ["a"]);
        assert_eq!(going(&items, 30, 19), ["a", "b"]);
        assert_eq!(going(&items, 50, 30), [""; 0]);
        assert_eq!(going(&items, 0, 100), ["a", "b", "c"]);
    }

    #[test]
    fn what_was_used_within_a_day_goes_for_nobody_who_has_not_asked() {
        let large = 6 << 30;
        let hours = |hours: u64| Item { age: hours * 3600, ..item("b", large, 0, false) };
        let sessions = |items: &[Item]| unasked(items).map(|item| item.session.clone()).collect::<Vec<_>>();
        assert_eq!(sessions(&[item("a", 10, 40, false), hours(23)]), ["a"]);
        assert_eq!(sessions(&[item("a", large, 2, false), hours(23)]), ["a"]);
        assert_eq!(sessions(&[hours(25)]), ["b"]);
        assert_eq!(going(&[hours(23)], 30, LARGEST), ["b"], "who asks");
    }

    #[test]
    fn a_live_session_keeps_its_stash_whatever_it_takes() {
        let items = [item("a", 100, 40, true), item("b", 10, 20, false)];
        assert_eq!(going(&items, 0, 0), ["b"]);
        assert_eq!(going(&items, 30, 50), ["b"]);
    }
}
