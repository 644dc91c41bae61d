//! A guard in this very process: an engine and the books.

use super::books::Books;
use super::engine::{Beginning, Child, Engine, Starter};
use super::grants::{Grant, Grants};
use super::nested::Nested;
use super::requests::Requests;
use super::{Guard, Records, failed};
use crate::explain::Wording;
use crate::ledger::{Counts, PolicyRecord, Record, start_of};
use crate::policy::judge::Reason;
use crate::policy::{self, Override, Policy};
use crate::protocol::{Failure, Granter, LiveOverride, RefusalCode, Register};
use crate::session::SessionInfo;
use nix::unistd::Pid;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A guard in this process.
pub struct Local {
    info: SessionInfo,
    rules: Mutex<Rules>,
    pub(super) books: Arc<Books>,
    pub(super) engine: OnceLock<Box<dyn Engine>>,
    starter: Mutex<Option<(Box<dyn Starter>, Beginning)>>,
    wording: Option<Wording>,
}

/// What is judged by.
pub(super) struct Rules {
    /// The owner's.
    pub(super) policy: Policy,
    pub(super) grants: Grants,
    pub(super) nested: Nested,
    pub(super) requests: Requests,
    /// The number of the last grant for a single use.
    pub(super) single_uses: u64,
    /// Whether the agent has begun.
    begun: bool,
}

impl Local {
    /// A guard for the session that asks to be registered.
    pub fn new(register: Register, records: Records, starter: impl Starter + 'static) -> Self {
        let Register { session: info, policy, canary, explain, .. } = register;
        let wording = explain.map(|command| Wording { command, session: info.id.clone() });
        let file = |file: &File| file.metadata().ok().map(|found| (found.dev(), found.ino()));
        let Records { ledger, denials, index, data } = records;
        let kept = [&ledger, &denials, &index].into_iter().filter_map(file).collect();
        let books = Arc::new(Books::new(ledger, denials, info.id.clone(), canary));
        let beginning = Beginning {
            session: info.id.clone(),
            policy: policy.clone(),
            kept,
            stash: (index, data),
            witness: books.clone(),
        };
        let rules = Rules {
            policy,
            grants: Grants::default(),
            nested: Nested::default(),
            requests: Requests::default(),
            single_uses: 0,
            begun: false,
        };
        Self {
            info,
            rules: Mutex::new(rules),
            books,
            engine: OnceLock::new(),
            starter: Mutex::new(Some((Box::new(starter), beginning))),
            wording,
        }
    }

    /// One more of es-guard's processes that the tree must not reach.
    pub fn defend(&self, process: Pid, held: OwnedFd) {
        if let Some(engine) = self.engine.get() {
            engine.defend(process, held);
        }
    }

    /// Lets a path through, from the next call on. `now` in Unix seconds.
    pub fn grant(&self, what: Override, by: Granter, now: u64) -> Result<LiveOverride, RefusalCode> {
        let mut rules = self.running()?;
        let granted = self.let_through(&mut rules, Grant { what, by }, now)?;
        self.grant_meets_requests(&mut rules, &granted, now);
        Ok(granted)
    }

    pub(super) fn let_through(
        &self,
        rules: &mut Rules,
        grant: Grant,
        now: u64,
    ) -> Result<LiveOverride, RefusalCode> {
        let guarded = rules.guarded();
        let earlier = rules.grants.add(grant.clone(), &guarded, now)?;
        if let Some(earlier) = earlier {
            self.books.override_changed("removed", &earlier.what, Some(&grant.by));
        }
        if let Some(number) = grant.what.once {
            self.books.will_be_used(number, &grant.by);
        }
        self.books.override_changed("added", &grant.what, Some(&grant.by));
        self.judge_by(rules);
        Ok(grant.live())
    }

    /// Takes a grant back, from the next call on.
    pub fn revoke(&self, path: &Path, by: &Granter) -> Result<LiveOverride, RefusalCode> {
        let mut rules = self.running()?;
        let taken = rules.grants.take(path);
        let first = taken.first().map(Grant::live).ok_or(RefusalCode::NotGranted)?;
        self.judge_by(&rules);
        for grant in taken {
            self.books.override_changed("removed", &grant.what, Some(by));
        }
        Ok(first)
    }

    /// Guards by another policy, too, from the next call on.
    pub fn narrow(&self, layer: Policy, by: &Granter) -> Result<(), RefusalCode> {
        let mut rules = self.running()?;
        let zones = layer.visible_zones().map(|zone| format!("+{}", zone.path.display()));
        let zones = zones.collect::<Vec<_>>().join(", ");
        let before = rules.nested.clone();
        rules.nested.add(layer)?;
        if self.try_judging_by(&rules).is_err() {
            rules.nested = before;
            return Err(RefusalCode::NotJudged);
        }
        let detail =
            format!("zones: {zones}, for a session inside this one (process {}, {})", by.pid, by.exe);
        self.books.write(Record::Policy(PolicyRecord { change: "narrowed".into(), detail }));
        Ok(())
    }

