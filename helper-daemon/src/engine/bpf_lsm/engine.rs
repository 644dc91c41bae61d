//! One session of the engine, in its worker: what is in force in the kernel, and following what the policy names.

use super::bytes::{Clock, encode};
use super::holder::{Hears, Holder, NotDone};
use super::places::Machine;
use super::told::denial;
use super::unsupported::supports;
use crate::engine::Unsupported;
use crate::engine::Witness;
use crate::policy::Policy;
use crate::policy::table::{FileId, Looked, NotLowered, Places, Table};
use endpoint_sec::linux::bpf::Record;
use endpoint_sec::linux::handle::Handle;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked whether something that the policy names has moved, appeared or been made again.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Of the time, looking takes no more than one in so many parts.
const SHARE: u32 = 20;
/// Of so many versions it is known what their zones are: records may be older than the newest.
const VERSIONS: usize = 16;

/// What a session of the engine is started with.
#[derive(Debug)]
pub struct Settings {
    /// What is judged by.
    pub policy: Policy,
    /// Files that es-guard records the session in.
    pub kept: Vec<FileId>,
    /// Whether no engine is above it that tells what becomes of the session's own.
    pub alone: bool,
}

/// Why the session can't be guarded so.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each has its own words")]
pub enum NotGuarded {
    #[error("failed to {0}")]
    Unsupported(#[from] Unsupported),
    #[error("failed to {0}")]
    NotLowered(#[from] NotLowered),
    #[error("{0}")]
    NotDone(#[from] NotDone),
    #[error("start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// One session.
#[derive(Debug)]
pub struct BpfLsm {
    shared: Arc<Shared>,
    over: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Shared {
    holder: Arc<Holder>,
    kept: Vec<FileId>,
    force: Mutex<Force>,
    zones: Versions,
}

/// What is in force.
#[derive(Debug)]
struct Force {
    policy: Policy,
    table: Table,
    clock: Clock,
    version: u32,
    /// The directories that zones were, by the zones' paths.
    roots: Vec<(PathBuf, FileId, Handle)>,
}

/// The zones of each version.
type Versions = Arc<Mutex<BTreeMap<u32, Vec<PathBuf>>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BpfLsm {
    /// Guards the process that the holder of the tables was told of, and all that come from it.
    pub fn start(
        holder: Arc<Holder>,
        settings: Settings,
        witness: Arc<dyn Witness>,
    ) -> Result<Self, NotGuarded> {
        let Settings { policy, kept, alone } = settings;
        supports(&policy)?;
        let zones = Versions::default();
        holder.listen(Ear { zones: zones.clone(), alone, witness })?;
        holder.greeted()?;
        let (table, clock) = (Table::default(), Clock::now());
        let force = Force { policy: policy.clone(), table, clock, version: 0, roots: Vec::new() };
        let shared = Arc::new(Shared { holder, kept, force: Mutex::new(force), zones });
        shared.judge_by(policy)?;
        shared.holder.arm()?;
        let over = Arc::new(AtomicBool::new(false));
        let (follows, ends) = (shared.clone(), over.clone());
        std::thread::Builder::new().name("places".into()).spawn(move || follows.follow(&ends))?;
        Ok(Self { shared, over })
    }

    /// Judges by another policy from now on.
    pub fn set_policy(&self, policy: Policy) -> Result<(), NotGuarded> {
        supports(&policy)?;
        self.shared.judge_by(policy)
    }

    /// Waits until whatever was denied by now has been told of.
    pub fn settle(&self) {
        // What can't be told of now is told of once there is somebody to tell it.
        let _ = self.shared.holder.settle();
    }
}

impl Drop for BpfLsm {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn judge_by(&self, policy: Policy) -> Result<(), NotGuarded> {
        let mut force = lock(&self.force);
        let table = force.lowered(&policy, &self.kept)?;
        self.put_in_force(&mut force, table, Clock::now())?;
        force.policy = policy;
        Ok(())
    }

    fn put_in_force(&self, force: &mut Force, table: Table, clock: Clock) -> Result<(), NotDone> {
        let version = force.version + 1;
        let mut zones = lock(&self.zones);
        zones.insert(version, table.zones.clone());
        while zones.len() > VERSIONS {
            zones.pop_first();
        }
        drop(zones);
        // What was given up halfway had this number, too.
        force.version = version;
        self.holder.judge_by(version, &encode(&table, clock))?;
        (force.table, force.clock) = (table, clock);
        Ok(())
    }

    /// Looks again and again, until the session is over.
    fn follow(&self, over: &AtomicBool) {
        while !over.load(Ordering::SeqCst) && !self.holder.has_ended() {
            let began = Instant::now();
            self.look();
            std::thread::sleep(LOOK_EVERY.max(began.elapsed() * SHARE));
        }
    }

    fn look(&self) {
        let mut force = lock(&self.force);
        let policy = std::mem::take(&mut force.policy);
        let lowered = force.lowered(&policy, &self.kept);
        force.policy = policy;
        let clock = Clock::now();
        // One that can't be lowered any more (its directory is gone) leaves the last one in force. One that could not be
        // written is tried again at the next look.
        if let Ok(table) = lowered
            && (table != force.table || clock.differs(force.clock))
        {
            let _ = self.put_in_force(&mut force, table, clock);
        }
    }
}

impl Force {
    fn lowered(&mut self, policy: &Policy, kept: &[FileId]) -> Result<Table, NotLowered> {
        let machine = Machine::now();
        let mut table = Table::lower(policy, &machine)?;
        table.seal(kept.iter().copied());
        self.follow(policy, &machine, &mut table);
        Ok(table)
    }

    /// Should a person move the directory of a zone away, what was in it stays protected.
    fn follow(&mut self, policy: &Policy, machine: &Machine, table: &mut Table) {
        let named = |path: &Path| policy.zones.iter().any(|zone| zone.path == path);
        self.roots.retain(|(path, _, root)| named(path) && root.stat().is_ok_and(|stat| stat.nlink > 0));
        for zone in &policy.zones {
            let known = |id| self.roots.iter().any(|(path, root, _)| *path == zone.path && *root == id);
            if let Looked::Directory(id) = machine.look(&zone.path)
                && !known(id)
                && let Ok(root) = Handle::open(&zone.path)
            {
                self.roots.push((zone.path.clone(), id, root));
            }
        }
        for (path, id, root) in &self.roots {
            if machine.look(path) != Looked::Directory(*id) {
                table.follow(path, *id, &machine.above(root));
            }
        }
    }
}

/// Hears what the kernel tells of the session.
struct Ear {
    zones: Versions,
    alone: bool,
    witness: Arc<dyn Witness>,
}

impl Hears for Ear {
    fn record(&self, bytes: &[u8]) {
        let record = Record::decode(bytes).ok();
        let zones = record.as_ref().and_then(|record| lock(&self.zones).get(&record.version).cloned());
        match record.and_then(|record| denial(&record, &zones.unwrap_or_default())) {
            Some(denial) => self.witness.denied(denial),
            None => self.witness.lost(1),
        }
    }

    fn own_went(&self, count: u64) {
        if self.alone {
            self.witness.own_went(count);
        }
    }

    fn lost(&self, count: u64) {
        self.witness.lost(count);
    }
}
