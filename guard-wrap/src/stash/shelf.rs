//! The folder of stashes: which there are, reading one, and holding one while it is changed.

use super::StashError;
use crate::sessions;
use crate::state::StateFolder;
use helper_daemon::session::SessionId;
use helper_daemon::stash::{Contents, DATA, Gone, How, INDEX, Index, Kept, Kind, Note, Why, read};
use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// For so long a session without a ledger counts as one that is about to begin.
const BEGINNING: Duration = Duration::from_secs(3600);

/// The names of all sessions that have a stash, the oldest first.
pub(crate) fn names(state: &StateFolder) -> Result<Vec<SessionId>, StashError> {
    let folder = state.stashes();
    let refused = |source| StashError::Folder { path: folder.clone(), source };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(refused(e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(refused)?;
        let born = entry.metadata().and_then(|found| found.created()).ok();
        let name = entry.file_name().to_str().and_then(SessionId::parse);
        names.extend(name.map(|name| (second(&name), born, name)));
    }
    // Within one second names are in no order: the folder's birth decides, where it is known.
    names.sort();
    Ok(names.into_iter().map(|(_, _, name)| name).collect())
}

fn second(name: &SessionId) -> String {
    name.as_str().rsplit_once('-').map_or(name.as_str(), |(second, _)| second).to_owned()
}

/// A stash that was read.
#[derive(Debug)]
pub(crate) struct Stash {
    pub(crate) id: SessionId,
    /// Its folder.
    pub(crate) path: PathBuf,
    /// What its index says.
    pub(crate) contents: Contents,
    /// What is in `data`, by number.
    there: HashSet<u64>,
}

impl Stash {
    /// Reads a session's stash. One whose index is not there yet is empty.
    pub(crate) fn read(state: &StateFolder, id: &SessionId) -> Result<Self, StashError> {
        let path = state.stash(id);
        let unreadable = |source| StashError::Unreadable { path: path.clone(), source };
        let missing = |e: &io::Error| e.kind() == ErrorKind::NotFound;
        let contents = match File::open(path.join(INDEX)) {
            Ok(file) => read(BufReader::new(file)).map_err(unreadable)?,
            Err(e) if missing(&e) => Contents::default(),
            Err(e) => return Err(unreadable(e)),
        };
        // After the index: what is taken meanwhile is in neither or in both.
        let mut there = HashSet::new();
        match std::fs::read_dir(path.join(DATA)) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(unreadable)?.file_name();
                    there.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
                }
            }
            Err(e) if missing(&e) => {}
            Err(e) => return Err(unreadable(e)),
        }
        Ok(Self { id: id.clone(), path, contents, there })
    }

    /// What can be put back, in the order it was taken. What was put back and is still in `data` was so only
    /// in part.
    pub(crate) fn left(&self) -> impl DoubleEndedIterator<Item = &(Timestamp, Kept)> {
        self.contents.kept.iter().filter(|(_, kept)| match (self.gone(kept.entry), kept.how) {
            (Some(Why::NotTaken | Why::InGit | Why::Replaced), _) | (Some(Why::Restored), How::Described) => {
                false
            }
            (None, How::Described) => true,
            (None | Some(Why::Restored), _) => self.there.contains(&kept.entry),
        })
    }

    /// Directories that the index says are kept and that are not in `data`: not taken, or back already.
    pub(crate) fn directories_elsewhere(&self) -> impl Iterator<Item = &Kept> {
        let elsewhere = |kept: &&Kept| {
            kept.how == How::Moved
                && kept.meta.kind == Kind::Directory
                && self.gone(kept.entry).is_none()
                && !self.there.contains(&kept.entry)
        };
        self.contents.kept.iter().map(|(_, kept)| kept).filter(elsewhere)
    }

    /// Why an entry is in the stash no more, if the index says so.
    pub(crate) fn gone(&self, entry: u64) -> Option<Why> {
        self.contents.gone.get(&entry).map(|gone| gone.why)
    }

    /// The first number that nothing has.
    pub(crate) fn next(&self) -> u64 {
        let numbers = self.contents.kept.iter().map(|(_, kept)| &kept.entry).chain(&self.there);
        numbers.max().map_or(0, |last| last + 1)
    }

    /// When it was last used.
    pub(crate) fn used(&self) -> SystemTime {
        let time = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
        time(&self.path.join(INDEX)).or_else(|| time(&self.path)).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Whether its session is live, or may be about to begin.
    pub(crate) fn is_live(&self, state: &StateFolder) -> bool {
        sessions::is_live(state, &self.id)
            .unwrap_or_else(|| self.used().elapsed().map_or(true, |age| age < BEGINNING))
    }
}

/// A stash that is held.
#[derive(Debug)]
pub(crate) struct Held {
    _lock: Flock<File>,
    path: PathBuf,
}

impl Held {
    /// Holds a session's stash, so that nobody but its session's helper changes it meanwhile. What was read
    /// before may have changed since.
    pub(crate) fn of(state: &StateFolder, id: &SessionId) -> Result<Self, StashError> {
        let path = state.stash(id);
        let changing = |source| StashError::changing(path.clone(), source);
        let lock = File::open(&path).map_err(changing)?;
        match Flock::lock(lock, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Held { _lock: lock, path }),
            Err((_, Errno::EWOULDBLOCK)) => Err(StashError::Busy { path }),
            Err((_, errno)) => Err(changing(errno.into())),
        }
    }

    /// Its index, for appending. A last line that was cut short is ended first.
    pub(crate) fn index(&self) -> Result<Notes, StashError> {
        let changing = |source| StashError::changing(self.path.clone(), source);
        let options = OpenOptions::new().read(true).append(true).mode(0o600).to_owned();
        let mut file = options.open(self.path.join(INDEX)).map_err(changing)?;
        let length = file.metadata().map_err(changing)?.len();
        let mut last = [b'\n'];
        if length > 0 {
            file.read_exact_at(&mut last, length - 1).map_err(changing)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n").map_err(changing)?;
        }
        Ok(Notes(Index::new(file)))
    }
}

/// The index of a stash that is held.
#[derive(Debug)]
pub(crate) struct Notes(Index<File>);

impl Notes {
    /// Notes that a thing is about to be taken.
    pub(crate) fn kept(&mut self, kept: Kept) -> io::Result<()> {
        self.0.append(Note::Kept(Box::new(kept)), Timestamp::now())
    }

    /// Notes that a thing is in the stash no more.
    pub(crate) fn gone(&mut self, entry: u64, why: Why) -> io::Result<()> {
        self.0.append(Note::Gone(Gone { entry, why }), Timestamp::now())
    }
}
