//! What a session's stash gives back. The one place that knows how it is read.

use super::claims::{Lost, told};
use super::look::{Id, Kind, Node, node};
use crate::sandbox::Sandbox;
use helper_daemon::stash::{self, How, Kept};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// What is in the stashes of a sandbox's sessions.
#[derive(Debug, Default)]
pub struct Shelf {
    /// By where it was: the entry, and where it is.
    entries: HashMap<PathBuf, Vec<(Kept, PathBuf)>>,
}

impl Shelf {
    /// Reads them.
    ///
    /// # Panics
    /// When an index can't be read, or has a line that is none.
    pub fn of(sandbox: &Sandbox) -> Self {
        let mut shelf = Self::default();
        let Ok(stashes) = fs::read_dir(sandbox.state().join(stash::FOLDER)) else { return shelf };
        for stash in stashes.flatten().map(|entry| entry.path()) {
            let Ok(index) = File::open(stash.join(stash::INDEX)) else { continue };
            let contents = stash::read(BufReader::new(index)).expect("an index");
            assert!(contents.notes.is_empty(), "{}: {:?}", stash.display(), contents.notes);
            for (_, kept) in contents.left() {
                let at = stash.join(stash::DATA).join(stash::data_name(kept.entry));
                shelf.entries.entry(kept.path.clone()).or_default().push((kept.clone(), at));
            }
        }
        shelf
    }

    /// What is wrong: nothing when the thing can be put back as it was.
    pub fn lacks(&self, base: &Path, lost: &Lost) -> Option<String> {
        let path = base.join(&lost.name);
        let mut found = Vec::new();
        for above in path.ancestors() {
            for (kept, at) in self.entries.get(above).into_iter().flatten() {
                let below = path.strip_prefix(above).unwrap_or(Path::new(""));
                for node in [Some(&lost.node), lost.edited.as_ref()].into_iter().flatten() {
                    match is_there(kept, at, below, node) {
                        Ok(()) => return None,
                        Err(other) => found.push(format!("entry {}: {other}", kept.entry)),
                    }
                }
            }
        }
        let found = if found.is_empty() { "nothing".to_owned() } else { found.join("; ") };
        Some(format!("not kept: {}, {}; the stash has {found}", lost.name, told(&lost.node)))
    }
}

fn is_there(kept: &Kept, at: &Path, below: &Path, lost: &Node) -> Result<(), String> {
    if below.as_os_str().is_empty() && kept.how == How::Described {
        let same = lost.content.kind == Kind::Directory
            && (kept.meta.mode & 0o7777, kept.meta.uid, kept.meta.gid)
                == (lost.content.mode, lost.content.owner.0, lost.content.owner.1);
        return if same { Ok(()) } else { Err("a description of another thing".to_owned()) };
    }
    let at = if below.as_os_str().is_empty() { at.to_owned() } else { at.join(below) };
    let there = node(&at, Id::default()).map_err(|error| error.to_string())?;
    let same = (&there.content, there.modified) == (&lost.content, lost.modified);
    if same { Ok(()) } else { Err(told(&there)) }
}
