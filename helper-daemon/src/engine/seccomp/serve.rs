//! The threads that receive trapped calls and answer them.
//!
//! One thread receives, handles and answers. A call can block it: a file system may answer only once a process
//! of this very tree has done something (FUSE). So a watcher looks on, and where nobody has been receiving for
//! a while, it starts another thread. It sleeps while nothing happens.

use super::explain::Explaining;
use super::keeper::ViewKeeper;
use super::known::Known;
use super::overlay::AllWritten;
use super::own::Own;
use super::settings::{Settings, StartError};
use super::settle::Ends;
use super::single_use::SingleUses;
use super::sort::Heap;
use super::turns::Turns;
use super::who::Who;
use super::{Session, Ward, lock};
use crate::engine::Witness;
use crate::explain::Wording;
use crate::policy::Policy;
use endpoint_sec::linux::filter::Options;
use endpoint_sec::linux::handle::Handle;
use endpoint_sec::linux::listener::Listener;
use endpoint_sec::linux::process::{has_capabilities, own_umask};
use nix::errno::Errno;
use nix::poll::PollTimeout;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long nobody may be receiving before another thread is started.
const PATIENCE: Duration = Duration::from_millis(20);
/// How many looks without an event until the watcher goes to sleep.
const IDLE_LOOKS: u32 = 50;
/// Threads that may hang in a file system at once; beyond it callers wait.
const MAX_THREADS: usize = 64;

/// How long the end of a session waits for what git took to be looked at.
const SORTING: Duration = Duration::from_secs(60);

/// A running engine of one session.
pub struct Seccomp {
    shared: Arc<Shared>,
}

struct Shared {
    session: Session,
    /// Whether some thread receives. Only one does: a second would be woken for every other call.
    receiving: AtomicBool,
    events: AtomicU64,
    /// Events that were answered, and told of.
    finished: AtomicU64,
    threads: AtomicUsize,
    watcher_sleeps: AtomicBool,
    watcher: Mutex<Option<Thread>>,
}

impl Seccomp {
    /// What the filter must trap for an engine in this process: a process that may do more than its user must
    /// know when a caller's credentials change, and one that may not must keep its callers readable.
    pub fn filter_options() -> Result<Options, Errno> {
        let privileged = has_capabilities()?;
        Ok(Options { keep_readable: !privileged, watch_credentials: privileged, defend: false })
    }

    /// Starts judging what arrives at `listener`.
    pub fn start(
        listener: Listener,
        settings: Settings,
        witness: Arc<dyn Witness>,
    ) -> Result<Self, StartError> {
        let Settings { policy, stance, wards, kept, stash, clerk, on_confined } = settings;
        let written_to = AllWritten::default();
        let session = Session {
            view: Mutex::new(ViewKeeper::new(policy, written_to.clone()).map_err(StartError::View)?),
            own: Mutex::new(Own::default()),
            ends: Ends::new(&listener).map_err(StartError::View)?,
            single_uses: SingleUses::default(),
            who: Who::new().map_err(StartError::Credentials)?,
            known: Known::new().map_err(StartError::View)?,
            stance,
            wards: RwLock::new(wards),
            stash,
            dates: Mutex::default(),
            explaining: Explaining::default(),
            heap: Heap::default(),
            kept: kept.into_iter().collect(),
            clerk,
            confined: AtomicBool::new(false),
            on_confined,
            written_to,
            turns: Turns::default(),
            witness,
            listener,
        };
        let shared = Arc::new(Shared {
            session,
            receiving: AtomicBool::new(false),
            events: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            threads: AtomicUsize::new(0),
            watcher_sleeps: AtomicBool::new(true),
            watcher: Mutex::new(None),
        });
        shared.add_thread().map_err(StartError::Thread)?;
        let watched = shared.clone();
        let watcher =
            thread::Builder::new().name("watcher".into()).stack_size(64 << 10).spawn(move || watched.watch());
        *lock(&shared.watcher) = Some(watcher.map_err(StartError::Thread)?.thread().clone());
        Ok(Self { shared })
    }

    /// Waits until whatever was answered by now has been told of, too, so long at most.
    pub fn catch_up(&self, patience: Duration) {
        let answered = self.shared.events.load(Ordering::SeqCst);
        let until = Instant::now() + patience;
        while self.shared.finished.load(Ordering::SeqCst) < answered && Instant::now() < until {
            thread::sleep(Duration::from_micros(50));
        }
    }

    /// Waits until whatever was answered by now has been told of, too: a caller may end before its denial is
    /// recorded. A call that hangs in a file system is not waited for. What ended processes held is then settled.
    pub fn settle(&self) {
        self.catch_up(Duration::from_secs(1));
        let session = &self.shared.session;
        let patience = Instant::now() + Duration::from_secs(1);
        // What a call that hangs keeps from being settled stays in the stash.
        while !session.settle_now() && (session.ends.are_being_settled() || Instant::now() < patience) {
            thread::sleep(Duration::from_micros(50));
        }
        self.shared.session.heap.settle(SORTING);
    }

