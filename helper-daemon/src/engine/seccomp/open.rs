//! Performing an open for writing on what was resolved, and handing the caller the descriptor.
//!
//! What stands at the name may change between the look and the open: what was opened is looked at again, and
//! nothing is cut before.

use super::create::New;
use super::{Case, Outcome, Reply, Seen, Session, there};
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::caller::Unread;
use endpoint_sec::linux::event::At;
use endpoint_sec::linux::handle::{self, Handle, Kind, Stat};
use endpoint_sec::linux::listener::Answer;
use endpoint_sec::linux::resolve::{Entry, Last};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::SFlag;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

/// How often a name may change between a look and the open until the caller is told to try again.
const TRIES: usize = 16;
/// How long to wait for a fifo's reader before asking again.
const FIFO_LOOK: Duration = Duration::from_millis(5);
/// `/dev/tty`: whatever terminal is the caller's.
const CONTROLLING_TERMINAL: (u32, u32) = (5, 0);

/// What was resolved: a name, or an object without one.
enum Target {
    Name {
        dir: Handle,
        name: CString,
        /// For what has gone since it was seen, and is made anew.
        mode: u32,
    },
    Object(Handle),
}

impl Session {
    /// Opens for writing, makes the file where that is asked for.
    pub(super) fn open(&self, case: Case, at: &At, flags: i32, mode: u32) -> Result<Outcome, Unread> {
        for _ in 0..TRIES {
            if let Some(outcome) = self.try_open(case, at, flags, mode)? {
                return Ok(outcome);
            }
        }
        Ok(Answer::Fail(Errno::EAGAIN).into())
    }

    /// `None`: the name has changed meanwhile.
    fn try_open(&self, case: Case, at: &At, flags: i32, mode: u32) -> Result<Option<Outcome>, Unread> {
        let has = |flag: OFlag| flags & flag.bits() == flag.bits();
        let fails = |errno| Ok(Some(Answer::Fail(errno).into()));
        let new_only = has(OFlag::O_CREAT | OFlag::O_EXCL);
        let last = self.last(case, at, !new_only && !has(OFlag::O_NOFOLLOW))?;
        let view = self.view();
        let entry = match last {
            Last::Object(object) => {
                if let Some(refused) = self.sealed_object(case, &view, &object) {
                    return Ok(Some(refused));
                }
                let stat = object.stat().map_err(Unread::Bare)?;
                return self.open_target(case, Target::Object(object), &stat, flags);
            }
            Last::Entry(entry) => entry,
        };
        let seen = Seen { dir: entry.dir.stat().map_err(Unread::Bare)?, entry };
        if seen.entry.is_special() {
            return fails(if new_only { Errno::EEXIST } else { Errno::EISDIR });
        }
        let stat = match there(seen.entry.stat()).map_err(Unread::Bare)? {
            None if has(OFlag::O_CREAT) && seen.entry.wants_directory() => return fails(Errno::EISDIR),
            None if has(OFlag::O_CREAT) => {
                return match self.sealed_entry(case, &view, &seen) {
                    Some(refused) => Ok(Some(refused)),
                    None => self.open_new(case, &view, seen, flags, mode),
                };
            }
            None => return fails(Errno::ENOENT),
            Some(stat) => stat,
        };
        match stat.kind {
            _ if new_only => return fails(Errno::EEXIST),
            Kind::Directory => return fails(Errno::EISDIR),
            _ if seen.entry.wants_directory() => return fails(Errno::ENOTDIR),
            Kind::Symlink if has(OFlag::O_NOFOLLOW) => return fails(Errno::ELOOP),
            Kind::Symlink => return Ok(None),
            _ => {}
        }
        if let Some(refused) = self.sealed_entry(case, &view, &seen) {
            return Ok(Some(refused));
        }
        if has(OFlag::O_CREAT) {
            self.known.take_on_mask(&case.caller)?;
        }
        let Entry { dir, name } = seen.entry;
        self.open_target(case, Target::Name { dir, name, mode }, &stat, flags)
    }

    fn open_new(
        &self,
        case: Case,
        view: &super::View,
        seen: Seen,
        flags: i32,
        mode: u32,
    ) -> Result<Option<Outcome>, Unread> {
        let excl = flags & OFlag::O_EXCL.bits() != 0;
        Ok(match self.make_file(case, view, seen, flags, mode)? {
            New::Made { fd, made, deed } => Some(Outcome { deed, ..answer(fd, flags, Some(made)) }),
            New::Failed(Errno::EEXIST) if !excl => None,
            New::Failed(errno) => Some(Answer::Fail(errno).into()),
        })
    }