    /// Takes away the grants that have expired by `now`; answers when the next one will, in Unix seconds.
    pub fn expire_grants(&self, now: u64) -> Option<u64> {
        let mut rules = self.rules();
        let expired = rules.grants.expire(now);
        if !expired.is_empty() {
            self.judge_by(&rules);
        }
        for grant in expired {
            self.books.override_changed("expired", &grant.what, Some(&grant.by));
        }
        rules.grants.next_expiry()
    }

    /// What is let through: by the policy file, without es-guard's own; by grants.
    pub fn overrides(&self, now: u64) -> Vec<LiveOverride> {
        let rules = self.rules();
        let own = |what: &Override| {
            rules.policy.zones.iter().any(|zone| zone.internal && what.path.starts_with(&zone.path))
        };
        let lives = |end: Option<u64>| end.is_none_or(|end| now < end);
        let of_file = rules.policy.overrides.iter().filter(|what| !own(what)).cloned();
        let of_file = of_file.map(|what| LiveOverride::new(&what, None));
        of_file.chain(rules.grants.live()).filter(|what| lives(what.expires_at)).collect()
    }

    /// Something went wrong in the engine, which whoever looks at the session should know.
    pub fn incident(&self, detail: String) {
        self.books.write(Record::Policy(PolicyRecord { change: "incident".into(), detail }));
    }

    /// What was counted so far; something that was answered just now may be missing.
    pub fn counts(&self) -> Counts {
        self.books.counts()
    }

    /// The zones as they are now, without es-guard's own.
    pub fn zones(&self) -> Vec<String> {
        let all = self.rules().guarded();
        all.visible_zones().map(|zone| zone.path.to_string_lossy().into_owned()).collect()
    }

    /// Who decides what is asked for.
    pub fn decided_by(&self) -> policy::Requests {
        self.rules().policy.asking.requests
    }

    pub(super) fn rules(&self) -> MutexGuard<'_, Rules> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        // The engine lets nothing more through by them, whether they are taken away here or not yet.
        rules.grants.use_up(&self.books.take_used_up());
        rules
    }

    pub(super) fn running(&self) -> Result<MutexGuard<'_, Rules>, RefusalCode> {
        let rules = self.rules();
        if rules.begun { Ok(rules) } else { Err(RefusalCode::NotRunning) }
    }

    fn judge_by(&self, rules: &Rules) {
        if let Err(detail) = self.try_judging_by(rules) {
            self.policy_refused(detail);
        }
    }

    fn try_judging_by(&self, rules: &Rules) -> Result<(), String> {
        self.engine.get().map_or(Ok(()), |engine| engine.set_policy(rules.judged_by()))
    }
}

impl Rules {
    /// What is guarded, whatever was granted.
    pub(super) fn guarded(&self) -> Policy {
        self.nested.beside(self.policy.clone())
    }

    /// What is judged by.
    pub(super) fn judged_by(&self) -> Policy {
        self.nested.beside(self.grants.on(&self.policy))
    }
}

impl Guard for Local {
    fn arm(&self, child: Child) -> Result<String, Failure> {
        let starter = self.starter.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (starter, beginning) = starter.ok_or_else(|| failed("the session is armed already"))?;
        let engine = starter.start(child, beginning)?;
        let name = engine.name();
        self.engine.set(engine).map_err(|_| failed("the session is armed already"))?;
        Ok(name.to_owned())
    }

    fn end_proof(&self) -> Result<Option<Reason>, Failure> {
        // The canary may have heard its answer before the books heard of it: another thread may have answered
        // the control meanwhile.
        self.settle();
        Ok(self.books.end_proof())
    }

    fn begin(&self, agent: i32) -> Result<(), Failure> {
        let mut rules = self.rules();
        rules.begun = true;
        // Not before: the proof is refused something in the place of the agent.
        if let (Some(engine), Some(wording)) = (self.engine.get(), &self.wording) {
            engine.explain(wording.clone());
        }
        let policy = &rules.policy;
        let zones = policy.visible_zones().map(|zone| zone.path.to_string_lossy().into_owned());
        let engine = self.engine.get().map_or("", |engine| engine.name());
        self.books.write(start_of(&self.info, engine, agent, zones));
        self.books.overrides_changed(&Policy::default(), policy);
        Ok(())
    }

    fn replace_policy(&self, new: Policy, detail: String) {
        let mut rules = self.rules();
        let old = std::mem::replace(&mut rules.policy, new);
        if let Err(why) = self.try_judging_by(&rules) {
            rules.policy = old;
            return self.policy_refused(why);
        }
        self.books.policy_replaced(&old, &rules.policy, detail);
    }

    fn policy_refused(&self, detail: String) {
        self.books.write(Record::Policy(PolicyRecord { change: "refused".into(), detail }));
    }

    fn settle(&self) -> Counts {
        if let Some(engine) = self.engine.get() {
            engine.settle();
        }
        self.books.counts()
    }

    fn close(&self, status: Option<i32>) {
        self.settle();
        // What is recorded after the end would be no part of the session.
        let mut rules = self.rules();
        rules.begun = false;
        rules.grants = Grants::default();
        self.books.close(status);
    }
}
