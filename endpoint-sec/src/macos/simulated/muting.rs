//! Which events a client is not told of, as `ESClient.h` has it in its flow chart.

use endpoint_sec_sys::macos::result::{
    INVERT_PATH, INVERT_PROCESS, INVERT_TARGET_PATH, MUTE_PATH_LITERAL, MUTE_PATH_PREFIX,
    MUTE_PATH_TARGET_LITERAL, MUTE_PATH_TARGET_PREFIX,
};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A client's three lists.
#[derive(Debug, Default)]
pub(super) struct Muting {
    /// pid and generation. The headers do not say what an exec does to it; the harsher is assumed, that it is gone.
    pub(super) processes: Vec<(i32, u32)>,
    paths: Vec<Entry>,
    inverted: [bool; 3],
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    kind: u32,
    path: PathBuf,
    /// `None`: all.
    events: Option<Vec<u32>>,
}

/// What is looked at.
pub(super) struct Subject<'a> {
    pub(super) event_type: u32,
    pub(super) process: (i32, u32),
    pub(super) executable: &'a Path,
    /// Empty for events that are about no path.
    pub(super) targets: &'a [PathBuf],
}

impl Muting {
    /// What the system puts there: itself.
    pub(super) fn by_default() -> Self {
        let own = |kind, path: &str| Entry { kind, path: path.into(), events: None };
        Self {
            paths: vec![
                own(MUTE_PATH_LITERAL, "/usr/libexec/watchdogd"),
                own(MUTE_PATH_PREFIX, "/System/Library/PrivateFrameworks/"),
                own(MUTE_PATH_TARGET_PREFIX, "/private/var/db/uuidtext/"),
            ],
            ..Self::default()
        }
    }

    /// Whether an event is left out.
    pub(super) fn leaves_out(&self, subject: &Subject<'_>) -> bool {
        let [process, path, target] = self.inverted;
        let in_processes = self.processes.contains(&subject.process);
        let in_paths = self.has(subject.executable, subject.event_type, MUTE_PATH_PREFIX, MUTE_PATH_LITERAL);
        let mut targets = subject.targets.iter().map(|path| {
            self.has(path, subject.event_type, MUTE_PATH_TARGET_PREFIX, MUTE_PATH_TARGET_LITERAL)
        });
        let by_target = match subject.targets {
            [] => false,
            _ if target => !targets.any(|muted| muted),
            _ => targets.all(|muted| muted),
        };
        in_processes != process || in_paths != path || by_target
    }

    fn has(&self, path: &Path, event_type: u32, prefix: u32, literal: u32) -> bool {
        self.paths.iter().any(|entry| {
            let matches = if entry.kind == prefix {
                path.as_os_str().as_bytes().starts_with(entry.path.as_os_str().as_bytes())
            } else {
                entry.kind == literal && path == entry.path
            };
            matches && entry.events.as_ref().is_none_or(|events| events.contains(&event_type))
        })
    }

    pub(super) fn mute_path(&mut self, kind: u32, path: PathBuf, events: Option<Vec<u32>>) {
        self.paths.push(Entry { kind, path, events });
    }

    pub(super) fn unmute_path(&mut self, kind: u32, path: &Path) {
        self.paths.retain(|entry| entry.kind != kind || entry.path != path);
    }

    /// Empties the list of executables, or that of what events are about.
    pub(super) fn unmute_all(&mut self, targets: bool) {
        let is_target = |kind| matches!(kind, MUTE_PATH_TARGET_PREFIX | MUTE_PATH_TARGET_LITERAL);
        self.paths.retain(|entry| is_target(entry.kind) != targets);
    }

    /// Turns a list round; `None` for one that there is not.
    pub(super) fn invert(&mut self, list: u32) -> Option<()> {
        let inverted = self.inverted.get_mut(Self::index(list)?)?;
        *inverted = !*inverted;
        Some(())
    }

    pub(super) fn is_inverted(&self, list: u32) -> Option<bool> {
        Some(self.inverted[Self::index(list)?])
    }

    fn index(list: u32) -> Option<usize> {
        [INVERT_PROCESS, INVERT_PATH, INVERT_TARGET_PATH].iter().position(|known| *known == list)
    }
}
