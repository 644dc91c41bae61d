//! What the monitor holds in the kernel: the programs of the engine `bpf-lsm`, and the tables of the sessions that are
//! judged there.
//!
//! Nothing is loaded before somebody asks for it. What is loaded is pinned: it holds without this process, and the next
//! monitor takes it up. Of a worker this reads words of a fixed form ([`words`]), and writes what it asks for under the
//! number of its own session alone, which binds no process but that session's.

mod sessions;
mod table;

pub(super) use sessions::{Session, Sessions};
pub(super) use table::lowered;

use super::hire::{Happened, Id};
use super::log;
use crate::desk::trees::{Kept, Process};
use crate::engine::bpf_lsm::places::Machine;
use crate::engine::bpf_lsm::words;
use crate::engine::probe;
use crate::policy::table::{FileId, Looked, Places};
use endpoint_sec::linux::bpf::layout::es_session;
use endpoint_sec::linux::bpf::{Floor, Kind, Record, Records};
use endpoint_sec::linux::token::AuditToken;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use tokio::sync::mpsc;

/// Where what is loaded is pinned, unless `--bpf` says otherwise.
pub const PINS: &str = "/sys/fs/bpf/es-guard";

/// So many records are passed on in one go: more than the kernel has room for at a time.
const AT_ONCE: usize = 1 << 17;

/// How often it is looked for a record that is not there yet, and how long apart.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(1);

/// What the monitor holds in the kernel.
pub(super) struct InKernel {
    pins: PathBuf,
    floor: Option<Floor>,
    /// Why nothing could be loaded when that was last tried.
    failed: Option<String>,
    /// What the programs tell; there with `floor`.
    records: Option<Records>,
    pub(super) sessions: Sessions,
    events: mpsc::UnboundedSender<(Id, Happened)>,
    /// Says to who waits for the kernel's word that it was passed on.
    passed_on: Option<Sender<()>>,
}

impl InKernel {
    /// Takes up what an earlier monitor has loaded and pinned there.
    pub(super) fn new(pins: PathBuf, events: mpsc::UnboundedSender<(Id, Happened)>) -> Self {
        let sessions = Sessions::default();
        let mut held =
            Self { pins, floor: None, failed: None, records: None, sessions, events, passed_on: None };
        if has_entries(&held.pins)
            && let Err(why) = held.floor()
        {
            let message = "what guards sessions in the kernel can't be taken up: it holds on as it is";
            log::error(message, &[("pins", &held.pins.display()), ("reason", &why)]);
        }
        held
    }

    /// What is loaded, which is loaded now where it was not. `Err` says why it can't be.
    pub(super) fn floor(&mut self) -> Result<&mut Floor, String> {
        if self.floor.is_none() {
            match self.load() {
                Ok(floor) => self.floor = Some(floor),
                Err(why) => {
                    self.failed = Some(why.clone());
                    return Err(why);
                }
            }
        }
        self.floor.as_mut().ok_or_else(|| "nothing is loaded".to_owned())
    }

    /// The same for who can do without: what could not be loaded once is not tried anew each time.
    pub(super) fn floor_if_it_can(&mut self) -> Result<&mut Floor, String> {
        if self.floor.is_none() {
            if let Some(why) = &self.failed {
                return Err(why.clone());
            }
            let kernel = probe::bpf_lsm_of_the_kernel();
            if !kernel.available {
                let why = kernel.reasons.join("; ");
                self.failed = Some(why.clone());
                return Err(why);
            }
        }
        self.floor().inspect_err(|why| {
            log::warning(
                "nothing can be guarded in the kernel, until another session needs it",
                &[("reason", why)],
            );
        })
    }

    fn load(&mut self) -> Result<Floor, String> {
        let mut floor = Floor::open(&self.pins).map_err(|error| error.to_string())?;
        let me = AuditToken::of(std::process::id() as i32).ok_or("this process has no start time")?;
        floor.protect(me).map_err(|error| error.to_string())?;
        for (number, session) in floor.sessions().map_err(|error| error.to_string())? {
            self.sessions.left(number, session.uid);
        }
        let records = floor.records().map_err(|error| error.to_string())?;
        let ring = records.as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
        self.records = Some(records);
        self.passed_on = Some(listen(ring, self.events.clone()).map_err(|error| error.to_string())?);
        log::info("guarding in the kernel", &[("pins", &self.pins.display())]);
        Ok(floor)
    }

