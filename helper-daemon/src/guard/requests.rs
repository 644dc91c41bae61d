//! The requests of one session, and what has become of them. Pure: it reads no clock and writes nothing down.
//!
//! They come from where nobody is trusted: they are bounded in number and rate, and what is asked for again is
//! the same request.

use crate::policy::operation::Op;
use crate::protocol::{
    AccessRequest, Granter, LiveOverride, MAX_PENDING, MAX_REASON, RefusalCode, RequestState,
};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// How many requests may come at once, and how many seconds later another one may.
const BURST: u64 = 10;
const SECONDS_EACH: u64 = 6;
/// For so many seconds a refusal answers whoever asks for the same again.
const REFUSED_FOR: u64 = 30;
/// So many that were answered are remembered.
const ANSWERED: usize = 64;

/// The requests of one session.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// The number of the last one.
    last: u64,
    version: u64,
    pending: Vec<AccessRequest>,
    /// The latest answered last, each with when that was.
    answered: VecDeque<(u64, AccessRequest)>,
    /// Up to when, in Unix seconds, requests have used up the allowance.
    used_until: u64,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) path: PathBuf,
    pub(super) op: Option<Op>,
    pub(super) reason: String,
    pub(super) seconds: Option<u64>,
    pub(super) by: Granter,
}

/// A request that was made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// It is a new one.
    New(AccessRequest),
    /// It is this one again.
    Again(AccessRequest),
}

impl Requests {
    /// Takes a request. What it asks for was looked at already.
    pub(super) fn add(&mut self, wish: Wish, now: u64) -> Result<Made, RefusalCode> {
        if wish.reason.trim().is_empty() {
            return Err(RefusalCode::NoReason);
        }
        if wish.reason.len() > MAX_REASON {
            return Err(RefusalCode::ReasonTooLong);
        }
        let same = |request: &&mut AccessRequest| request.path == wish.path && request.op == wish.op;
        let refused = self.answered.iter_mut().rev().filter(|(when, request)| {
            matches!(request.state, RequestState::Denied { .. }) && now < when.saturating_add(REFUSED_FOR)
        });
        let mut known = self.pending.iter_mut().chain(refused.map(|(_, request)| request));
        if let Some(request) = known.find(same) {
            request.times = request.times.saturating_add(1);
            return Ok(Made::Again(request.clone()));
        }
        if self.pending.len() >= MAX_PENDING {
            return Err(RefusalCode::TooManyRequests);
        }
        let used_until = self.used_until.max(now) + SECONDS_EACH;
        if used_until > now + BURST * SECONDS_EACH {
            return Err(RefusalCode::AskedTooOften);
        }
        self.used_until = used_until;
        self.last += 1;
        self.version += 1;
        let Wish { path, op, reason, seconds, by } = wish;
        let (number, state) = (self.last, RequestState::Pending);
        let request = AccessRequest { number, path, op, reason, seconds, asked_at: now, times: 1, by, state };
        self.pending.push(request.clone());
        Ok(Made::New(request))
    }

    /// One that waits for an answer.
    pub(super) fn pending_one(&self, number: u64) -> Result<&AccessRequest, RefusalCode> {
        let found = self.pending.iter().find(|request| request.number == number);
        found.ok_or_else(|| {
            let answered = self.answered.iter().any(|(_, request)| request.number == number);
            if answered { RefusalCode::AnsweredAlready } else { RefusalCode::NoSuchRequest }
        })
    }

    /// Notes what has become of one that waits.
    pub(super) fn answer(
        &mut self,
        number: u64,
        state: RequestState,
        now: u64,
    ) -> Result<AccessRequest, RefusalCode> {
        self.pending_one(number)?;
        let at = self.pending.iter().position(|request| request.number == number).unwrap_or_default();
        let request = AccessRequest { state, ..self.pending.remove(at) };
        self.version += 1;
        if self.answered.len() == ANSWERED {
            self.answered.pop_front();
        }
        self.answered.push_back((now, request.clone()));
        Ok(request)
    }

    /// Those that wait for what is granted now.
    pub(super) fn met_by(&self, granted: &LiveOverride) -> Vec<u64> {
        let met = |request: &&AccessRequest| {
            let place = if granted.once {
                request.path == granted.path
            } else {
                request.path.starts_with(&granted.path)
            };
            place && (granted.op.is_none() || granted.op == request.op)
        };
        self.pending.iter().filter(met).map(|request| request.number).collect()
    }

    /// One of this number, whatever has become of it.
    pub(super) fn one(&self, number: u64) -> Option<&AccessRequest> {
        self.all().find(|request| request.number == number)
    }

    /// The last one for a path or something that holds it, and this operation.
    pub(super) fn last_for(&self, path: &Path, op: Op) -> Option<&AccessRequest> {
        let covers = |request: &&AccessRequest| {
            path.starts_with(&request.path) && request.op.is_none_or(|asked| asked == op)
        };
        self.all().filter(covers).max_by_key(|request| request.number)
    }

    fn all(&self) -> impl Iterator<Item = &AccessRequest> {
        self.pending.iter().chain(self.answered.iter().map(|(_, request)| request))
    }

