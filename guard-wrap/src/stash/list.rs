//! `es-guard stash list`.

use super::{Stash, StashError, names};
use crate::cli::StashListArgs;
use crate::render::{json, note, print};
use crate::state::StateFolder;
use comfy_table::{Table, presets::NOTHING};
use endpoint_sec::linux::handle::Handle;
use helper_daemon::stash::{DATA, weigh};
use serde::Serialize;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::time::Duration;

/// One session's stash.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Item {
    pub(super) session: String,
    /// Whether its session is live: then it stays.
    pub(super) live: bool,
    /// Things that can be put back.
    pub(super) entries: usize,
    /// The room it takes on its disk.
    pub(super) bytes: u64,
    /// How long ago it was last used, in seconds.
    pub(super) age: u64,
    #[serde(with = "helper_daemon::encoding::path_text")]
    pub(super) folder: std::path::PathBuf,
}

/// Tells whether every stash could be told of.
pub(super) fn run(args: &StashListArgs) -> Result<bool, StashError> {
    let (mut items, whole) = all(&StateFolder::locate()?)?;
    items.reverse();
    if args.json {
        print(&json(&items));
    } else if items.is_empty() {
        note("no session keeps anything");
    } else {
        print(&table(&items));
    }
    Ok(whole)
}

/// All stashes, the oldest first, and whether that is all: one that can't be read is left out, with a note.
pub(super) fn all(state: &StateFolder) -> Result<(Vec<Item>, bool), StashError> {
    let (mut items, mut whole) = (Vec::new(), true);
    for id in names(state)? {
        match Stash::read(state, &id) {
            Ok(stash) => items.push(item(state, &stash)),
            Err(error) => {
                whole = false;
                note(&format!("left out: failed to {error}"));
            }
        }
    }
    Ok((items, whole))
}

pub(super) fn item(state: &StateFolder, stash: &Stash) -> Item {
    let data = CString::new(DATA).unwrap_or_default();
    let bytes = Handle::open(&stash.path).ok().and_then(|folder| weigh(folder.as_fd(), &data).ok());
    Item {
        session: stash.id.to_string(),
        live: stash.is_live(state),
        entries: stash.left().count(),
        bytes: bytes.unwrap_or(0),
        age: stash.used().elapsed().unwrap_or_default().as_secs(),
        folder: stash.path.clone(),
    }
}

fn table(items: &[Item]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["session", "state", "entries", "size", "last used"]);
    for item in items {
        table.add_row([
            item.session.clone(),
            if item.live { "running" } else { "ended" }.to_owned(),
            item.entries.to_string(),
            in_words(item.bytes),
            ago(Duration::from_secs(item.age)),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let total = in_words(items.iter().map(|item| item.bytes).sum());
    format!("{}\n{total} in all\n", table.trim_fmt())
}

/// A number of bytes as a person reads it.
pub(crate) fn in_words(bytes: u64) -> String {
    let units = ["KB", "MB", "GB", "TB"];
    let fits = |&at: &usize| bytes >> (10 * (at + 1)) > 0;
    match (0..units.len()).rev().find(fits) {
        None => format!("{bytes} B"),
        Some(at) => format!("{:.1} {}", bytes as f64 / f64::from(1u32 << 10).powi(at as i32 + 1), units[at]),
    }
}

/// A time that has passed as a person reads it.
pub(super) fn ago(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s ago"),
        seconds @ 120..7200 => format!("{} min ago", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h ago", seconds / 3600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_are_short() {
        assert_eq!(
            [0, 1023, 1024, 1536, 5 << 30].map(in_words),
            ["0 B", "1023 B", "1.0 KB", "1.5 KB", "5.0 GB"]
        );
        assert_eq!(ago(Duration::from_secs(40 * 86_400)), "40 days ago");
        assert_eq!(ago(Duration::from_secs(7199)), "119 min ago");
    }
}