    /// What the kernel knows of a process by itself.
    pub(super) fn kept(&self, process: &Process) -> Kept {
        let Some(floor) = &self.floor else {
            // Of what can't be taken up nothing can be told.
            return if has_entries(&self.pins) { Kept::Untold } else { Kept::Outside };
        };
        match process.token().map(|token| floor.session_of(token)) {
            Some(Ok(None)) => Kept::Outside,
            Some(Ok(Some(number))) => Kept::Inside(number),
            Some(Err(_)) | None => Kept::Untold,
        }
    }

    /// What is pinned is in the first of these directories, which the others hold.
    pub(super) fn pinned(&self) -> Vec<FileId> {
        let machine = Machine::now();
        let ids = self.pins.ancestors().filter_map(|path| match machine.look(path) {
            Looked::Directory(id) => Some(id),
            _ => None,
        });
        ids.collect()
    }

    /// What the kernel has told was passed on: it may tell more.
    pub(super) fn go_on(&self) {
        // Who waits for it lives as long as this.
        let _ = self.passed_on.as_ref().map(|passed_on| passed_on.send(()));
    }

    /// Passes on what the kernel has told since.
    pub(super) fn pass_on(&mut self) {
        let Some(records) = &mut self.records else { return };
        let mut ended = Vec::new();
        for _ in 0..AT_ONCE {
            let Some(bytes) = records.next() else { break };
            match Record::head(&bytes) {
                Some((Kind::Denial, session)) => self.sessions.denied(session, bytes),
                Some((Kind::TreeEnded, session)) => ended.push(session),
                None => log::error("the kernel told what nobody understands", &[("bytes", &bytes.len())]),
            }
        }
        for number in ended {
            self.tree_ended(number);
        }
        self.tell_of_counts();
    }

    /// The same until everything was read of a session that was denied by now: a record may be hidden for a moment behind
    /// one that another processor has begun.
    pub(super) fn pass_all_on(&mut self, number: u32) {
        for _ in 0..TRIES {
            let counts = self.floor.as_ref().and_then(|floor| floor.session(number).ok().flatten());
            self.pass_on();
            let session = self.sessions.get(number);
            let read =
                |counts: es_session| session.is_none_or(|it| it.has_read_all(counts.denied, counts.lost));
            if counts.is_none_or(read) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// What had no room in the kernel, told with what had none here; and what went of the sessions' own.
    fn tell_of_counts(&mut self) {
        let Some(floor) = &self.floor else { return };
        for (number, session) in self.sessions.iter() {
            if let Ok(Some(counts)) = floor.session(number) {
                session.has_lost(counts.lost);
                session.has_let_go(counts.own);
            }
        }
    }

    /// The last process of a tree has ended.
    fn tree_ended(&mut self, number: u32) {
        match self.sessions.get(number) {
            Some(session) if session.is_served() => session.tell(words::Kind::Empty, Vec::new()),
            // Nobody is left to close its books, or to come back to it.
            Some(session) if session.is_orphan() => self.end(number),
            Some(session) => session.is_empty = true,
            None => self.end(number),
        }
    }

    /// Whether a tree has no process (any more).
    pub(super) fn is_empty(&self, number: u32) -> bool {
        let counts = self.floor.as_ref().map(|floor| floor.session(number));
        matches!(counts, Some(Ok(None))) || matches!(counts, Some(Ok(Some(counts))) if counts.alive == 0)
    }

    /// Takes everything of a session out of the kernel. Its tree must be empty.
    pub(super) fn end(&mut self, number: u32) {
        let wards = self.sessions.remove(number).map(|session| session.wards).unwrap_or_default();
        let Some(floor) = &mut self.floor else { return };
        for ward in wards {
            // One that is gone needs no defence, and is found by nobody.
            let _ = floor.unprotect(ward);
        }
        if let Err(error) = floor.end(number) {
            log::error(
                "a session could not be taken out of the kernel",
                &[("number", &number), ("error", &error)],
            );
        }
    }
}

/// Waits for the kernel's word, and tells of it, once each time that what it said was passed on.
fn listen(ring: OwnedFd, events: mpsc::UnboundedSender<(Id, Happened)>) -> io::Result<Sender<()>> {
    let (passed_on, next) = channel();
    let thread = std::thread::Builder::new().name("kernel".into()).stack_size(128 << 10);
    thread.spawn(move || {
        loop {
            let mut fds = [PollFd::new(ring.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                Err(_) => return,
                Ok(_) => {}
            }
            if events.send((0, Happened::Recorded)).is_err() || next.recv().is_err() {
                return;
            }
        }
    })?;
    Ok(passed_on)
}

/// Whether somebody has pinned something there.
fn has_entries(pins: &Path) -> bool {
    std::fs::read_dir(pins).is_ok_and(|mut entries| entries.next().is_some())
}
