//! What is granted in a session appears in `temporary_overrides` of its policy file, for whoever looks there; and what
//! a person takes away or shortens there is taken back.
//!
//! Such an entry has the session's name. It lets nothing through by itself: the helper has the grant. `wrap` writes it,
//! as the user and outside the tree; what was granted it reads from the ledger, as everybody else does.

mod edit;

use crate::sessions::{self, Tail};
use crate::state::StateFolder;
use helper_daemon::client::Live;
use helper_daemon::ledger::{Line, OverrideRecord, Record};
use helper_daemon::policy::file::{FileOverride, PolicyFile, parse};
use helper_daemon::policy::operation::Op;
use helper_daemon::session::SessionId;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What an own line of the ledger begins with, if it is of an override.
const OF_AN_OVERRIDE: &[u8] = b"{\"type\":\"override\"";

/// A session's grants, in its policy file.
pub(crate) struct Mirror {
    live: Live,
    state: StateFolder,
    home: PathBuf,
    file: PathBuf,
    tail: Tail,
    granted: Vec<Entry>,
    /// What this process has written into the file.
    shown: Vec<Entry>,
    /// Whether this process has made the file.
    made: bool,
}

/// A grant, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    op: Option<Op>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    once: bool,
    session: SessionId,
}

impl Entry {
    /// `None`: a path that no text has room for, or what is no grant.
    fn of(record: &OverrideRecord, session: &SessionId) -> Option<Self> {
        (record.path_hex.is_none() && record.by.is_some()).then(|| Self {
            path: record.path.clone(),
            expires_at: record.expires_at,
            reason: record.reason.clone(),
            op: record.op,
            once: record.once,
            session: session.clone(),
        })
    }

    fn is_of(&self, path: &Path, op: Option<Op>) -> bool {
        Path::new(&self.path) == path && self.op == op
    }

    fn is_like(&self, other: &Entry) -> bool {
        self.is_of(Path::new(&other.path), other.op)
    }
}

impl Mirror {
    /// Of a session whose policy file is this one, be it there or not.
    pub(crate) fn new(live: Live, state: StateFolder, home: &Path, file: &Path) -> Option<Self> {
        let tail = Tail::open(&state.ledger(&live.session)).ok()?;
        let file = crate::plan::place::resolve(file).0;
        let (granted, shown) = Default::default();
        Some(Self { live, state, home: home.to_owned(), file, tail, granted, shown, made: false })
    }

    /// Writes down what was granted since, and what is over.
    pub(crate) fn look(&mut self) {
        let lines = self.tail.lines().unwrap_or_default();
        for line in lines.iter().filter(|line| line.starts_with(OF_AN_OVERRIDE)) {
            let Ok(Line { record: Record::Override(change), .. }) = serde_json::from_slice(line) else {
                continue;
            };
            let Some(entry) = Entry::of(&change, &self.live.session) else { continue };
            self.granted.retain(|known| !known.is_like(&entry));
            if change.change == "added" {
                self.granted.push(entry);
            }
        }
        self.write();
    }

    /// Takes back what a person has taken away in the file, which has these entries now.
    pub(crate) fn read_back(&mut self, found: &[FileOverride]) {
        let own = |found: &&FileOverride| found.session.as_deref() == Some(self.live.session.as_str());
        let own: Vec<&FileOverride> = found.iter().filter(own).collect();
        for entry in std::mem::take(&mut self.shown) {
            let there = own.iter().find(|found| entry.is_of(&found.path, found.op));
            let path = Path::new(&entry.path);
            match there {
                // What can't be taken back is over already, or will be: the ledger says so.
                None => {
                    let _ = self.live.revoke(path);
                    self.granted.retain(|known| !known.is_like(&entry));
                }
                Some(found) if found.expires_at != entry.expires_at && !entry.once => {
                    let _ = self.live.grant(path, entry.op, found.expires_at, entry.reason.clone());
                    for known in self.granted.iter_mut().filter(|known| known.is_like(&entry)) {
                        known.expires_at = found.expires_at;
                    }
                    self.shown.push(Entry { expires_at: found.expires_at, ..entry });
                }
                Some(_) => self.shown.push(entry),
            }
        }
    }

    /// The session is over, and so is what was granted in it.
    pub(crate) fn end(&mut self) {
        self.granted.clear();
        self.write();
        let is_empty =
            |text: Vec<u8>| parse(&text, &self.home).is_ok_and(|file| file == PolicyFile::default());
        if self.made && fs::read(&self.file).is_ok_and(is_empty) {
            // One that stays says nothing.
            let _ = fs::remove_file(&self.file);
        }
    }

    /// Writes what differs. What can't be written now is tried at the next look.
    fn write(&mut self) {
        if self.granted == self.shown {
            return;
        }
        // The file may be in a folder that others write, too: es-guard's own take turns.
        let Some(folder) = self.file.parent() else { return };
        let Ok(folder) = File::open(folder) else { return };
        let Ok(_turn) = Flock::lock(folder, FlockArg::LockExclusiveNonblock) else { return };
        let text = match fs::read_to_string(&self.file) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => return,
        };
        let old = text.clone().unwrap_or_else(|| "{}\n".to_owned());
        // What is broken is the person's to mend.
        let Ok(found) = parse(old.as_bytes(), &self.home) else { return };
        self.read_back(&found.overrides);
        let new = self.edited(&old);
        if new == old || replace(&self.file, &new, text.is_some()).is_ok() {
            self.made |= text.is_none() && new != old;
            self.shown = self.granted.clone();
        }
    }

    /// The text with this session's grants, and without those of sessions that are over.
    fn edited(&self, text: &str) -> String {
        let read = |element: &str| serde_json::from_str::<Entry>(element).ok();
        let (own, state) = (&self.live.session, &self.state);
        let stays = |entry: &Entry| match &entry.session {
            session if session == own => self.granted.contains(entry),
            session => sessions::is_live(state, session) != Some(false),
        };
        let mut text = edit::without(text, |element| read(element).is_some_and(|entry| !stays(&entry)));
        let there: Vec<Entry> = edit::elements(&text).into_iter().filter_map(read).collect();
        for entry in self.granted.iter().filter(|entry| !there.contains(entry)) {
            // Strings and numbers: there is nothing in it that can't be written.
            text = edit::with(&text, &serde_json::to_string(entry).unwrap_or_default());
        }
        text
    }
}

/// Puts a file of this text in the place of another one, whole at every moment.
fn replace(path: &Path, text: &str, exists: bool) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let next = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let mode = if exists { path.metadata()?.permissions().mode() & 0o777 } else { 0o600 };
    let written = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&next, path)
    };
    written().inspect_err(|_| {
        // What is left of it would be in the way of the next try.
        let _ = fs::remove_file(&next);
    })
}
