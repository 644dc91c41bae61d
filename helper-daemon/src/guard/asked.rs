//! What a session is asked about: requests for paths and their answers, what was denied, what would be.

use super::grants::{Grant, check_path, is_plain};
use super::local::{Local, Rules};
use super::requests::{Made, Wish};
use crate::ledger::{AnswerRecord, Record, RequestRecord};
use crate::policy::check::{Checked, check, operation};
use crate::policy::operation::{Kind, Op, Place};
use crate::policy::{Override, Policy, Requests};
use crate::protocol::{
    AccessRequest, Decision, Event, Granter, LiveOverride, ONCE_WITHIN, RefusalCode, RequestState,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a denial that was answered may take to be noted.
const NOTED_WITHIN: Duration = Duration::from_millis(100);

/// A path that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Absolute and resolved.
    pub path: PathBuf,
    /// For this operation alone; `None`: any.
    pub op: Option<Op>,
    /// Why.
    pub reason: String,
    /// For how long; `None`: whoever answers says.
    pub seconds: Option<u64>,
}

impl Local {
    /// Takes a request; one that was made before is the same one. `now` in Unix seconds.
    pub fn request(&self, asked: Asked, by: Granter, now: u64) -> Result<AccessRequest, RefusalCode> {
        let mut rules = self.running()?;
        let Asked { path, op, reason, seconds } = asked;
        check_path(&path, &rules.guarded())?;
        if is_let_through(&rules.judged_by(), &path, op, now) {
            return Err(RefusalCode::LetThroughAlready);
        }
        match rules.requests.add(Wish { path, op, reason, seconds, by }, now)? {
            Made::Again(request) => Ok(request),
            Made::New(request) => {
                self.books.write(Record::Request(RequestRecord::from(&request)));
                self.decided_by_policy(&mut rules, request, now)
            }
        }
    }

    /// A request as it stands once the policy has had its say.
    fn decided_by_policy(
        &self,
        rules: &mut Rules,
        request: AccessRequest,
        now: u64,
    ) -> Result<AccessRequest, RefusalCode> {
        let asking = &rules.policy.asking;
        let rule = Some(asking.requests.word().to_owned());
        if asking.requests == Requests::Deny {
            let word = Some("the policy refuses every request".to_owned());
            let record = AnswerRecord {
                word: word.clone(),
                rule,
                ..AnswerRecord::new(&request, Decision::Deny.word())
            };
            self.books.write(Record::Answer(record));
            return rules.requests.answer(
                request.number,
                RequestState::Denied { word, denied_by: None },
                now,
            );
        }
        let Some(seconds) = asking.itself(&request.path, request.seconds) else { return Ok(request) };
        let end = now.saturating_add(seconds);
        let by = request.by.clone();
        let record = AnswerRecord {
            expires_at: Some(end),
            by: Some(by.clone()),
            rule,
            ..AnswerRecord::new(&request, Decision::Until(end).word())
        };
        let (path, op, reason) = (request.path.clone(), request.op, Some(request.reason.clone()));
        let what = Override { path, expires_at: Some(end), reason, op, once: None };
        self.grant_request(rules, &request, record, Grant { what, by }, now)
    }

    /// Answers a request that waits.
    pub fn answer(
        &self,
        number: u64,
        decision: Decision,
        word: Option<String>,
        by: &Granter,
        now: u64,
    ) -> Result<AccessRequest, RefusalCode> {
        let mut rules = self.running()?;
        let request = rules.requests.pending_one(number)?.clone();
        if word.as_ref().is_some_and(|word| word.len() > crate::protocol::MAX_REASON) {
            return Err(RefusalCode::ReasonTooLong);
        }
        let expires_at = match decision {
            Decision::Once => Some(now.saturating_add(ONCE_WITHIN)),
            Decision::Until(end) => Some(end),
            Decision::Session | Decision::Deny => None,
        };
        let record = AnswerRecord {
            expires_at,
            word: word.clone(),
            by: Some(by.clone()),
            ..AnswerRecord::new(&request, decision.word())
        };
        if decision == Decision::Deny {
            self.books.write(Record::Answer(record));
            let state = RequestState::Denied { word, denied_by: Some(by.clone()) };
            return rules.requests.answer(number, state, now);
        }
        let once = (decision == Decision::Once).then(|| rules.next_single_use());
        let (path, op, reason) = (request.path.clone(), request.op, Some(request.reason.clone()));
        let what = Override { path, expires_at, reason, op, once };
        self.grant_request(&mut rules, &request, record, Grant { what, by: by.clone() }, now)
    }