    fn open_target(
        &self,
        case: Case,
        target: Target,
        stat: &Stat,
        flags: i32,
    ) -> Result<Option<Outcome>, Unread> {
        let kind = SFlag::from_bits_truncate(stat.mode & SFlag::S_IFMT.bits());
        if kind == SFlag::S_IFCHR && stat.rdev == CONTROLLING_TERMINAL {
            return self.open_terminal(case, flags).map(Some);
        }
        let fifo = kind == SFlag::S_IFIFO;
        // One that is opened for reading only (with O_CREAT or O_TRUNC) waits in the kernel, and this thread with it.
        let writes_and_waits = OFlag::O_WRONLY.bits();
        let waits = fifo && flags & (OFlag::O_ACCMODE | OFlag::O_NONBLOCK).bits() == writes_and_waits;
        let asked = if waits { flags | OFlag::O_NONBLOCK.bits() } else { flags };
        let fd = loop {
            match self.open_once(case, &target, asked) {
                // Nobody reads it yet. A caller that was killed meanwhile waits no more.
                Err(Errno::ENXIO) if waits && self.listener.still_valid(case.id) => {
                    std::thread::sleep(FIFO_LOOK)
                }
                Err(Errno::ELOOP | Errno::ENOENT) if matches!(target, Target::Name { .. }) => {
                    return Ok(None);
                }
                Err(errno) => return Ok(Some(Answer::Fail(errno).into())),
                Ok(fd) => break fd,
            }
        };
        let opened = handle::stat_fd(fd.as_fd()).map_err(Unread::Bare)?;
        if let Some(refused) = self.sealed_twin(case, &self.view(), &opened, Default::default) {
            return Ok(Some(refused));
        }
        if waits
            && OFlag::from_bits_truncate(fcntl(&fd, FcntlArg::F_GETFL).map_err(Unread::Bare)?)
                .contains(OFlag::O_NONBLOCK)
        {
            fcntl(&fd, FcntlArg::F_SETFL(OFlag::from_bits_truncate(flags) & !OFlag::O_NONBLOCK))
                .map_err(Unread::Bare)?;
        }
        if flags & OFlag::O_TRUNC.bits() != 0 && opened.kind == Kind::Regular {
            let cut = Act::Reopen { object: fd.as_raw_fd(), flags };
            if let Err(errno) = self.open_as(&case.caller, &cut) {
                return Ok(Some(Answer::Fail(errno).into()));
            }
        }
        Ok(Some(answer(fd, flags, None)))
    }

    fn open_once(&self, case: Case, target: &Target, flags: i32) -> Result<OwnedFd, Errno> {
        let flags = flags & !OFlag::O_TRUNC.bits();
        let (act, in_procfs) = match target {
            Target::Name { dir, name, mode } => {
                (Act::OpenExisting { dir, name, flags, mode: *mode }, dir.in_procfs()?)
            }
            Target::Object(object) => {
                (Act::Reopen { object: object.as_raw_fd(), flags }, object.in_procfs()?)
            }
        };
        // What procfs shows depends on who opens it: never on what this process may.
        if in_procfs { self.open_strictly_as(&case.caller, &act) } else { self.open_as(&case.caller, &act) }
    }

    /// `/dev/tty` is the terminal of whoever opens it: here, the caller's, by its own device.
    fn open_terminal(&self, case: Case, flags: i32) -> Result<Outcome, Unread> {
        let Some(terminal) = case.caller.terminal()? else { return Ok(Answer::Fail(Errno::ENXIO).into()) };
        let act = Act::Reopen { object: terminal.as_raw_fd(), flags };
        Ok(match self.open_as(&case.caller, &act) {
            Ok(fd) => answer(fd, flags, None),
            Err(errno) => Answer::Fail(errno).into(),
        })
    }
}

fn answer(fd: OwnedFd, flags: i32, made: Option<super::create::Made>) -> Outcome {
    let cloexec = flags & OFlag::O_CLOEXEC.bits() != 0;
    Outcome { reply: Reply::Descriptor { fd, cloexec, made }, told: None, deed: None }
}