    /// Those that wait for an answer, and the version of this list.
    pub(super) fn pending(&self) -> (&[AccessRequest], u64) {
        (&self.pending, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by() -> Granter {
        Granter { uid: 1, pid: 2, exe: "/bin/x".into() }
    }

    fn wish(path: &str) -> Wish {
        Wish { path: path.into(), op: None, reason: "why".into(), seconds: None, by: by() }
    }

    fn denied() -> RequestState {
        RequestState::Denied { word: None, denied_by: Some(by()) }
    }

    fn number(made: Result<Made, RefusalCode>) -> Result<(u64, u64), RefusalCode> {
        made.map(|(Made::New(request) | Made::Again(request))| (request.number, request.times))
    }

    #[test]
    fn asked_a_hundred_times_it_is_one_request() {
        let mut requests = Requests::default();
        for n in 1..=100 {
            assert_eq!(number(requests.add(wish("/p/a"), 7)), Ok((1, n)));
        }
        assert_eq!(requests.pending().0.len(), 1);
        let other = Wish { op: Some(Op::Unlink), ..wish("/p/a") };
        assert_eq!(number(requests.add(other, 7)), Ok((2, 1)));
    }

    #[test]
    fn many_different_ones_are_too_many_and_then_a_few_again() {
        let mut requests = Requests::default();
        let mut ask =
            |n: u64, now| number(requests.add(wish(&format!("/p/{n}")), now)).map(|(number, _)| number);
        for n in 1..=BURST {
            assert_eq!(ask(n, 100), Ok(n));
        }
        assert_eq!(ask(11, 100), Err(RefusalCode::AskedTooOften));
        assert_eq!(ask(11, 100 + SECONDS_EACH), Ok(11));
        assert_eq!(ask(12, 100 + SECONDS_EACH), Err(RefusalCode::AskedTooOften));
        for n in 12..=MAX_PENDING as u64 {
            assert_eq!(ask(n, 1000), Ok(n));
        }
        assert_eq!(ask(17, 9000), Err(RefusalCode::TooManyRequests));
    }

    #[test]
    fn a_refusal_answers_for_a_while() {
        let mut requests = Requests::default();
        requests.add(wish("/p/a"), 100).unwrap();
        let answered = requests.answer(1, denied(), 100).unwrap();
        assert_eq!(answered.state, denied());
        let Ok(Made::Again(again)) = requests.add(wish("/p/a"), 129) else { panic!("a new one") };
        assert_eq!((again.number, &again.state), (1, &denied()));
        assert_eq!(number(requests.add(wish("/p/a"), 130)), Ok((2, 1)));
        assert_eq!(requests.last_for(Path::new("/p/a/x"), Op::Unlink).unwrap().number, 2);
        assert_eq!(requests.last_for(Path::new("/p/b"), Op::Unlink), None);
        requests.add(Wish { op: Some(Op::Rmdir), ..wish("/p/b") }, 200).unwrap();
        assert_eq!(requests.last_for(Path::new("/p/b/x"), Op::Unlink), None);
        assert_eq!(requests.last_for(Path::new("/p/b/x"), Op::Rmdir).unwrap().number, 3);
    }

    #[test]
    fn each_is_answered_once_and_remembered_for_a_while() {
        let mut requests = Requests::default();
        assert_eq!(requests.answer(1, denied(), 0), Err(RefusalCode::NoSuchRequest));
        for n in 0..=ANSWERED as u64 {
            requests.add(wish(&format!("/p/{n}")), n * 100).unwrap();
            let (version, number) = (requests.pending().1, n + 1);
            requests.answer(number, denied(), n * 100).unwrap();
            assert!(requests.pending().1 > version);
            assert_eq!(requests.answer(number, denied(), 0), Err(RefusalCode::AnsweredAlready));
        }
        assert_eq!(requests.one(1), None);
        assert!(requests.one(2).is_some());
    }

    #[test]
    fn what_is_granted_meets_what_lies_in_it() {
        let mut requests = Requests::default();
        requests.add(wish("/p/a/x"), 0).unwrap();
        requests.add(Wish { op: Some(Op::Unlink), ..wish("/p/a") }, 0).unwrap();
        let what = crate::policy::Override { path: "/p/a".into(), ..Default::default() };
        let granted = LiveOverride::new(&what, None);
        assert_eq!(requests.met_by(&granted), [1, 2]);
        assert_eq!(requests.met_by(&LiveOverride { once: true, ..granted.clone() }), [2]);
        assert_eq!(requests.met_by(&LiveOverride { op: Some(Op::Rename), ..granted.clone() }), [0u64; 0]);
        assert_eq!(requests.met_by(&LiveOverride { path: "/p/b".into(), ..granted }), [0u64; 0]);
    }

    #[test]
    fn without_a_reason_there_is_no_request() {
        let mut requests = Requests::default();
        let of = |reason: String| Wish { reason, ..wish("/p/a") };
        assert_eq!(requests.add(of(" \n".into()), 0), Err(RefusalCode::NoReason));
        assert_eq!(requests.add(of("x".repeat(MAX_REASON + 1)), 0), Err(RefusalCode::ReasonTooLong));
    }
}