    /// Waits until no process is left in the tree.
    pub fn wait_until_deserted(&self) {
        while !self.shared.session.listener.is_deserted(PollTimeout::NONE) {}
    }

    /// One more of es-guard's processes that the tree could reach.
    pub fn add_ward(&self, ward: Ward) {
        self.shared.session.add_ward(ward);
    }

    /// Tells commands why they are refused something, from now on.
    pub fn explain(&self, wording: Wording) {
        let _ = self.shared.session.explaining.wording.set(wording);
    }

    /// Whether the session itself has made what is at a path, as this process sees it.
    pub fn owns(&self, path: &Path) -> bool {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let Ok(name) = CString::new(name.as_bytes()) else { return false };
        let looked = Handle::open(parent).and_then(|dir| Ok((dir.stat()?, dir.identify(&name)?)));
        let Ok((dir, stat)) = looked else { return false };
        lock(&self.shared.session.own).has((dir.dev, dir.ino), name.as_bytes(), &stat)
    }

    /// Judges by another policy from the next call on.
    pub fn set_policy(&self, policy: Policy) {
        lock(&self.shared.session.view).set_policy(policy);
    }
}

impl Shared {
    fn add_thread(self: &Arc<Self>) -> std::io::Result<()> {
        self.threads.fetch_add(1, Ordering::SeqCst);
        let shared = self.clone();
        let spawned =
            thread::Builder::new().name("judge".into()).stack_size(1 << 20).spawn(move || shared.serve());
        if spawned.is_err() {
            self.threads.fetch_sub(1, Ordering::SeqCst);
        }
        spawned.map(drop)
    }

    /// Receives and answers until another thread does.
    fn serve(self: &Arc<Self>) {
        // Without a mask of its own this thread could not create files for callers: it then only lets the
        // kernel go on.
        if own_umask().is_err() {
            self.session.confine();
        }
        loop {
            if self.receiving.swap(true, Ordering::SeqCst) {
                break;
            }
            let received = self.session.listener.receive();
            self.receiving.store(false, Ordering::SeqCst);
            let trapped = match received {
                Ok(trapped) => trapped,
                // Its caller is gone, or a signal came in; or nobody is left who could call.
                Err(Errno::ENOENT | Errno::EINTR) => {
                    if self.session.listener.is_deserted(PollTimeout::ZERO) {
                        break;
                    }
                    continue;
                }
                // The listener is unusable: without it every guarded call fails, which is what must happen.
                Err(_) => std::process::exit(1),
            };
            self.events.fetch_add(1, Ordering::SeqCst);
            if self.watcher_sleeps.swap(false, Ordering::SeqCst)
                && let Some(watcher) = lock(&self.watcher).as_ref()
            {
                watcher.unpark();
            }
            self.session.attend(&trapped);
            self.finished.fetch_add(1, Ordering::SeqCst);
            if self.session.ends.want_thread() {
                self.add_settler();
            }
            if self.session.heap.wants_thread() {
                self.add_sorter();
            }
        }
        self.threads.fetch_sub(1, Ordering::SeqCst);
    }

    /// Without this thread what is held is settled when the tree next asks for something, and at its end.
    fn add_settler(self: &Arc<Self>) {
        let shared = self.clone();
        let settle = move || shared.session.settle_as_they_end();
        let _ = thread::Builder::new().name("settler".into()).stack_size(1 << 20).spawn(settle);
    }

    /// Without this thread everything that git takes stays in the stash, untold.
    fn add_sorter(self: &Arc<Self>) {
        let shared = self.clone();
        let sort = move || shared.session.sort();
        let _ = thread::Builder::new().name("sorter".into()).stack_size(1 << 20).spawn(sort);
    }

    fn watch(self: Arc<Self>) {
        let (mut last, mut idle) = (0, 0);
        loop {
            if idle >= IDLE_LOOKS {
                self.session.witness.rests();
                self.watcher_sleeps.store(true, Ordering::SeqCst);
                thread::park();
                idle = 0;
            } else {
                thread::sleep(PATIENCE);
            }
            if self.session.listener.is_deserted(PollTimeout::ZERO) {
                return;
            }
            let now = self.events.load(Ordering::Relaxed);
            idle = if now == last { idle + 1 } else { 0 };
            // If nobody receives, and nothing was received since the last look, everybody is stuck.
            if !self.receiving.load(Ordering::SeqCst) {
                idle = 0;
                if now == last && self.threads.load(Ordering::SeqCst) < MAX_THREADS {
                    let _ = self.add_thread();
                }
            }
            last = now;
        }
    }
}
