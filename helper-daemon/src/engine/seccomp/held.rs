//! What replacers have removed or renamed away and may yet make again, by process and by name.
//!
//! While a name is awaited, what the tree makes there is an edit of what was there: it is not the session's own,
//! so that nobody can remove it afterwards as if nothing had been there before.
//!
//! Nothing here does anything to a file.

use super::below::DirKey;
use crate::denial::Denial;
use endpoint_sec::linux::handle::{Kind, Stat};
use endpoint_sec::linux::process::PidFd;
use std::collections::HashMap;
use std::ffi::CString;
use std::path::PathBuf;

/// How many renamed files of one process are remembered: a script that renames a million is no editor.
const MOST_MOVED: usize = 4096;

/// A file, by whatever name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    dev: u64,
    ino: u64,
    born: i128,
    pub(super) kind: Kind,
}

impl From<&Stat> for Identity {
    fn from(stat: &Stat) -> Self {
        Self { dev: stat.dev, ino: stat.ino, born: stat.born, kind: stat.kind }
    }
}

/// A name in a directory that nobody holds open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) dir: DirKey,
    pub(super) name: CString,
    /// The whole path.
    pub(super) path: PathBuf,
}

/// Something that is in the stash until its process has ended.
#[derive(Debug)]
pub(super) struct Hold {
    /// Its number in the stash.
    pub(super) entry: u64,
    pub(super) file: Identity,
    /// Where it was.
    pub(super) from: Spot,
    /// The name that is to stand for something again: `from`, or what its process had renamed to it.
    pub(super) awaited: Spot,
    /// What has happened if it is not made again.
    pub(super) what: Denial,
}

/// Where something stood that its process has renamed, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    /// The name that it had before.
    pub(super) first: Spot,
    /// The name that it was given last; `None` where something older stood there.
    pub(super) now: Option<Spot>,
}

/// One process that has removed or renamed something.
#[derive(Debug)]
struct Process {
    pidfd: PidFd,
    /// In the order they were taken.
    holds: Vec<Hold>,
    moved: HashMap<Identity, Moved>,
}

/// What a process that has ended leaves.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// What it held, in the order it was taken.
    pub(super) holds: Vec<Hold>,
    /// What it had renamed.
    pub(super) moved: Vec<(Identity, Moved)>,
}

#[derive(Debug, Default)]
struct Awaited {
    /// The processes, each as often as it awaits the name.
    by: Vec<i32>,
    /// What the tree made there last.
    made: Option<Identity>,
}

/// What is held in a session.
#[derive(Debug, Default)]
pub(super) struct Held {
    processes: HashMap<i32, Process>,
    awaited: HashMap<DirKey, HashMap<Vec<u8>, Awaited>>,
}

impl Held {
    pub(super) fn knows(&self, pid: i32) -> bool {
        self.processes.contains_key(&pid)
    }

    /// Adds a process that is not known yet.
    pub(super) fn meet(&mut self, pid: i32, pidfd: PidFd) {
        let process = Process { pidfd, holds: Vec::new(), moved: HashMap::new() };
        self.processes.insert(pid, process);
    }

    /// Remembers what a known process has removed.
    pub(super) fn hold(&mut self, pid: i32, hold: Hold) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        await_name(&mut self.awaited, &hold.awaited, pid);
        process.holds.push(hold);
    }

    /// Remembers what a known process has renamed from one name to another, by the first name that it had.
    pub(super) fn moved(&mut self, pid: i32, file: Identity, from: Spot, to: Spot, was_free: bool) {
        let now = was_free.then(|| to.clone());
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let has_room = process.moved.len() < MOST_MOVED;
        match process.moved.get_mut(&file) {
            // Back where it was.
            Some(moved) if (moved.first.dir, &moved.first.name) == (to.dir, &to.name) => {
                if let Some(moved) = process.moved.remove(&file) {
                    self.release(pid, &moved.first);
                }
            }
            Some(moved) => moved.now = now,
            None if has_room => {
                await_name(&mut self.awaited, &from, pid);
                process.moved.insert(file, Moved { first: from, now });
            }
            None => {}
        }
    }

    /// The first name of something that the process has renamed.
    pub(super) fn first_name(&self, pid: i32, file: Identity) -> Option<&Spot> {
        Some(&self.processes.get(&pid)?.moved.get(&file)?.first)
    }

    /// Notes what the tree has put at a name; `false` where nobody awaits it.
    pub(super) fn put(&mut self, dir: DirKey, name: &[u8], stat: &Stat) -> bool {
        let Some(awaited) = self.awaited.get_mut(&dir).and_then(|names| names.get_mut(name)) else {
            return false;
        };
        awaited.made = Some(Identity::from(stat));
        true
    }

    /// Whether some process may yet make a name again.
    pub(super) fn awaits(&self, dir: DirKey, name: &[u8]) -> bool {
        self.awaited.get(&dir).is_some_and(|names| names.contains_key(name))
    }

    /// What the tree made last at a name that is awaited.
    pub(super) fn made(&self, dir: DirKey, name: &[u8]) -> Option<Identity> {
        self.awaited.get(&dir)?.get(name)?.made
    }

    /// Notes that what the tree had made at a name is gone: its number may come again.
    pub(super) fn unmade(&mut self, dir: DirKey, name: &[u8]) {
        if let Some(awaited) = self.awaited.get_mut(&dir).and_then(|names| names.get_mut(name)) {
            awaited.made = None;
        }
    }

    /// Whether what stands at a name was made by the tree since this process removed what was there before.
    pub(super) fn is_made_anew(&self, pid: i32, dir: DirKey, name: &[u8], stat: &Stat) -> bool {
        let awaited = self.awaited.get(&dir).and_then(|names| names.get(name));
        awaited.is_some_and(|awaited| awaited.made == Some(Identity::from(stat)) && awaited.by.contains(&pid))
    }

    /// The processes that have ended; all of them where no process is left in the tree.
    pub(super) fn ended(&self, deserted: bool) -> Vec<i32> {
        let ended = self.processes.iter().filter(|(_, process)| deserted || process.pidfd.has_ended());
        ended.map(|(pid, _)| *pid).collect()
    }

    /// Forgets a process, and hands over what it leaves: each name that it awaits is awaited until it is
    /// [released](Self::release).
    pub(super) fn take(&mut self, pid: i32) -> Left {
        let Some(process) = self.processes.remove(&pid) else { return Left::default() };
        Left { holds: process.holds, moved: process.moved.into_iter().collect() }
    }

    /// How many processes are known.
    pub(super) fn len(&self) -> usize {
        self.processes.len()
    }

    /// Awaits a name once less for a process.
    pub(super) fn release(&mut self, pid: i32, spot: &Spot) {
        let Some(names) = self.awaited.get_mut(&spot.dir) else { return };
        let name = spot.name.to_bytes();
        if let Some(awaited) = names.get_mut(name) {
            if let Some(at) = awaited.by.iter().position(|by| *by == pid) {
                awaited.by.swap_remove(at);
            }
            if awaited.by.is_empty() {
                names.remove(name);
            }
        }
        if names.is_empty() {
            self.awaited.remove(&spot.dir);
        }
    }
}

