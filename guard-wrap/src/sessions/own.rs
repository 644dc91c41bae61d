//! `es-guard sessions show --own`: what a session made that is still there, and what of it the session took away.

use crate::render::fit::count;
use crate::render::report::Report;
use crate::render::rows::place_of;
use crate::render::{FAINT, styled};
use helper_daemon::deeds::{Account, DeedRecord, Did};
use helper_daemon::ledger::Contents;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What is shown of a session's own.
#[derive(Debug, Serialize)]
pub(super) struct Own {
    /// What it made and is there now. Whether a person has changed it since is not told.
    #[serde(serialize_with = "as_text")]
    there: Vec<PathBuf>,
    /// What it took away, in order.
    taken: Vec<DeedRecord>,
    /// Names that it made and took away within a moment.
    short_lived: u64,
    /// Deeds beyond what a ledger lists.
    unlisted: u64,
}

impl Own {
    /// What a ledger and a look at the names tell.
    pub(super) fn of(contents: &Contents) -> Self {
        let Account { left, taken, short_lived, unlisted } = contents.own();
        let there = left.into_iter().filter(|path| path.symlink_metadata().is_ok()).collect();
        Self { there, taken, short_lived, unlisted }
    }

    pub(super) fn text(&self, report: &Report, home: Option<&Path>) -> String {
        let mut out = String::new();
        if !self.there.is_empty() {
            out += &heading("made by the session, still there");
            for path in &self.there {
                out += &format!("{}\n", place_of(path, report, home));
            }
        }
        if !self.taken.is_empty() {
            out += &heading("its own, taken away");
            for deed in &self.taken {
                out += &format!("{}\n", line(deed, report, home));
            }
        }
        let mut rest = Vec::new();
        if self.short_lived > 0 {
            rest.push(format!("{} that came and went within a second", count(self.short_lived, "name")));
        }
        if self.unlisted > 0 {
            rest.push(format!("{} that the ledger counts and does not list", count(self.unlisted, "change")));
        }
        if !rest.is_empty() {
            out += &format!("\nand {}\n", rest.join(", and "));
        }
        if out.is_empty() { "\nthe session made nothing of its own in its zones\n".to_owned() } else { out }
    }
}

/// One change as a line.
pub(super) fn line(deed: &DeedRecord, report: &Report, home: Option<&Path>) -> String {
    let path = place_of(&deed.path(), report, home);
    let dest = deed.dest().map(|dest| format!(" → {}", place_of(&dest, report, home))).unwrap_or_default();
    format!("{:<width$}  {path}{dest}", deed.did.word(), width = Did::Removed.word().len())
}

fn heading(text: &str) -> String {
    format!("\n{}\n", styled(FAINT, text))
}

/// Readable, as everywhere; the ledger has the bytes of those that are not UTF-8.
fn as_text<S: serde::Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}
