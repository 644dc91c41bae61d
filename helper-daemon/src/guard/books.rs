//! What a guard writes down, and where.

use super::recent::{Recent, Since};
use crate::deeds::{Deed, Deeds};
use crate::denial::{Denial, DenialRecord};
use crate::engine::Witness;
use crate::ledger::{Counts, DenialsFile, End, Ledger, OverrideRecord, PolicyRecord, Record, StashRecord};
use crate::policy::judge::Reason;
use crate::policy::{Override, Policy};
use crate::protocol::{Granter, RefusalCode};
use crate::session::SessionId;
use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often the ledger's lock is tried, and how long apart.
const LOCK_TRIES: usize = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The ledger, the shared file of denials, and the counts.
pub(super) struct Books {
    pages: Mutex<Pages>,
    canary: PathBuf,
}

struct Pages {
    ledger: Ledger<File>,
    denials: DenialsFile,
    counts: Counts,
    deeds: Deeds,
    recent: Recent,
    /// Who granted what is for a single use and not used yet, by its number.
    single_uses: HashMap<u64, Granter>,
    /// The numbers of those that were used since somebody asked.
    used_up: Vec<u64>,
    /// `None` once the session runs: until then the only denial is the canary's.
    proof: Option<Proof>,
    /// The end is written: what comes after it concerns nobody, and is not recorded.
    closed: bool,
    /// A second hold on the ledger's description, locked: whoever reads the ledger sees that the session lives.
    _lives: Option<Flock<File>>,
}

impl Pages {
    fn write(&mut self, record: Record) {
        if !self.closed {
            self.ledger.append(record, Timestamp::now());
        }
    }
}

#[derive(Default)]
struct Proof {
    canary: Option<Reason>,
}

impl Books {
    pub(super) fn new(ledger: File, denials: File, session: SessionId, canary: PathBuf) -> Self {
        let lives = ledger.try_clone().ok().and_then(lock);
        let pages = Pages {
            ledger: Ledger::new(ledger, session),
            denials: DenialsFile::new(denials),
            counts: Counts::default(),
            deeds: Deeds::default(),
            recent: Recent::default(),
            single_uses: HashMap::new(),
            used_up: Vec::new(),
            proof: Some(Proof::default()),
            closed: false,
            _lives: lives,
        };
        Self { pages: Mutex::new(pages), canary }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the canary's removal was denied, if it was; from now on denials are recorded.
    pub(super) fn end_proof(&self) -> Option<Reason> {
        self.pages().proof.take()?.canary
    }

    pub(super) fn write(&self, record: Record) {
        self.pages().write(record);
    }

    /// Records a change of policy, and which overrides came and went with it.
    pub(super) fn policy_replaced(&self, old: &Policy, new: &Policy, detail: String) {
        self.write(Record::Policy(PolicyRecord { change: "replaced".into(), detail }));
        self.overrides_changed(old, new);
    }

    /// Records which overrides came and went.
    pub(super) fn overrides_changed(&self, old: &Policy, new: &Policy) {
        let internal =
            |path: &PathBuf| new.zones.iter().any(|zone| zone.internal && path.starts_with(&zone.path));
        for (change, from, without) in [("removed", old, new), ("added", new, old)] {
            let changed =
                from.overrides.iter().filter(|o| !without.overrides.contains(o) && !internal(&o.path));
            for what in changed {
                self.override_changed(change, what, None);
            }
        }
    }

    /// Records that an override came or went, and who saw to it.
    pub(super) fn override_changed(&self, change: &str, what: &Override, by: Option<&Granter>) {
        self.write(Record::Override(OverrideRecord::new(change, what, by)));
    }

    /// What is for a single use was granted by this one: so it is recorded when it is used.
    pub(super) fn will_be_used(&self, number: u64, by: &Granter) {
        self.pages().single_uses.insert(number, by.clone());
    }

    /// The numbers of those for a single use that were used since this was asked last.
    pub(super) fn take_used_up(&self) -> Vec<u64> {
        std::mem::take(&mut self.pages().used_up)
    }

    /// What was denied, of what is remembered.
    pub(super) fn denied_since(
        &self,
        since: Option<u64>,
        reader: Option<&str>,
    ) -> Result<Since, RefusalCode> {
        self.pages().recent.since(since, reader)
    }

    pub(super) fn counts(&self) -> Counts {
        let pages = self.pages();
        Counts { lost: pages.counts.lost + pages.ledger.lost(), ..pages.counts }
    }

    pub(super) fn close(&self, status: Option<i32>) {
        let rest = self.pages().deeds.rest();
        if let Some(rest) = rest {
            self.write(Record::Own(rest));
        }
        let counts = self.counts();
        self.write(Record::SessionEnd(End { status, counts }));
        self.pages().closed = true;
    }
}

/// Whoever looks whether the session lives holds the lock for a moment.
fn lock(mut file: File) -> Option<Flock<File>> {
    for _ in 0..LOCK_TRIES {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Some(lock),
            Err((unlocked, _)) => file = unlocked,
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    None
}

impl Witness for Books {
    fn denied(&self, denial: Denial) {
        let mut pages = self.pages();
        if let Some(proof) = &mut pages.proof {
            if denial.path == self.canary {
                proof.canary = Some(denial.reason);
            }
            return;
        }
        let now = Timestamp::now();
        pages.counts.denied += 1;
        pages.recent.add(&denial, now.as_millisecond());
        pages.ledger.append(Record::Denial(DenialRecord::from(&denial)), now);
        if pages.denials.append(&denial, now.as_second()).is_err() {
            pages.counts.lost += 1;
        }
    }

    fn stashed(&self, what: Denial, entries: Vec<u64>) {
        let mut pages = self.pages();
        pages.counts.stashed += 1;
        let record = StashRecord { entries, what: DenialRecord::from(&what) };
        pages.write(Record::Stash(record));
    }

    fn own(&self, deed: Deed) {
        let mut pages = self.pages();
        pages.counts.own_removed += u64::from(deed.takes_away());
        // Until the session runs it is the armed child's, which is es-guard itself.
        if pages.proof.is_none()
            && let Some(due) = pages.deeds.note(deed, Instant::now())
        {
            pages.write(Record::Own(due));
        }
    }

    fn used_up(&self, what: Override) {
        let mut pages = self.pages();
        let Some(number) = what.once else { return };
        let by = pages.single_uses.remove(&number);
        pages.used_up.push(number);
        pages.write(Record::Override(OverrideRecord::new("used", &what, by.as_ref())));
    }

    fn rests(&self) {
        let mut pages = self.pages();
        if let Some(due) = pages.deeds.due() {
            pages.write(Record::Own(due));
        }
    }

    fn own_went(&self, count: u64) {
        let mut pages = self.pages();
        if pages.proof.is_none() {
            pages.counts.own_removed += count;
        }
    }

    fn lost(&self, count: u64) {
        let mut pages = self.pages();
        if pages.proof.is_some() {
            return;
        }
        pages.counts.denied += count;
        pages.counts.lost += count;
        let detail = format!(
            "operations that were denied faster than they could be told of, and are not listed: {count}"
        );
        pages.write(Record::Policy(PolicyRecord { change: "incident".into(), detail }));
    }
}

#[cfg(test)]
mod tests;
