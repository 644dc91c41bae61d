//! The record of one denied operation, and its one rendering for people.

use crate::encoding::{hex_if_needed, path_from};
use crate::policy::judge::Reason;
use crate::policy::operation::Op;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What was denied, by which zone, why, and who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Which operation.
    pub op: Op,
    /// The name that would have gone.
    pub path: PathBuf,
    /// Where it would have gone, for a rename or exchange.
    pub dest: Option<PathBuf>,
    /// The zone that forbids it.
    pub zone: PathBuf,
    /// Why.
    pub reason: Reason,
    /// Who asked: process id.
    pub pid: i32,
    /// Who asked: the executable.
    pub exe: PathBuf,
    /// Who asked: the arguments.
    pub argv: Vec<String>,
    /// Where it was asked.
    pub cwd: PathBuf,
}

impl Denial {
    /// One sentence: what was stopped and why.
    pub fn sentence(&self) -> String {
        let path = printable(&self.path.to_string_lossy());
        let zone = printable(&self.zone.to_string_lossy());
        let dest = self.dest.as_deref().map(|dest| printable(&dest.to_string_lossy())).unwrap_or_default();
        match self.reason {
            Reason::Removed => format!("{path} was not removed: it is in the zone {zone}"),
            Reason::MovedOut => {
                format!("{path} was not moved to {dest}: that is not protected by the zone {zone}")
            }
            Reason::ZoneMoved if self.path == self.zone => {
                format!("{path} was not moved or removed: it is the zone")
            }
            Reason::ZoneMoved => format!("{path} was not moved or removed: it holds the zone {zone}"),
            Reason::Clobbered => format!("{dest} was not replaced by {path}: it is in the zone {zone}"),
            Reason::Sealed => match self.op {
                Op::Signal => format!("{path} was not signalled: it is es-guard itself"),
                Op::Meddle => format!("{path} was not reached into: it is es-guard itself"),
                Op::Mount => format!("{path} was not mounted over: es-guard keeps what is there"),
                _ => self.kept(),
            },
            Reason::Unreadable => format!("{path}, a process that can't be read, was refused an operation"),
            Reason::StashFull => format!("{path} was left alone: the disk of the stash is full"),
            Reason::NotKept => format!("{path} was left alone: it could not be put into the stash"),
            Reason::Unclear => format!("{path} was not touched: where it lies can't be told"),
        }
    }
}

impl Denial {
    /// What was refused for the sake of es-guard's own files, whichever of its names leads there.
    fn kept(&self) -> String {
        let shown = |path: &Path| printable(&path.to_string_lossy());
        let own = |path: &&Path| path.starts_with(&self.zone);
        match (Some(self.path.as_path()).filter(own), self.dest.as_deref().filter(own)) {
            (None, Some(dest)) => format!("{} was not changed: es-guard keeps it for itself", shown(dest)),
            (None, None) if self.zone.starts_with(&self.path) => {
                let (path, zone) = (shown(&self.path), shown(&self.zone));
                format!("{path} was not moved or removed: it holds {zone}, which es-guard keeps for itself")
            }
            _ => format!("{} was not changed: es-guard keeps it for itself", shown(&self.path)),
        }
    }
}

/// Text that came from the tree, with every control character made visible: it is shown on a person's
/// terminal and to an agent.
pub fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if hidden(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// A denial as the ledger has it: readable text, and the bytes of paths that are not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenialRecord {
    op: Op,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    dest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dest_hex: Option<String>,
    zone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone_hex: Option<String>,
    reason: Reason,
    pid: i32,
    exe: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exe_hex: Option<String>,
    argv: Vec<String>,
    cwd: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cwd_hex: Option<String>,
}

impl From<&Denial> for DenialRecord {
    fn from(denial: &Denial) -> Self {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Self {
            op: denial.op,
            path: text(&denial.path),
            path_hex: hex_if_needed(&denial.path),
            dest: denial.dest.as_deref().map(text),
            dest_hex: denial.dest.as_deref().and_then(hex_if_needed),
            zone: text(&denial.zone),
            zone_hex: hex_if_needed(&denial.zone),
            reason: denial.reason,
            pid: denial.pid,
            exe: text(&denial.exe),
            exe_hex: hex_if_needed(&denial.exe),
            argv: denial.argv.clone(),
            cwd: text(&denial.cwd),
            cwd_hex: hex_if_needed(&denial.cwd),
        }
    }
}

impl From<DenialRecord> for Denial {
    fn from(record: DenialRecord) -> Self {
        Self {
            op: record.op,
            path: path_from(&record.path, record.path_hex.as_deref()),
            dest: record.dest.map(|dest| path_from(&dest, record.dest_hex.as_deref())),
            zone: path_from(&record.zone, record.zone_hex.as_deref()),
            reason: record.reason,
            pid: record.pid,
            exe: path_from(&record.exe, record.exe_hex.as_deref()),
            argv: record.argv,
            cwd: path_from(&record.cwd, record.cwd_hex.as_deref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    pub(crate) fn sample() -> Denial {
        Denial {
            op: Op::Rename,
            path: OsString::from_vec(b"/p/\xff".to_vec()).into(),
            dest: Some("/tmp/x".into()),
            zone: "/p".into(),
            reason: Reason::MovedOut,
            pid: 7,
            exe: "/usr/bin/mv".into(),
            argv: vec!["mv".into(), "a".into()],
            cwd: "/p".into(),
        }
    }

    #[test]
    fn a_record_keeps_paths_that_are_not_utf8() {
        let text = serde_json::to_string(&DenialRecord::from(&sample())).unwrap();
        let back: DenialRecord = serde_json::from_str(&text).unwrap();
        assert_eq!(Denial::from(back), sample());
    }

    #[test]
    fn what_es_guard_keeps_is_named_by_the_name_that_leads_there() {
        let told = |path: &str, dest: Option<&str>| {
            let (path, dest) = (path.into(), dest.map(PathBuf::from));
            Denial { path, dest, zone: "/h/own".into(), reason: Reason::Sealed, ..sample() }.sentence()
        };
        assert_eq!(told("/h/own/a", Some("/x")), "/h/own/a was not changed: es-guard keeps it for itself");
        assert_eq!(told("/x", Some("/h/own/a")), "/h/own/a was not changed: es-guard keeps it for itself");
        assert_eq!(
            told("/h", Some("/x")),
            "/h was not moved or removed: it holds /h/own, which es-guard keeps for itself"
        );
    }

    #[test]
    fn a_zone_is_told_from_what_holds_it() {
        let told = |path: &str| {
            let (path, op) = (path.into(), Op::Rmdir);
            Denial { path, dest: None, op, reason: Reason::ZoneMoved, zone: "/h/p".into(), ..sample() }
                .sentence()
        };
        assert_eq!(told("/h/p"), "/h/p was not moved or removed: it is the zone");
        assert_eq!(told("/h"), "/h was not moved or removed: it holds the zone /h/p");
    }

    #[test]
    fn a_sentence_shows_no_control_characters() {
        let denial = Denial { path: "/p/\u{1b}[2J\u{202e}x".into(), ..sample() };
        assert!(!denial.sentence().contains(['\u{1b}', '\u{202e}']), "{}", denial.sentence());
    }
}