    /// Grants what a request asks for.
    fn grant_request(
        &self,
        rules: &mut Rules,
        request: &AccessRequest,
        record: AnswerRecord,
        grant: Grant,
        now: u64,
    ) -> Result<AccessRequest, RefusalCode> {
        rules.may_let_through(&grant, now)?;
        self.books.write(Record::Answer(record));
        let granted = self.let_through(rules, grant, now)?;
        let state = RequestState::Granted { granted: granted.clone() };
        let answered = rules.requests.answer(request.number, state, now)?;
        self.grant_meets_requests(rules, &granted, now);
        Ok(answered)
    }

    /// Those that wait for what was granted just now are answered by it.
    pub(super) fn grant_meets_requests(&self, rules: &mut Rules, granted: &LiveOverride, now: u64) {
        // One that is for a single use is for whoever asked for it.
        let met = if granted.once { Vec::new() } else { rules.requests.met_by(granted) };
        for number in met {
            let state = RequestState::Granted { granted: granted.clone() };
            let Ok(request) = rules.requests.answer(number, state, now) else { continue };
            let (expires_at, by) = (granted.expires_at, granted.by.clone());
            let record = AnswerRecord { expires_at, by, ..AnswerRecord::new(&request, "granted") };
            self.books.write(Record::Answer(record));
        }
    }

    /// What has become of a request.
    pub fn one_request(&self, number: u64) -> Result<AccessRequest, RefusalCode> {
        self.rules().requests.one(number).cloned().ok_or(RefusalCode::NoSuchRequest)
    }

    /// The requests that wait for an answer, and the version of that list.
    pub fn pending_requests(&self) -> (Vec<AccessRequest>, u64) {
        let rules = self.rules();
        let (requests, version) = rules.requests.pending();
        (requests.to_vec(), version)
    }

    /// What was denied after this number; or after what the reader was told of last.
    pub fn denials(&self, since: Option<u64>, reader: Option<&str>) -> Result<Event, RefusalCode> {
        // Whoever was just refused may ask before that is noted. A call that hangs is not waited for.
        if let Some(engine) = self.engine.get() {
            engine.catch_up(NOTED_WITHIN);
        }
        let since = self.books.denied_since(since, reader)?;
        Ok(Event::Denials { denials: since.denials, last: since.last, dropped: since.dropped })
    }

    /// What would become of an operation, and the last request for it.
    pub fn check(
        &self,
        op: Op,
        path: &Path,
        dest: Option<&Path>,
        now: u64,
    ) -> Result<(Checked, Option<AccessRequest>), RefusalCode> {
        if !is_plain(path) || !dest.is_none_or(is_plain) {
            return Err(RefusalCode::BadPath);
        }
        // Without the lock: a file system may take its time.
        let place = |path: &Path| self.place(path);
        let operation = operation(op, place(path), dest.map(place)).ok_or(RefusalCode::BadOperation)?;
        let rules = self.rules();
        let checked = check(&rules.judged_by(), &operation, now);
        let for_it = rules.requests.last_for(path, op).or_else(|| rules.requests.last_for(dest?, op));
        Ok((checked, for_it.cloned()))
    }

    fn place(&self, path: &Path) -> Place {
        let kind = path.symlink_metadata().ok().map(|found| Kind::of(found.file_type()));
        let own = kind.is_some() && self.engine.get().is_some_and(|engine| engine.owns(path));
        Place::new(path, kind, own)
    }
}

impl Rules {
    fn next_single_use(&mut self) -> u64 {
        self.single_uses += 1;
        self.single_uses
    }

    /// Whether a grant would be taken: what is refused leaves no record of an answer.
    fn may_let_through(&self, grant: &Grant, now: u64) -> Result<(), RefusalCode> {
        self.grants.may_add(grant, &self.guarded(), now)
    }
}

/// Whether whatever is asked for is let through already, however often.
fn is_let_through(policy: &Policy, path: &Path, op: Option<Op>, now: u64) -> bool {
    let lasting = |what: &Override| what.once.is_none();
    policy.overrides_of(path, now, op).any(lasting)
}