fn await_name(awaited: &mut HashMap<DirKey, HashMap<Vec<u8>, Awaited>>, spot: &Spot, pid: i32) {
    let names = awaited.entry(spot.dir).or_default();
    names.entry(spot.name.to_bytes().to_vec()).or_default().by.push(pid);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::judge::Reason;
    use crate::policy::operation::Op;
    use endpoint_sec::linux::handle::Handle;
    use nix::unistd::Pid;
    use std::ffi::CStr;
    use std::path::Path;

    const DIR: DirKey = (1, 2);
    const PID: i32 = 7;

    fn stat(dir: &Path, name: &CStr) -> Stat {
        std::fs::write(dir.join(name.to_str().unwrap()), "").unwrap();
        Handle::open(dir).unwrap().stat_entry(name).unwrap()
    }

    fn spot(name: &CStr) -> Spot {
        Spot { dir: DIR, name: name.to_owned(), path: Path::new("/z").join(name.to_str().unwrap()) }
    }

    fn held_by(pids: &[i32]) -> Held {
        let mut held = Held::default();
        for pid in pids {
            held.meet(*pid, PidFd::open(Pid::this()).unwrap());
        }
        held
    }

    fn hold(entry: u64, file: &Stat, from: &CStr, awaited: &CStr) -> Hold {
        let what = Denial {
            op: Op::Unlink,
            path: spot(from).path,
            dest: None,
            zone: "/z".into(),
            reason: Reason::Removed,
            pid: PID,
            exe: "/bin/tar".into(),
            argv: Vec::new(),
            cwd: "/".into(),
        };
        Hold { entry, file: file.into(), from: spot(from), awaited: spot(awaited), what }
    }

    #[test]
    fn a_name_is_awaited_until_its_last_hold_is_released() {
        let dir = tempfile::tempdir().unwrap();
        let [old, new] = [c"old", c"new"].map(|name| stat(dir.path(), name));
        let mut held = held_by(&[PID, 8]);
        assert!(!held.put(DIR, b"f", &new));
        held.hold(PID, hold(0, &old, c"f", c"f"));
        held.hold(8, hold(1, &new, c"f", c"f"));
        assert!(held.put(DIR, b"f", &new) && !held.put(DIR, b"g", &new) && !held.put((1, 3), b"f", &new));
        assert!(held.is_made_anew(PID, DIR, b"f", &new) && !held.is_made_anew(9, DIR, b"f", &new));
        assert!(!held.is_made_anew(PID, DIR, b"f", &old));
        for pid in [PID, 8] {
            assert!(held.put(DIR, b"f", &new));
            for hold in held.take(pid).holds {
                assert_eq!(held.made(DIR, b"f"), Some((&new).into()));
                held.release(pid, &hold.awaited);
            }
        }
        assert!(!held.put(DIR, b"f", &new) && held.awaited.is_empty() && held.len() == 0);
    }

    #[test]
    fn what_was_renamed_is_known_by_its_first_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = Identity::from(&stat(dir.path(), c"old"));
        let mut held = held_by(&[PID]);
        held.moved(PID, file, spot(c"f"), spot(c"g"), true);
        held.moved(PID, file, spot(c"g"), spot(c"h"), false);
        assert_eq!(held.first_name(PID, file), Some(&spot(c"f")));
        assert!(held.awaited[&DIR].contains_key(b"f".as_slice()) && held.awaited[&DIR].len() == 1);
        assert_eq!(held.processes[&PID].moved[&file].now, None);
        held.moved(PID, file, spot(c"h"), spot(c"f"), true);
        assert_eq!(held.first_name(PID, file), None);
        assert!(held.awaited.is_empty());
    }

    #[test]
    fn processes_end_by_themselves_or_all_together() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let mut held = held_by(&[PID]);
        held.meet(8, PidFd::open(Pid::from_raw(child.id() as i32)).unwrap());
        child.wait().unwrap();
        assert_eq!(held.ended(false), [8]);
        assert_eq!(held.ended(true).len(), 2);
    }
}
