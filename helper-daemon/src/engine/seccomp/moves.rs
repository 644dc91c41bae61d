//! What a rename or an exchange means to what is the session's own.

use super::own::{How, Own};
use super::rename::{Side, key, shown};
use super::view::View;
use super::{found, unix_now};
use crate::deeds::Deed;
use crate::policy::judge::{Circumstances, is_edit_by_swap};
use crate::policy::operation::{Kind, Place};
use endpoint_sec::linux::handle::{self, Stat};
use std::ffi::CString;
use std::path::Path;

/// Whether a name lies where what the session makes is recorded, whoever asks and whatever is overridden.
fn covered(view: &View, place: &Place) -> bool {
    place.paths.iter().any(|path| view.policy.covers(path))
}

/// A directory that would leave protection is the session's own only if everything in it is.
pub(super) fn only_if_all_below_is_own(view: &View, own: &Own, side: &mut Side<'_>, destination: &Place) {
    if !side.place.own || side.place.kind != Some(Kind::Directory) {
        return;
    }
    // As git sees it fewer places are guarded: then more is looked at than need be, never less.
    let now = unix_now();
    let stays = destination.paths.iter().any(|path| view.policy.keeps_whole(path, now, true));
    if !stays {
        let is_free = |below: &Path| {
            side.place.paths.iter().all(|path| view.policy.guards(&path.join(below), now, false).is_none())
        };
        let all_below = |name: CString| own.has_all_below(&side.seen.entry.dir, &name, is_free);
        side.place.own = side.seen.entry.plain_name().is_some_and(all_below);
    }
}

pub(super) fn after_rename(view: &View, own: &mut Own, from: &Side<'_>, from_stat: &Stat, to: &Side<'_>) {
    let came = own.take(key(from.seen), from.seen.entry.bare_name(), from_stat);
    let replaced_own = to.place.own;
    if let Some(stat) = &to.stat {
        own.forget(key(to.seen), to.seen.entry.bare_name(), stat);
    }
    let name_was_free = to.stat.is_none() || replaced_own;
    if let (Some(stat), false) = (&to.stat, name_was_free) {
        own.saved_over(stat);
    }
    if name_was_free && covered(view, &to.place) {
        arrive(view, own, from, came, to);
    } else if came.is_some() || !covered(view, &from.place) {
        // Saved over what was made in the place of something that is held.
        own.held.put(key(to.seen), to.seen.entry.bare_name(), from_stat);
    }
}

/// What a rename that was done is to the session's own.
pub(super) fn deed(view: &View, from: &Side<'_>, to: &Side<'_>) -> Option<Deed> {
    let (path, dest) = (|| shown(view, from), || shown(view, to));
    let name_was_free = to.stat.is_none() || to.place.own;
    match from.place.own {
        true if name_was_free || !covered(view, &to.place) => {
            let directory = from.place.kind == Some(Kind::Directory);
            Some(Deed::Moved { path: path(), dest: dest(), directory })
        }
        true => Some(Deed::Saved { path: path(), dest: dest() }),
        // From where nothing is protected.
        false if name_was_free && covered(view, &to.place) && !covered(view, &from.place) => {
            Some(Deed::Made(dest()))
        }
        false => None,
    }
}

/// What comes to a name in a zone stays the session's own if it was, and becomes it when it comes from where
/// nothing is protected.
fn arrive(view: &View, own: &mut Own, from: &Side<'_>, came: Option<How>, to: &Side<'_>) {
    let Ok(Some(now)) = found(to.seen) else { return };
    if from.stat.is_none_or(|came| came.ino != now.ino) {
        // Somebody outside has replaced it already.
        return;
    }
    let (dir, name) = (key(to.seen), to.seen.entry.bare_name());
    match came {
        Some(how) => own.put(dir, name, &now, how),
        None if !covered(view, &from.place) => {
            own.arrived(dir, name, &now);
            if let (handle::Kind::Directory, Some(name)) = (now.kind, to.seen.entry.plain_name()) {
                own.adopt_below(&to.seen.entry.dir, &name);
            }
        }
        None => {}
    }
}

pub(super) fn after_exchange(
    view: &View,
    own: &mut Own,
    first: (&Side<'_>, &Stat),
    second: (&Side<'_>, &Stat),
    when: Circumstances,
) {
    let name = |side: &Side<'_>| side.seen.entry.bare_name().to_vec();
    let policy = &view.policy;
    let swaps = [(first, second), (second, first)];
    for (new, old) in swaps {
        if is_edit_by_swap(policy, &new.0.place, &old.0.place, when) {
            let how = own.take(key(new.0.seen), &name(new.0), new.1);
            // What stood at the protected name is now at the other, which stays the session's own.
            own.put(key(new.0.seen), &name(new.0), old.1, how.unwrap_or(How::Made));
            return;
        }
    }
    let came = swaps.map(|(side, _)| own.take(key(side.0.seen), &name(side.0), side.1));
    for ((from, to), came) in swaps.into_iter().zip(came) {
        if covered(view, &to.0.place) {
            arrive(view, own, from.0, came, to.0);
        }
    }
}
